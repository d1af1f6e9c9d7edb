//! The plan for machines as `ip` and `ovs-vsctl` show them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::check;
use super::machine::Machine;
use super::names::InterfaceName;
use super::ovs;
use super::plan::{Plan, Wanted, plan};
use super::step::Action;
use crate::cli::Exit;

fn name(text: &str) -> InterfaceName {
    text.parse().expect("a name")
}

fn wanted() -> Wanted {
    Wanted {
        uplink: name("eth0"),
        bridge: name("br-ex"),
        int_bridge: Some(name("br-int")),
        controller: "tcp:127.0.0.1:6653".to_owned(),
        datapath_type: None,
    }
}

/// A machine with one NIC that has these addresses, and with these routes.
fn machine(addresses: &Value, routes: &Value) -> Machine {
    let eth0 = json!({
        "ifindex": 2, "ifname": "eth0", "flags": ["BROADCAST", "UP"], "mtu": 1500, "link_type": "ether",
        "address": "02:00:00:00:00:02", "addr_info": addresses,
    });
    let lo = json!({ "ifindex": 1, "ifname": "lo", "flags": ["UP"], "mtu": 65536, "link_type": "loopback" });
    Machine {
        links: serde_json::from_value(json!([lo, eth0])).expect("links"),
        routes: serde_json::from_value(routes.clone()).expect("routes"),
        ..Machine::default()
    }
}

/// The lines of the step that moves, and of the one that moves back.
fn moves(plan: &Plan) -> (Vec<String>, Vec<String>) {
    let lines = |action: &Action| match action {
        Action::Ip { lines, .. } if lines.iter().any(|line| line.starts_with("address")) => Some(lines.clone()),
        _ => None,
    };
    let there = plan.steps.iter().find_map(|step| lines(&step.action)).unwrap_or_default();
    (there, plan.undo.iter().find_map(|(_, step)| lines(&step.action)).unwrap_or_default())
}

fn inet(local: &str, prefixlen: u8) -> Value {
    json!({ "family": "inet", "local": local, "prefixlen": prefixlen, "scope": "global", "label": "eth0",
            "valid_life_time": u32::MAX, "preferred_life_time": u32::MAX })
}

fn default_via(gateway: &str, flags: &[&str]) -> Value {
    json!({ "type": "unicast", "dst": "default", "gateway": gateway, "dev": "eth0", "table": "main",
            "protocol": "static", "scope": "global", "flags": flags })
}

#[test]
fn a_gateway_outside_the_subnet_moves_with_the_address() {
    let machine = machine(&json!([inet("203.0.113.2", 32)]), &json!([default_via("203.0.113.254", &["onlink"])]));
    let (there, back) = moves(&plan(&machine, &wanted()));
    assert_eq!(
        there,
        [
            "address replace 203.0.113.2/32 dev br-ex",
            "route replace default via 203.0.113.254 dev br-ex onlink proto static scope global",
            "address delete 203.0.113.2/32 dev eth0",
        ]
    );
    assert_eq!(back, there.iter().map(|line| swapped(line)).collect::<Vec<_>>());
}

/// A line with the two interfaces exchanged.
fn swapped(line: &str) -> String {
    let exchanged = |word| match word {
        "br-ex" => "eth0",
        "eth0" => "br-ex",
        other => other,
    };
    line.split(' ').map(exchanged).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_kernel_makes_itself_is_left_to_it_and_the_way_to_a_gateway_comes_first() {
    let kernel = json!({ "type": "unicast", "dst": "203.0.113.0/24", "dev": "eth0", "table": "main",
                         "protocol": "kernel", "scope": "link", "prefsrc": "203.0.113.2", "flags": [] });
    let local = json!({ "type": "local", "dst": "203.0.113.2", "dev": "eth0", "table": "local", "protocol": "kernel",
                        "scope": "host", "prefsrc": "203.0.113.2", "flags": [] });
    let to_gateway = json!({ "type": "unicast", "dst": "198.51.100.1", "dev": "eth0", "table": "main",
                             "protocol": "static", "scope": "link", "flags": [] });
    let other = json!({ "type": "unicast", "dst": "192.0.2.0/24", "gateway": "203.0.113.9", "dev": "eth0", "table": "100",
                        "protocol": "boot", "scope": "global", "prefsrc": "203.0.113.2", "metric": 50, "flags": [],
                        "metrics": [{ "mtu": 1400 }] });
    let elsewhere = json!({ "type": "unicast", "dst": "10.0.0.0/8", "dev": "eth1", "flags": [] });
    let routes = json!([default_via("198.51.100.1", &[]), other, kernel, local, to_gateway, elsewhere]);
    let (there, _) = moves(&plan(&machine(&json!([inet("203.0.113.2", 24)]), &routes), &wanted()));
    assert_eq!(
        there.get(1..4).expect("routes"),
        [
            "route replace 198.51.100.1 dev br-ex proto static scope link",
            "route replace default via 198.51.100.1 dev br-ex proto static scope global",
            "route replace 192.0.2.0/24 via 203.0.113.9 dev br-ex table 100 proto boot scope global src 203.0.113.2 \
             metric 50 mtu 1400",
        ]
    );
    assert_eq!(there.len(), 5, "{there:?}");
}

#[test]
fn ipv6_moves_without_a_pause_for_duplicates() {
    let addresses = json!([
        { "family": "inet6", "local": "2001:db8::2", "prefixlen": 64, "scope": "global", "dynamic": true,
          "mngtmpaddr": true, "valid_life_time": 86400, "preferred_life_time": 14400 },
        { "family": "inet6", "local": "fe80::ff:fe00:2", "prefixlen": 64, "scope": "link" },
    ]);
    let mut machine = machine(&addresses, &json!([]));
    let routes: Vec<super::route::Route> = serde_json::from_value(json!([
        { "type": "unicast", "dst": "default", "gateway": "fe80::1", "dev": "eth0", "table": "main", "protocol": "ra",
          "scope": "global", "metric": 1024, "flags": [], "pref": "medium", "expires": 1700 },
        { "type": "unicast", "dst": "2001:db8::/64", "dev": "eth0", "table": "main", "protocol": "kernel",
          "scope": "global", "metric": 256, "flags": [], "pref": "medium" },
        { "type": "multicast", "dst": "ff00::/8", "dev": "eth0", "table": "local", "protocol": "kernel",
          "scope": "global", "metric": 256, "flags": [], "pref": "medium" },
    ]))
    .expect("routes");
    machine.routes = routes.into_iter().map(super::route::Route::of_v6).collect();
    let (there, back) = moves(&plan(&machine, &wanted()));
    assert_eq!(
        there,
        [
            "address replace 2001:db8::2/64 mngtmpaddr nodad valid_lft 86400 preferred_lft 14400 dev br-ex",
            "address replace fe80::ff:fe00:2/64 scope link nodad dev br-ex",
            "route replace ::/0 via fe80::1 dev br-ex proto ra metric 1024 pref medium expires 1700",
            "address delete 2001:db8::2/64 dev eth0",
        ]
    );
    assert!(!back.iter().any(|line| line.contains("fe80::ff")), "the uplink has kept it: {back:?}");
}

#[test]
fn the_bridge_has_the_mac_in_the_transaction_that_makes_it() {
    let mut machine = machine(&json!([inet("203.0.113.2", 24)]), &json!([]));
    machine.links[1].mtu = 9000;
    machine.bridges = vec![ovs::Bridge { name: "br-int".into(), datapath_type: "netdev".into(), ..Default::default() }];
    let plan = plan(&machine, &wanted());
    let text = plan.steps[0].action.to_string();
    for part in [
        "add-br br-ex ",
        "set bridge br-ex datapath_type=netdev",
        r#"'other_config:hwaddr="02:00:00:00:00:02"'"#,
        "set interface br-ex mtu_request=9000",
        "set-fail-mode br-ex secure",
        "set-controller br-int tcp:127.0.0.1:6653",
        "set interface phy-br-ex type=patch options:peer=int-br-ex",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("add-br br-int"), "{text}");
    let undo = plan.undo.last().map(|(_, step)| step.action.to_string()).expect("a last one");
    assert!(undo.contains("--if-exists del-br br-ex") && !undo.contains("del-br br-int"), "{undo}");
    assert!(undo.contains("del-controller br-int") && undo.contains("del-fail-mode br-int"), "{undo}");
}

#[test]
fn a_bridge_that_was_there_gets_back_what_it_had() {
    let mut machine = machine(&json!([inet("203.0.113.2", 24)]), &json!([]));
    let hwaddr = Some("02:00:00:00:00:99".to_owned());
    let was = ovs::Bridge { name: "br-ex".into(), fail_mode: Some("standalone".into()), hwaddr, ..Default::default() };
    machine.bridges = vec![was];
    let undo = plan(&machine, &wanted()).undo.last().map(|(_, step)| step.action.to_string()).expect("a last one");
    for part in
        ["set-fail-mode br-ex standalone", r#"hwaddr="02:00:00:00:00:99""#, "del-controller br-ex", "del-br br-int"]
    {
        assert!(undo.contains(part), "{part}: {undo}");
    }
    assert!(!undo.contains("del-br br-ex"), "{undo}");
}

#[test]
fn what_cannot_go_well_is_refused_with_the_reason() {
    let whole = || machine(&json!([inet("203.0.113.2", 24)]), &json!([default_via("203.0.113.1", &[])]));
    let check = |change: &dyn Fn(&mut Machine, &mut Wanted), exit: u8, part: &str| {
        let (mut machine, mut wanted) = (whole(), wanted());
        change(&mut machine, &mut wanted);
        let error = check::refuse(&machine, &wanted).expect_err(part);
        assert!(error.to_string().contains(part), "{part}: {error}");
        let code = |exit: Exit| format!("{:?}", std::process::ExitCode::from(exit));
        assert_eq!(code(error.exit()), format!("{:?}", std::process::ExitCode::from(exit)), "{error}");
    };
    assert!(check::refuse(&whole(), &wanted()).is_ok());
    let port = |name: &str, kind: &str| ovs::Port {
        name: name.into(),
        interfaces: vec![ovs::Interface { name: name.into(), kind: kind.into(), ..Default::default() }],
    };
    check(&|_, wanted| wanted.uplink = name("eth9"), 3, "with addresses there are eth0");
    check(&|_, wanted| wanted.uplink = name("lo"), 2, "no Ethernet");
    check(&|_, wanted| wanted.bridge = name("eth0"), 2, "three different things");
    check(&|_, wanted| wanted.bridge = name("br-int"), 2, "three different things");
    check(&|_, wanted| wanted.bridge = name("lo"), 4, "no bridge of Open vSwitch");
    check(&|machine, _| machine.links[1].master = Some("bond0".into()), 4, "bond0");
    check(&|machine, _| machine.links[1].flags.clear(), 4, "is down");
    let bridge = |name: &str| ovs::Bridge { name: name.into(), ..Default::default() };
    let with_eth0 = |name: &str| ovs::Bridge { ports: vec![port("eth0", "")], ..bridge(name) };
    check(&|machine, _| machine.bridges = vec![with_eth0("br-ex")], 4, "in br-ex already");
    check(&|machine, _| machine.bridges = vec![with_eth0("br0")], 4, "port of the bridge br0");
    let neutrons = ovs::Bridge { controllers: vec!["tcp:127.0.0.1:6633".into()], ..bridge("br-int") };
    check(&|machine, _| machine.bridges = vec![neutrons.clone()], 4, "--int-bridge none");
    let patched = ovs::Bridge { ports: vec![port("int-br-ex", "internal")], ..bridge("br-int") };
    check(&|machine, _| machine.bridges = vec![patched.clone()], 4, "no patch port to phy-br-ex");
    let netdev = ovs::Bridge { datapath_type: "netdev".into(), ..bridge("br-int") };
    check(&|machine, _| machine.bridges = vec![bridge("br-ex"), netdev.clone()], 4, "system and netdev");
    let several = json!([{ "dst": "default", "nexthops": [{ "gateway": "203.0.113.1", "dev": "eth0", "weight": 1 },
                                                          { "gateway": "203.0.113.9", "dev": "eth1", "weight": 1 }] }]);
    check(
        &|machine, _| machine.routes = serde_json::from_value(several.clone()).expect("routes"),
        4,
        "several next hops",
    );
}

#[test]
fn what_is_not_carried_over_is_told() {
    let encap = json!({ "dst": "192.0.2.0/24", "gateway": "203.0.113.1", "dev": "eth0", "encap": "mpls", "flags": [],
                        "metrics": [{ "rto_min": 200 }] });
    let mut machine = machine(&json!([inet("203.0.113.2", 24)]), &json!([encap]));
    machine.named_by = vec!["nft list ruleset"];
    let warnings = check::warn(&machine, &wanted()).join("\n");
    for part in ["encap, rto_min", "`nft list ruleset` names eth0"] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
}

#[test]
fn the_database_is_read_as_ovs_vsctl_prints_it() {
    let text = concat!(
        r#"{"data":[[["uuid","b"],"br-ex","netdev","secure",["map",[["hwaddr","02:00:00:00:00:02"]]],["uuid","c"],["set",[["uuid","p"],["uuid","q"]]]]],"headings":["_uuid","name","datapath_type","fail_mode","other_config","controller","ports"]}"#,
        "\n",
        r#"{"data":[[["uuid","p"],"br-ex",["uuid","i"]],[["uuid","q"],"phy-br-ex",["uuid","j"]]],"headings":["_uuid","name","interfaces"]}"#,
        "\n",
        r#"{"data":[[["uuid","i"],"br-ex","internal",["map",[]],["set",[]]],[["uuid","j"],"phy-br-ex","patch",["map",[["peer","int-br-ex"]]],9000]],"headings":["_uuid","name","type","options","mtu_request"]}"#,
        "\n",
        r#"{"data":[[["uuid","c"],"tcp:127.0.0.1:6653"]],"headings":["_uuid","target"]}"#,
    );
    let bridges = ovs::parse(text).expect("bridges");
    let [bridge] = &bridges[..] else { panic!("{bridges:?}") };
    assert_eq!(
        (&*bridge.name, &*bridge.datapath_type, bridge.fail_mode.as_deref()),
        ("br-ex", "netdev", Some("secure"))
    );
    assert_eq!(
        (bridge.hwaddr.as_deref(), &bridge.controllers[..]),
        (Some("02:00:00:00:00:02"), &["tcp:127.0.0.1:6653".to_owned()][..])
    );
    let patch = &bridge.ports[1].interfaces[0];
    assert_eq!((&*patch.name, patch.peer.as_deref(), patch.mtu_request), ("phy-br-ex", Some("int-br-ex"), Some(9000)));
}

proptest! {
    /// Whatever the addresses: each is given to the bridge once, before any is taken from the uplink, and undoing
    /// exchanges the two.
    #[test]
    fn nothing_is_taken_before_all_is_there(hosts in proptest::collection::btree_set((0_u8..=255, 8_u8..=32), 0..20)) {
        let addresses: Vec<_> = hosts.iter().map(|(host, length)| inet(&format!("203.0.113.{host}"), *length)).collect();
        let machine = machine(&json!(addresses), &json!([default_via("203.0.113.1", &["onlink"])]));
        let (there, back) = moves(&plan(&machine, &wanted()));
        let first_gone = there.iter().position(|line| line.starts_with("address delete")).unwrap_or(there.len());
        let (given, taken) = there.split_at(first_gone);
        prop_assert!(taken.iter().all(|line| line.starts_with("address delete") && line.ends_with("dev eth0")));
        prop_assert!(given.iter().all(|line| !line.contains("eth0")));
        prop_assert_eq!(taken.len(), addresses.len());
        prop_assert_eq!(back, there.iter().map(|line| swapped(line)).collect::<Vec<_>>());
    }
}
