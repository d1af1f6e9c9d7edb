//! Figures over HTTP: that docs/metrics.md has all of them, and that nobody has the server for himself.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Daemon, until};

fn endpoint(daemon: &Daemon) -> PathBuf {
    daemon.dir.path().join("metrics.sock")
}

/// A daemon that serves metrics.
fn serving() -> Daemon {
    let mut daemon = Daemon::new();
    let mut command = daemon.command();
    command.arg("--metrics").arg(format!("unix:{}", endpoint(&daemon).display()));
    daemon.start_as(command);
    daemon
}

fn connect(daemon: &Daemon) -> UnixStream {
    let stream = UnixStream::connect(endpoint(daemon)).expect("it accepts");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout can be set");
    stream
}

/// All that a client is sent for a request.
fn ask(daemon: &Daemon, request: &str) -> String {
    let mut stream = connect(daemon);
    // Who is turned away may be so before it has asked.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn page(daemon: &Daemon) -> String {
    let answer = ask(daemon, GET);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    body.to_owned()
}

/// The rows of the table in docs/metrics.md: name, type, labels.
fn documented() -> BTreeSet<(String, String, BTreeSet<String>)> {
    let text = include_str!("../../../docs/metrics.md");
    let ticked = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (names, kind, labels) = (ticked(cells[1]), cells[2].to_owned(), ticked(cells[4]));
        names.into_iter().map(move |name| (name, kind.clone(), labels.iter().cloned().collect()))
    })
    .collect()
}

#[test]
fn the_names_that_are_documented_are_those_that_are_served() {
    let daemon = serving();
    for words in [
        "provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1",
        "pool create public --provider lan --range 203.0.113.100-203.0.113.119",
    ] {
        daemon.json(words);
    }
    let page = page(&daemon);
    let documented = documented();
    let typed = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let typed: BTreeSet<_> = typed.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
    let wanted: BTreeSet<_> = documented.iter().map(|(name, kind, _)| (name.clone(), kind.clone())).collect();
    assert_eq!(typed, wanted);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).expect("a sample");
        let labels: BTreeSet<_> = if line.contains('{') {
            rest.split("\",").filter_map(|label| Some(label.split_once("=\"")?.0.to_owned())).collect()
        } else {
            BTreeSet::new()
        };
        assert!(documented.iter().any(|own| own.0 == name && own.2 == labels), "{line}");
        assert_eq!(name.ends_with("_total"), typed.contains(&(name.to_owned(), "counter".to_owned())), "{line}");
    }
    for sample in [
        "buoy_floating_ips{pool=\"public\",provider=\"lan\",state=\"available\"} 20",
        "buoy_requests_total{method=\"pool.create\"} 1",
        "buoy_generation 2",
        "buoy_safe_mode 0",
    ] {
        assert!(page.lines().any(|line| line == sample), "{sample}\n{page}");
    }
    let printed = daemon.buoyctl("metrics");
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(printed.starts_with("# HELP buoy_safe_mode ") && printed.ends_with('\n'), "{printed}");
    assert!(printed.contains("buoy_requests_total{method=\"metrics.show\"} 2\n"), "{printed}");
}

#[test]
fn what_is_no_question_for_metrics_is_refused() {
    let daemon = serving();
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
    ] {
        let answer = ask(&daemon, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {answer}");
    }
    let endless = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    let mut stream = connect(&daemon);
    let _ = stream.write_all(endless.as_bytes());
    let mut status = [0; 12];
    // It may hang up on what it does not read.
    if stream.read_exact(&mut status).is_ok() {
        assert_eq!(&status, b"HTTP/1.1 431");
    }
    page(&daemon);
}

#[test]
fn nobody_has_the_server_for_himself() {
    let daemon = serving();
    // More than are served at once: those over the limit are turned away, the others hung up on when they say nothing.
    let mut idle: Vec<_> = (0..50).map(|_| connect(&daemon)).collect();
    until("there is a place again", || !ask(&daemon, GET).is_empty());
    for stream in &mut idle {
        let mut nothing = Vec::new();
        let ended = stream.read_to_end(&mut nothing);
        assert!(nothing.is_empty(), "{ended:?} {nothing:?}");
    }
}
