//! How far a watch is where nothing was wanted.

use serde_json::{Value, json};

use crate::support::{Client, Daemon, declared};

/// A connection that watches with a filter and wants to know how far that is.
fn watching(daemon: &Daemon, since: Option<u64>) -> Client {
    let params = json!({"kind": ["pool_changed"], "since": since, "progress": true});
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "watch.start", "params": params});
    let mut client = daemon.ask(&format!("{request}\n"));
    let answer = client.answer();
    assert!(answer["error"].is_null(), "{answer}");
    client
}

fn seq(message: &Value) -> u64 {
    message["params"]["seq"].as_u64().unwrap_or_else(|| panic!("{message}"))
}

/// Reads what is told of the progress, until it has come to an event.
fn seen(client: &mut Client, newest: u64) -> u64 {
    let mut last = 0;
    while last < newest {
        let message = client.answer();
        assert_eq!(message["method"], "watch.seen", "{message}");
        assert!(seq(&message) > last, "{message} after {last}");
        last = seq(&message);
    }
    last
}

#[test]
fn a_watch_is_gone_on_with_after_what_was_not_wanted() {
    let mut daemon = declared();
    let mut client = watching(&daemon, None);
    for instance in ["web-2", "web-1", "web-2"] {
        daemon.json(&format!("--wait store fip associate 203.0.113.100 {instance}"));
    }
    let newest = daemon.json("history --limit 1")[0]["seq"].as_u64().expect("a number");
    let last = seen(&mut client, newest);

    daemon.end(nix::sys::signal::Signal::SIGKILL);
    daemon.start_again();
    let mut again = watching(&daemon, Some(last));
    daemon.json("--wait store pool set public --warn-at 80");
    let message = loop {
        let message = again.answer();
        // That the daemon started was not wanted.
        if message["method"] == "watch.event" {
            break message;
        }
        assert!(seq(&message) > last, "{message}");
    };
    assert_eq!(message["params"]["kind"], "pool_changed", "{message}");
}
