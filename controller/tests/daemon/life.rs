//! The daemon from its start to its end, and what it says where it cannot start.

use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Daemon, declared, until};

#[test]
fn the_state_is_there_after_a_restart() {
    let mut daemon = declared();
    let before = daemon.lists();
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
    daemon.start_again();
    assert_eq!(daemon.lists(), before);
}

#[test]
fn what_is_in_flight_at_the_end_is_answered_as_it_stands() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut daemon = declared();
        let idle: Vec<_> = (0..50).map(|_| daemon.client()).collect();
        let request = |id: u8, method: &str, params: &str| {
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{{{params}\"timeout\":600}}}}\n"
            )
        };
        let associate = r#""address":"203.0.113.101","instance":"web-2","#;
        let mut waits = daemon.ask(&request(1, "fip.associate", associate));
        until("the association is stored", || daemon.json("status")["associated"] == 2);
        assert_eq!(daemon.end(signal), Some(0));
        let answer = waits.answer();
        assert_eq!((&answer["id"], &answer["result"]["state"]), (&json!(1), &json!("associated")), "{answer}");
        assert_eq!(answer["result"]["pending"], json!(["br-ex", "br-int"]));
        waits.ends();
        drop(idle);
        daemon.start_again();
        assert_eq!(daemon.json("status")["associated"], 2);
    }
}

#[test]
fn after_a_kill_the_socket_that_stayed_behind_is_replaced() {
    let mut daemon = declared();
    let before = daemon.lists();
    assert_eq!(daemon.end(Signal::SIGKILL), None);
    assert!(daemon.socket().exists() && daemon.openflow().exists());
    daemon.start_again();
    assert_eq!(daemon.lists(), before);
}

#[test]
fn at_the_end_the_sockets_that_it_made_are_gone() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut daemon = declared();
        let made = [daemon.socket(), daemon.openflow()];
        assert!(made.iter().all(|path| path.exists()), "{made:?}");
        assert_eq!(daemon.end(signal), Some(0), "{signal}");
        assert!(!made.iter().any(|path| path.exists()), "{signal}: {made:?}");
    }
}

#[test]
fn what_took_the_place_of_a_socket_stays() {
    let mut daemon = declared();
    let paths = [daemon.socket(), daemon.openflow()];
    for path in &paths {
        std::fs::remove_file(path).expect("it is there");
    }
    let other = UnixListener::bind(daemon.socket()).expect("the path is free");
    std::fs::write(daemon.openflow(), "precious").expect("the path is free");
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
    assert!(UnixStream::connect(daemon.socket()).is_ok());
    assert_eq!(std::fs::read(daemon.openflow()).expect("it is there"), b"precious");
    drop(other);
}

#[test]
fn a_daemon_that_cannot_listen_everywhere_leaves_no_socket() {
    let daemon = Daemon::new();
    std::fs::write(daemon.dir.path().join("file"), "precious").expect("it can be written");
    let taken = format!("unix:{}", daemon.dir.path().join("file").display());
    let output = daemon.command().arg("--openflow").arg(taken).output().expect("it runs");
    fails_to_start(output, "is no socket");
    assert!(!daemon.socket().exists() && !daemon.openflow().exists());
}

#[test]
fn usage_errors_are_one_line() {
    for (words, says) in [
        (
            "--sokcet x",
            "buoyd: unexpected argument '--sokcet' found; tip: a similar argument exists: '--socket' (see 'buoyd --help')",
        ),
        (
            "--openflow tcp:6653",
            "buoyd: invalid value 'tcp:6653' for '--openflow <ENDPOINT>': \"tcp:6653\" is no endpoint",
        ),
    ] {
        let command = || Command::new(env!("CARGO_BIN_EXE_buoyd"));
        let output = command().args(words.split(' ')).output().expect("it runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_one_line_with_its_place() {
    for (text, says) in [
        ("socket_path = '/x'", "buoyd.toml:1:1: unknown field `socket_path`, expected one of `state_dir`, `socket`"),
        ("\n# who\n  primary = 'yes'", "buoyd.toml:3:13: invalid type: string \"yes\", expected a boolean"),
        ("openflow = 'unix:/x'", "buoyd.toml:1:12: invalid type: string \"unix:/x\", expected a sequence"),
        (
            "openflow = [\n 'unix:/x', 'tcp:1']",
            "buoyd.toml:1:12: \"tcp:1\" is no endpoint: write tcp:HOST:PORT or unix:PATH",
        ),
        ("integration_bridge = 'br int'", "buoyd.toml:1:22: \"br int\" cannot name a port or a bridge"),
        ("primary = ", "buoyd.toml:1:11: "),
        ("primary = true\nprimary = true", "buoyd.toml:2:1: duplicate key"),
        ("'größe' = = 1", "buoyd.toml:1:11: "),
        ("openflow = ['tcp:192.0.2.1:6653']", "tcp:192.0.2.1:6653 is not loopback"),
    ] {
        let daemon = Daemon::new();
        std::fs::write(daemon.config(), text).expect("it can be written");
        fails_to_start(daemon.configured().output().expect("it runs"), says);
    }
    let daemon = Daemon::new();
    fails_to_start(daemon.configured().output().expect("it runs"), "buoyd.toml: No such file or directory");
    std::fs::write(daemon.config(), b"\xff").expect("it can be written");
    fails_to_start(daemon.configured().output().expect("it runs"), "buoyd.toml: stream did not contain valid UTF-8");
    std::fs::remove_file(daemon.config()).expect("it is there");
    std::fs::create_dir(daemon.config()).expect("it can be made");
    fails_to_start(daemon.configured().output().expect("it runs"), "buoyd.toml: Is a directory");
}

#[test]
fn an_endpoint_that_cannot_be_had_is_one_line() {
    let daemon = Daemon::new();
    std::fs::write(daemon.dir.path().join("file"), "precious").expect("it can be written");
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = format!("tcp:{}", other.local_addr().expect("it has one"));
    let file = format!("unix:{}", daemon.dir.path().join("file").display());
    let long = format!("unix:{}", daemon.dir.path().join("x".repeat(120)).display());
    for (endpoint, says) in [
        (taken.as_str(), "cannot listen for switches on tcp:127.0.0.1:"),
        (&file, "file is there and is no socket: move it away, or choose another path"),
        (&long, "path must be shorter than"),
        ("tcp:nowhere.invalid:6653", "cannot resolve tcp:nowhere.invalid:6653"),
    ] {
        fails_to_start(daemon.command().args(["--openflow", endpoint]).output().expect("it runs"), says);
    }
}

/// Holds that a daemon ended with code 1, and why: one line that is no log, and in which nothing stands twice.
fn fails_to_start(output: Output, says: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = error.lines().filter(|line| !line.contains(" INFO ")).collect();
    let [line] = lines.as_slice() else { panic!("{error}") };
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(line.starts_with("buoyd: ") && line.contains(says), "{line} instead of {says}");
    let parts: Vec<_> = line.split(": ").collect();
    assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "{line}");
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let daemon = Daemon::start();
    let mut second = Daemon::new();
    second.state.clone_from(&daemon.state);
    fails_to_start(second.command().output().expect("it runs"), "another buoyd already uses");
    let third = Daemon::new();
    let output = third.command().arg("--openflow").arg(format!("unix:{}", daemon.openflow().display())).output();
    fails_to_start(output.expect("it runs"), "another daemon answers on");
    assert!(daemon.buoyctl("status").status.success());
}
