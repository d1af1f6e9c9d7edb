//! What `buoyctl trace` says while no switch is connected: from the desired state, with ports and MACs assumed.

use serde_json::Value;

use crate::support::{Daemon, declared};

/// The verdict of a trace, and the names of the tables that the packet met.
fn trace(daemon: &Daemon, words: &str) -> (Value, Vec<String>) {
    let trace = daemon.json(&format!("trace {words}"));
    let tables = trace["stages"].as_array().expect("stages").iter();
    let name = |own: &Value| {
        format!("{} {}", own["bridge"].as_str().unwrap_or("?"), own["table_name"].as_str().unwrap_or("?"))
    };
    (trace["verdict"].clone(), tables.map(name).collect())
}

#[track_caller]
fn check(daemon: &Daemon, words: &str, result: &str, last: &str, says: &str) {
    let (verdict, tables) = trace(daemon, words);
    assert_eq!(verdict["result"], result, "{words}: {verdict:#}");
    assert_eq!(tables.last().map(String::as_str), Some(last), "{words}: {verdict:#}");
    assert!(verdict["sentence"].as_str().is_some_and(|own| own.contains(says)), "{words}: {verdict:#}");
}

#[test]
fn a_packet_is_followed_without_a_switch() {
    let daemon = declared();
    daemon.json("--wait store provider set lan --gateway-mac 02:00:cb:00:71:01");
    for (words, result, last, says) in [
        (
            "--from web-1 --to 198.51.100.7",
            "delivered",
            "br-ex guard",
            "provider lan gets it by eth0 of br-ex as icmp 203.0.113.100",
        ),
        ("--from web-1 --to 10.0.0.12", "delivered", "br-int deliver", "instance web-2 gets it by vm2"),
        ("--from web-1 --to 203.0.113.100", "delivered", "br-int deliver", "instance web-1 gets it by vm1"),
        ("--from gateway --to 203.0.113.100 --proto tcp --port 22", "delivered", "br-int deliver", "> 10.0.0.11:22"),
        (
            "--from uplink:lan --source 198.51.100.7 --to 203.0.113.100 --proto udp",
            "delivered",
            "br-int deliver",
            "udp 198.51.100.7:40000 > 10.0.0.11:80",
        ),
        ("--from host --to 203.0.113.100", "delivered", "br-int deliver", "instance web-1"),
        ("--from gateway --to 203.0.113.2", "delivered", "br-ex inbound", "the host gets it by LOCAL"),
        (
            "--from br-ex:eth0 --to 203.0.113.101",
            "dropped",
            "br-int destination nat",
            "to an address that is not associated",
        ),
        ("--from web-2 --to 198.51.100.7", "dropped", "br-int source nat", "without a floating IP"),
        ("--from web-1 --to 198.51.100.7 --source 10.0.0.12", "dropped", "br-int anti-spoof", "forged source address"),
        ("--from web-1 --to 10.0.0.1", "delivered", "br-int deliver", "icmp 10.0.0.1 > 10.0.0.11 type 0"),
        ("--from web-1 --to 10.0.0.1 --proto udp", "dropped", "br-int gateway back", "gateway itself"),
        ("--from web-1 --to 10.0.0.77", "dropped", "br-int route", "not in the network"),
        ("--from br-int:vm1 --bytes 02b00700000302000000009986dd", "dropped", "br-int admit", "forged source MAC"),
        (
            "--from br-int:vm1 --bytes 02b00700000302000000001186dd",
            "dropped",
            "br-int anti-spoof",
            "neither IPv4 nor ARP",
        ),
    ] {
        check(&daemon, words, result, last, says);
    }
    let whole = daemon.json("trace --from web-1 --to 198.51.100.7");
    assert_eq!(whole["assumed"], serde_json::json!(["br-ex", "br-int"]), "{whole:#}");
    let stage = &whole["stages"][4];
    assert_eq!((&stage["table"], &stage["owner"]), (&40.into(), &"nat".into()), "{stage:#}");
    assert!(stage["flow"].as_str().is_some_and(|flow| flow.contains("set_field:203.0.113.100->ip_src")), "{stage:#}");
    assert!(
        stage["sentence"].as_str().is_some_and(|own| own.contains("source address becomes 203.0.113.100")),
        "{stage:#}"
    );
}

#[test]
fn an_unknown_gateway_and_an_unassociated_address_say_so() {
    let daemon = declared();
    check(&daemon, "--from web-1 --to 198.51.100.7", "dropped", "br-ex gateway", "the gateway's MAC is not known");
    daemon.json("--wait store fip disassociate 203.0.113.100");
    check(&daemon, "--from web-1 --to 198.51.100.7", "dropped", "br-int source nat", "without a floating IP");
}

#[test]
fn who_is_not_there_sends_nothing() {
    let daemon = declared();
    daemon.json("--wait store instance attach web-1 --network blue --port vm3 --mac 02:00:00:00:00:13 --ip 10.0.0.13");
    for (words, code, says) in [
        ("--from nobody --to 10.0.0.1", 3, "no instance named nobody"),
        ("--from uplink:nobody --to 10.0.0.1", 3, "no provider named nobody"),
        ("--from br-int:vm9 --to 10.0.0.1", 3, "has no port vm9"),
        ("--from br-none:vm1 --to 10.0.0.1", 3, "no bridge br-none"),
        ("--from web-1 --to 10.0.0.1 --fixed-ip 10.0.0.99", 3, "no fixed IP 10.0.0.99"),
        ("--from web-1 --to 10.0.0.1", 2, "choose one of 10.0.0.11, 10.0.0.13 with --fixed-ip"),
        ("--from web-2 --to 198.51.100.7 --installed", 3, "no switch is connected as br-int"),
        ("--from web-2 --to 10.0.0.1/24", 2, "write the address alone"),
        ("--from web-2", 2, "--to"),
        ("--from web-2 --bytes 02zz", 2, "no hex"),
        ("--from web-2 --bytes 0200", 2, "14 to"),
        ("--from web: --to 10.0.0.1", 2, "sends nothing"),
    ] {
        let output = daemon.buoyctl(&format!("trace {words}"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words}: {error}");
        assert!(error.contains(says), "{words}: {error}");
    }
}

#[test]
fn the_socket_wants_to_know_where_a_packet_goes() {
    let daemon = declared();
    let mut client =
        daemon.ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"trace.show\",\"params\":{\"from\":\"web-1\"}}\n");
    let answer = client.answer();
    assert_eq!(answer["error"]["data"]["kind"], "invalid", "{answer}");
}
