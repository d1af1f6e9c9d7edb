//! Somebody in a hurry: each mistake is answered with what was wrong and what to do.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Daemon, declared};

/// Runs a command whose words may be empty or have spaces in them.
fn run(daemon: &Daemon, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buoyctl"));
    command.env("BUOY_SOCKET", daemon.socket()).args(["--wait", "store"]).args(words).output().expect("buoyctl runs")
}

#[test]
fn what_cannot_be_read_is_named_with_the_form_that_it_should_have() {
    let daemon = declared();
    let add = ["instance", "add", "web-3", "--network", "blue"];
    let with = |rest: &[&'static str]| [&add, rest].concat();
    let long = "x".repeat(300);
    let cases: [(Vec<&str>, &str); 28] = [
        (vec!["fip", "show", "203.0.113.256"], "\"203.0.113.256\" is not an IPv4 address: write it like 192.0.2.1"),
        (vec!["fip", "show", "203.0.113"], "\"203.0.113\" is not an IPv4 address"),
        (vec!["fip", "show", ""], "\"\" is not an IPv4 address"),
        (vec!["fip", "show", "203.0.113.100/32"], "\"203.0.113.100/32\" is a subnet: write the address alone"),
        (vec!["fip", "show", "2001:db8::1"], "\"2001:db8::1\" is an IPv6 address: only IPv4 is served"),
        (vec!["fip", "associate", "web-1", "203.0.113.100"], "\"web-1\" is not an IPv4 address"),
        (
            vec!["provider", "set", "lan", "--gateway", "nope"],
            "\"nope\" is not an IPv4 address: write it like 192.0.2.1, or none",
        ),
        (
            vec!["provider", "set", "lan", "--gateway-mac", "02-00-00"],
            "\"02-00-00\" is not a MAC address: write six octets in hex, like 02:00:00:00:00:01, or none",
        ),
        (
            vec!["provider", "set", "lan", "--onlink", "203.0.113.0"],
            "\"203.0.113.0\" is not a subnet: write it with its prefix length, like 192.0.2.0/24",
        ),
        (
            vec!["provider", "set", "lan", "--no-snat", "192.0.2.9"],
            "\"192.0.2.9\" is not a subnet: write it with its prefix length, like 192.0.2.0/24, or none",
        ),
        (
            vec!["provider", "set", "lan", "--no-snat", "192.0.2.0/24", "--no-snat", "none"],
            "--no-snat none stands alone: it takes all subnets away",
        ),
        (
            vec!["provider", "set", "lan", "--mtu", "67"],
            "67 is not an MTU: use 68 to 65535, the bytes of an IPv4 packet without the frame and its VLAN tag, or none",
        ),
        (vec!["provider", "set", "lan", "--mtu", "65536"], "65536 is not an MTU"),
        (
            vec!["network", "create", "red", "--gateway", "10.0.0.1", "--cidr", "10.0.0.0/33"],
            "\"10.0.0.0/33\" is not a subnet",
        ),
        (
            vec!["network", "create", "red", "--gateway", "10.0.0.1", "--cidr", "10.0.0.0/255.255.255.0"],
            "is not a subnet",
        ),
        (vec!["network", "create", "red", "--gateway", "10.0.0.1", "--cidr", "2001:db8::/64"], "is not a subnet"),
        (
            vec!["network", "create", "red net", "--gateway", "10.0.0.1", "--cidr", "10.0.0.0/24"],
            "\"red net\" cannot be a name because of ' '",
        ),
        (vec!["network", "create", "", "--gateway", "10.0.0.1", "--cidr", "10.0.0.0/24"], "a name must not be empty"),
        (
            vec!["network", "create", "☃", "--gateway", "10.0.0.1", "--cidr", "10.0.0.0/24"],
            "cannot be a name because of '☃'",
        ),
        (vec!["network", "show", &long], "a name has at most 255 bytes, this one has 300"),
        (
            with(&["--mac", "02:00:00:00:00:13", "--ip", "10.0.0.13", "--port", "vm 3"]),
            "\"vm 3\" cannot name a port or a bridge because of ' '",
        ),
        (
            with(&["--mac", "02:00:00:00:00:13", "--ip", "10.0.0.13", "--port", ""]),
            "the name of a port or a bridge must not be empty",
        ),
        (
            with(&["--mac", "020000000013", "--ip", "10.0.0.13", "--port", "vm3"]),
            "\"020000000013\" is not a MAC address",
        ),
        (
            with(&["--mac", "02:00:00:00:00:13", "--ip", "10.0.0.13", "--port", "vm3", "--vlan", "4095"]),
            "4095 is not a VLAN id: use 1 to 4094",
        ),
        (
            with(&[
                "--mac",
                "02:00:00:00:00:13",
                "--ip",
                "10.0.0.13",
                "--port",
                "vm3",
                "--vlan",
                "99999999999999999999",
            ]),
            "is not a VLAN id: use 1 to 4094",
        ),
        (vec!["pool", "add", "public", "192.0.2.1-9"], "\"192.0.2.1-9\" is not a range: write a CIDR"),
        (vec!["pool", "add", "public", "192.0.2.0/28,192.0.2.32/28"], "is not a range: write a CIDR"),
        (vec!["pool", "add", "public", "0.0.0.0/0"], "a range has at most 1048576"),
    ];
    let before = daemon.lists();
    for (words, says) in cases {
        let output = run(&daemon, &words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{words:?}: {error}");
        assert!(error.contains(says), "{words:?}: {error}");
    }
    assert_eq!(daemon.lists(), before);
}

#[test]
fn macs_are_read_as_others_write_them() {
    let daemon = declared();
    let words = "instance add web-3 --network blue --port vm3 --mac 02-00-00-00-00-1A --ip 10.0.0.13";
    let output = run(&daemon, &words.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(daemon.json("instance show web-3")["interfaces"][0]["mac"], "02:00:00:00:00:1a");
}

#[test]
fn bad_params_are_named() {
    let daemon = declared();
    let mut client = daemon.client();
    for (method, params, says) in [
        ("fip.show", json!({"address": "x"}), "fip.show: address: \"x\" is not an IPv4 address"),
        ("fip.show", json!({"address": 7}), "fip.show: address: invalid type: integer `7`"),
        ("fip.show", json!({}), "fip.show: missing field `address`"),
        ("fip.show", json!({"address": "192.0.2.1", "adress": "192.0.2.1"}), "fip.show: unknown field `adress`"),
        (
            "fip.associate",
            json!({"address": "192.0.2.1", "instance": "a b"}),
            "fip.associate: instance: \"a b\" cannot be",
        ),
        ("provider.set", json!({"name": "lan", "gateway": "x"}), "provider.set: gateway: \"x\" is not an IPv4 address"),
        ("provider.set", json!({"name": "lan", "garp": true}), "provider.set: garp: "),
        ("provider.set", json!({"name": "lan", "onlink": ["x"]}), "provider.set: onlink: \"x\" is not a subnet"),
        ("provider.set", json!({"name": "lan", "no_snat": ["x"]}), "provider.set: no_snat: \"x\" is not a subnet"),
        ("provider.set", json!({"name": "lan", "mtu": 67}), "provider.set: mtu: 67 is not an MTU"),
        (
            "network.create",
            json!({"name": "a", "cidr": "x", "gateway": "10.0.0.1"}),
            "network.create: cidr: \"x\" is not",
        ),
        ("pool.create", json!({"name": "a", "provider": "lan", "range": "x"}), "pool.create: range: invalid type"),
    ] {
        client.send(format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).as_bytes());
        let answer = client.answer();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(says), "{message} instead of {says}");
        assert_eq!(answer["error"]["code"], -32602);
    }
}

#[test]
fn a_fixed_ip_that_was_chosen_among_several_is_told() {
    let daemon = declared();
    let attach = "instance attach web-2 --network blue --port vm3 --mac 02:00:00:00:00:13 --ip 10.0.0.13";
    assert!(run(&daemon, &attach.split(' ').collect::<Vec<_>>()).status.success());
    let associate = ["fip", "associate", "203.0.113.101", "web-2"];
    let output = run(&daemon, &associate);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let says =
        "buoyctl: note: web-2 has several fixed IPs: 10.0.0.12 was taken, --fixed-ip names another (10.0.0.13)\n";
    assert_eq!((output.status.code(), told.as_str()), (Some(0), says));
    // What was named, or is so already, is not worth a word.
    for words in [&associate[..], &["fip", "associate", "203.0.113.102", "web-2", "--fixed-ip", "10.0.0.13"]] {
        let output = run(&daemon, words);
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    }
}
