//! `buoyctl history`: who changed what, and when.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, declared};

fn history(daemon: &Daemon, words: &str) -> Vec<Value> {
    let history = daemon.json(format!("history {words}").trim());
    history.as_array().unwrap_or_else(|| panic!("{history}")).clone()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["kind"].as_str()).collect()
}

#[test]
fn the_history_of_an_address_tells_who_did_what() {
    let daemon = declared();
    daemon.json("--wait store fip associate 203.0.113.100 web-2");
    daemon.json("--wait store fip allocate --address 203.0.113.101 --project blue");
    daemon.json("--wait store fip release 203.0.113.100");
    let told = history(&daemon, "203.0.113.100");
    assert_eq!(kinds(&told), ["allocated", "associated", "moved", "disassociated", "released"]);
    let uid = nix::unistd::geteuid().as_raw();
    assert!(told.iter().all(|event| event["subject"] == "203.0.113.100" && event["detail"]["uid"] == uid), "{told:#?}");
    assert_eq!(kinds(&history(&daemon, "203.0.113.100 --limit 2")), ["disassociated", "released"]);
    let since = told[1]["seq"].as_u64().expect("a number");
    assert_eq!(
        kinds(&history(&daemon, &format!("203.0.113.100 --since {since} --limit 2"))),
        ["moved", "disassociated"]
    );
    assert_eq!(kinds(&history(&daemon, "--project blue")), ["allocated"]);
    assert_eq!(kinds(&history(&daemon, "--subject web-1")), ["instance_created"]);
    assert_eq!(kinds(&history(&daemon, "--kind released,moved")), ["moved", "released"]);
    assert_eq!(history(&daemon, "203.0.113.119"), [] as [Value; 0]);
    assert_eq!(history(&daemon, "--limit 0"), [] as [Value; 0]);
    let text = daemon.buoyctl("history 203.0.113.100");
    let text = String::from_utf8(text.stdout).expect("text");
    let line = text.lines().nth(2).unwrap_or_default();
    assert!(text.lines().count() == 5, "{text}");
    for word in ["moved", "203.0.113.100", "previous_instance=web-1", "instance=web-2"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    // Observations are no history.
    assert!(!kinds(&history(&daemon, "")).contains(&"daemon_started"));
    for (words, code) in [("history 203.0.113", 2), ("history --limit x", 2), ("history --limit 10001", 2)] {
        assert_eq!(daemon.buoyctl(words).status.code(), Some(code), "{words}");
    }
}

#[test]
fn a_kill_leaves_each_acknowledged_change_with_its_record() {
    let mut daemon = declared();
    for round in 0..8 {
        let mut client = daemon.client();
        let change = |number: u32| {
            let instance = if number.is_multiple_of(2) { "web-2" } else { "web-1" };
            let params = json!({"address": "203.0.113.100", "instance": instance, "wait": "store"});
            format!("{}\n", json!({"jsonrpc": "2.0", "id": number, "method": "fip.associate", "params": params}))
        };
        let before = history(&daemon, "203.0.113.100").len();
        client.send((0..400).map(change).collect::<String>().as_bytes());
        // Those that share a commit, and so a place before the kill, differ from round to round.
        for _ in 0..=round * 20 {
            assert!(client.answer()["error"].is_null());
        }
        daemon.end(Signal::SIGKILL);
        daemon.start_again();
        let told = history(&daemon, "203.0.113.100");
        assert!(told.len() > before + round * 20, "{round}: {} after {before}", told.len());
        let last = told.last().expect("events");
        let shown = daemon.json("fip show 203.0.113.100");
        assert_eq!(last["detail"]["instance"], shown["instance"], "the last record tells of the state");
        assert_eq!(last["detail"]["generation"], daemon.json("status")["generation"]);
    }
}

#[test]
fn the_whole_log_is_exported_in_pages_as_one_document() {
    let daemon = declared();
    daemon.json("--wait store pool create wide --provider lan --range 198.18.0.0/20 --all-addresses");
    let mut client = daemon.client();
    let (first, count) = (u32::from_be_bytes([198, 18, 0, 0]), 2_500);
    let allocate = |number: u32| {
        let address = std::net::Ipv4Addr::from_bits(first + number).to_string();
        let params = json!({"address": address, "wait": "store"});
        format!("{}\n", json!({"jsonrpc": "2.0", "id": number, "method": "fip.allocate", "params": params}))
    };
    let twin = client.twin();
    let requests: String = (0..count).map(allocate).collect();
    let sender = std::thread::spawn(move || twin.send(requests.as_bytes()));
    for _ in 0..count {
        assert!(client.answer()["error"].is_null());
    }
    sender.join().expect("all was sent");
    let told = history(&daemon, "--kind allocated --subject 198.18.0.7");
    assert_eq!(kinds(&told), ["allocated"]);
    let all = history(&daemon, "");
    let numbers: Vec<_> = all.iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert_eq!(kinds(&all).iter().filter(|kind| **kind == "allocated").count(), 2_501);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(history(&daemon, "--since 1 --limit 2100").len(), 2_100);
    let newest = history(&daemon, "--limit 3");
    assert_eq!(newest, all[all.len() - 3..]);
}

#[test]
fn a_list_that_describes_many_addresses_is_one_event_of_its_pool() {
    let daemon = declared();
    let before = history(&daemon, "").len();
    daemon.json("--wait store pool add public 203.0.113.102-203.0.113.110 --mac 02:00:00:00:00:66");
    daemon.json("--wait store fip set 203.0.113.103 --mac 02:00:00:00:00:67");
    let told = history(&daemon, "").split_off(before);
    assert_eq!(kinds(&told), ["pool_changed", "address_changed"]);
    assert_eq!((&told[0]["subject"], &told[0]["detail"]["described"]), (&json!("public"), &json!(9)));
    assert_eq!(told[1]["detail"]["was"], json!({"mac": "02:00:00:00:00:66"}));
}
