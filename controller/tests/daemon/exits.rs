//! What scripts see: exit codes, JSON on stdout, one line on stderr, and that a refusal changes nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{buoyctl, declared};

#[test]
fn refusals_have_their_exit_codes_and_change_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    for (code, words, says) in [
        (2, "fip show 203.0.113.256", "invalid"),
        (2, "pool add public 203.0.113.9-203.0.113.3", "runs backwards"),
        (2, "pool add public 203.0.113.5/24", "did you mean 203.0.113.0/24"),
        (2, "fip shw 203.0.113.100", "show"),
        (2, "provider create x --bridge br-x --uplink eth1", "needs a --gateway"),
        (2, "network create red --cidr 10.1.0.0/24 --gateway 10.2.0.1", "is not in 10.1.0.0/24"),
        (2, "instance add web-3 --network blue --port vm3 --mac ff:ff:ff:ff:ff:ff --ip 10.0.0.13", "group address"),
        (3, "fip associate 203.0.113.101 web-9", "no instance named web-9"),
        (3, "fip associate 192.0.2.1 web-1", "in no pool"),
        (3, "fip show 192.0.2.1", "in no pool"),
        (2, "fip set 203.0.113.100", "--mac <MAC|none>"),
        (2, "fip set 203.0.113.100 --mac ff:ff:ff:ff:ff:ff", "group address"),
        (2, "fip set 203.0.113.100 --mac 02:00", "or none"),
        (2, "fip set 203.0.113.100 --note a\tb", "control characters"),
        (3, "fip set 192.0.2.1 --note x", "in no pool"),
        (3, "pool show private", "no pool named private"),
        (3, "switch show br-ex", "no switch is connected as br-ex"),
        (4, "pool create more --provider lan --range 203.0.113.119-203.0.113.130", "overlaps"),
        (4, "pool create public --provider lan", "already"),
        (4, "fip associate 203.0.113.101 web-1", "has the floating IP 203.0.113.100 already"),
        (4, "fip associate 203.0.113.100 web-2 --no-move", "--no-move"),
        (4, "fip allocate --address 203.0.113.100", "allocated to project default"),
        (4, "instance remove web-1", "in use by floating IP 203.0.113.100"),
        (4, "network delete blue", "in use by instance web-1"),
        (4, "pool delete public", "in use by 203.0.113.100"),
        (4, "provider delete lan", "in use by pool public"),
    ] {
        let output = daemon.buoyctl(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {error}");
        assert!(error.contains(says), "{words}: {error}");
        assert_eq!(error.lines().count(), 1, "{words}: {error}");
        assert!(output.stdout.is_empty(), "{words}");
    }
    assert_eq!(daemon.lists(), before);
}

#[test]
fn decode_asks_no_daemon_and_exits_with_2_for_what_is_no_message() {
    let decode = |words: &str| {
        let output = buoyctl(Path::new("/nonexistent/buoyd.sock"), &format!("decode {words}"));
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        (output.status.code(), out, err)
    };
    let barrier = "OFPT_BARRIER_REQUEST (OF1.3) (xid=0x1):\n".to_owned();
    assert_eq!(decode("04140008 00000001"), (Some(0), barrier.clone(), String::new()));
    let cut = "buoyctl: message 2 is cut short: 1 of the 8 bytes of its header are there\n";
    assert_eq!(decode("0414000800000001 04"), (Some(2), barrier, cut.to_owned()));
    assert_eq!(decode("nothing").0, Some(2));
    assert_eq!(decode("").0, Some(2));
}

#[test]
fn usage_errors_are_one_line_that_says_what_was_wrong_and_where_to_read_on() {
    for (words, says) in [
        (
            "fip shw 203.0.113.100",
            "unrecognized subcommand 'shw'; tip: a similar subcommand exists: 'show' (see 'buoyctl fip --help')",
        ),
        (
            "fip list --poool x",
            "unexpected argument '--poool' found; tip: a similar argument exists: '--pool' (see 'buoyctl fip list --help')",
        ),
        (
            "--format xml pool list",
            "invalid value 'xml' for '--format <FORMAT>' [possible values: table, json] (see 'buoyctl pool list --help')",
        ),
        ("--format jso pool list", "[possible values: table, json]; tip: a similar value exists: 'json'"),
        (
            "instance add web",
            "were not provided: --network <N>, --port <OVSPORT>, --mac <MAC>, --ip <IP> (see 'buoyctl instance add --help')",
        ),
        ("pool add public", "were not provided: <RANGE>... (see"),
        ("fip show 203.0.113.256", "invalid value '203.0.113.256' for '<ADDRESS>': "),
        ("fip show 192.0.2.1 192.0.2.2", "unexpected argument '192.0.2.2' found"),
        ("--timeout -1 status", "\"-1\" is no number of seconds from 0 to 3600"),
        ("--timeout 1e9 status", "\"1e9\" is no number of seconds from 0 to 3600"),
        ("--socket", "a value is required for '--socket <PATH>' but none was supplied"),
        (
            "fip",
            "a command is missing: one of allocate, associate, disassociate, release, set, reserve, unreserve, list, show (see 'buoyctl fip --help')",
        ),
        (
            "--socket fip pool",
            "a command is missing: one of create, add, import, set, remove, forget, list, show, delete (see 'buoyctl pool --help')",
        ),
        ("network show a\n\n\u{1b}[31mb", "\"a\\n\\n\\u{1b}[31mb\" cannot be a name"),
    ] {
        let output = buoyctl(Path::new("/nonexistent/buoyd.sock"), words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}: {error}");
        assert!(error.starts_with("buoyctl: ") && error.contains(says), "{words}: {error}");
        assert_eq!((error.lines().count(), error.contains('\u{1b}')), (1, false), "{words}: {error}");
        assert!(output.stdout.is_empty(), "{words}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for (program, name) in [(env!("CARGO_BIN_EXE_buoyctl"), "buoyctl"), (env!("CARGO_BIN_EXE_buoyd"), "buoyd")] {
        for (word, says) in [("--help", format!("Usage: {name}")), ("--version", format!("{name} "))] {
            let output = Command::new(program).arg(word).output().expect("it runs");
            assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{name} {word}");
            assert!(String::from_utf8_lossy(&output.stdout).contains(&says), "{output:?}");
        }
    }
}

#[test]
fn without_a_daemon_the_exit_code_is_6_and_the_socket_is_named() {
    let output = buoyctl(Path::new("/nonexistent/buoyd.sock"), "pool list");
    assert_eq!(output.status.code(), Some(6));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("/nonexistent/buoyd.sock"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn each_answer_has_its_exit_code() {
    let refused = |kind: &str| {
        let error = json!({"code": -32000, "message": format!("because of {kind}"), "data": {"kind": kind}});
        format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "error": error}))
    };
    let kinds = [
        ("invalid", 2),
        ("not_found", 3),
        ("conflict", 4),
        ("in_use", 4),
        ("exhausted", 4),
        ("quota", 4),
        ("denied", 5),
        ("storage", 1),
    ];
    for (kind, code) in kinds {
        meets(&refused(kind), code, &format!("because of {kind}"));
    }
    meets("", 6, "hung up before it answered");
    meets("{\"jsonrpc\":\"2.0\",\"id\":1,\"res", 6, "hung up before it answered");
    meets("220 mail.example.net ESMTP\n", 1, "the daemon's answer is not JSON-RPC");
    meets("{}\n", 1, "the daemon's answer is not JSON-RPC");
    meets(&refused("no\u{1b}such\nkind"), 1, "because of no\\u{1b}such\\nkind");
}

/// Holds what buoyctl does when a daemon gives this answer and hangs up.
fn meets(answer: &str, code: i32, says: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).expect("the path is free");
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (stream, _) = listener.accept().expect("buoyctl comes");
            BufReader::new(&stream).read_line(&mut String::new()).expect("buoyctl asks");
            (&stream).write_all(answer.as_bytes()).expect("buoyctl listens");
        });
        buoyctl(&socket, "fip release 192.0.2.1")
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{answer}: {error}");
    assert!(error.contains(says), "{answer}: {error}");
    assert_eq!((error.lines().count(), output.stdout.len()), (1, 0), "{answer}: {error}");
}

#[test]
fn without_bridges_a_change_is_durable_pending_and_exits_with_7() {
    let daemon = declared();
    let output = daemon.buoyctl("--format json --timeout 0.2 fip associate 203.0.113.101 web-2");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let view: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&view["applied"], &view["pending"]), (&json!(false), &json!(["br-ex", "br-int"])));
    assert_eq!((&view["state"], &view["fixed_ip"]), (&json!("associated"), &json!("10.0.0.12")));
}

#[test]
fn the_same_request_twice_changes_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    assert!(daemon.buoyctl("--wait store fip associate 203.0.113.100 web-1").status.success());
    assert_eq!(daemon.lists(), before);
}

#[test]
fn a_released_address_waits_until_no_bridge_can_hold_it() {
    let daemon = declared();
    assert!(daemon.buoyctl("--wait store fip release 203.0.113.100").status.success());
    let output = daemon.buoyctl("--wait store fip allocate --address 203.0.113.100");
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("br-ex, br-int still has to take its flows away"));
    let other = daemon.json("--wait store fip allocate");
    assert_eq!(other["address"], "203.0.113.101");
}

#[test]
fn lists_are_bare_arrays() {
    let daemon = declared();
    for list in ["provider list", "pool list", "network list", "instance list", "fip list", "switch list", "drops"] {
        assert!(daemon.json(list).is_array(), "{list}");
    }
    assert_eq!(daemon.json("fip list --state available").as_array().map(Vec::len), Some(19));
}
