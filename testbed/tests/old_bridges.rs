//! Bridges that offer only OpenFlow 1.0, from end to end: real packets through one table.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON object lacks reads as null")]

use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, PingRun, arping, eventually, flush_neighbours, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_testbed::scenario::{SOON, await_up_to_date, buoyctl, host_is_reachable_at_every_step, switch};
use buoy_testbed::site::{CLIENT, DECLARATION, FLOATING_IP, FROM_US, HOST, REGISTERED_MAC, REMOTE};
use buoy_testbed::{Daemon, Lab};

const VM2: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 12);
const BOTH: [&str; 2] = ["br-ex", "br-int"];
const ASSOCIATE: &str = "fip associate 203.0.113.100 web-1";

/// Lab `flat` where these bridges offer only OpenFlow 1.0.
fn lab(old: &[&str]) -> Lab {
    let lab = Lab::up("flat");
    for bridge in old {
        lab.ovs_vsctl(["set", "bridge", bridge, "protocols=OpenFlow10"]);
    }
    lab
}

fn associated(old: &[&str]) -> (Lab, Daemon) {
    let lab = lab(old);
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    for command in DECLARATION.into_iter().chain([ASSOCIATE]) {
        assert_eq!(buoyctl(&daemon, command)["applied"], true, "{command}");
    }
    for bridge in BOTH {
        let dialect = if old.contains(&bridge) { "OpenFlow 1.0" } else { "OpenFlow 1.3" };
        let shown = switch(&daemon, bridge);
        assert_eq!(shown["dialect"], dialect, "{shown}");
        assert_eq!(shown["limits"].as_array().is_some_and(Vec::is_empty), dialect == "OpenFlow 1.3", "{shown}");
    }
    (lab, daemon)
}

fn assert_reaches(lab: &Lab) {
    for from in ["client", "remote"] {
        let report = ping(&lab.node(from), FLOATING_IP, 3);
        assert!(report.is_complete(), "{from}: {report:?}");
    }
}

/// Both ways by each protocol, with the floating IP as what is seen.
fn assert_serves(lab: &Lab) {
    assert_reaches(lab);
    let (_tcp, _udp) = (tcp_server(&lab.node("vm1"), 80), udp_server(&lab.node("vm1"), 53));
    for (node, address) in [("client", CLIENT), ("remote", REMOTE)] {
        let tcp = tcp_exchange(&lab.node(node), FLOATING_IP, 80, "hello", SOON).expect("TCP inwards");
        assert_eq!((tcp.reply.as_str(), tcp.peer.ip()), ("hello", address.into()));
        let udp = udp_exchange(&lab.node(node), FLOATING_IP, 53, "hello", SOON).expect("UDP inwards");
        assert_eq!(udp.peer.ip(), address);
        let _outside = tcp_server(&lab.node(node), 8080);
        let out = tcp_exchange(&lab.node("vm1"), address, 8080, "hello", SOON).expect("TCP outwards");
        assert_eq!(out.peer.ip(), FLOATING_IP, "what {node} sees as source");
    }
    assert!(ping(&lab.host(), FLOATING_IP, 3).is_complete(), "from the host");
    assert!(ping(&lab.node("vm1"), HOST, 3).is_complete(), "to the host");
    assert!(ping(&lab.node("vm2"), REMOTE, 2).is_silent(), "no floating IP, no way out");
}

#[test]
fn a_floating_ip_is_served_by_bridges_of_1_0() {
    for old in [&BOTH[..], &["br-ex"], &["br-int"]] {
        let (lab, _daemon) = associated(old);
        assert_serves(&lab);
    }
}

#[test]
fn instances_reach_each_other_and_floating_ips_of_their_host() {
    let (lab, daemon) = associated(&BOTH);
    assert!(ping(&lab.node("vm1"), VM2, 3).is_complete(), "inside the network");
    assert!(ping(&lab.node("vm1"), FLOATING_IP, 3).is_complete(), "its own floating IP");
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    let _server = tcp_server(&lab.node("vm1"), 80);
    let seen = tcp_exchange(&lab.node("vm2"), FLOATING_IP, 80, "hello", SOON).expect("the other's floating IP");
    assert_eq!(seen.peer.ip().to_string(), "203.0.113.101");
    assert!(ping(&lab.node("vm1"), std::net::Ipv4Addr::new(203, 0, 113, 102), 2).is_silent(), "nobody's address");
}

#[test]
fn the_host_is_reachable_at_every_step() {
    host_is_reachable_at_every_step(&lab(&BOTH));
}

#[test]
fn a_restart_keeps_flows_and_loses_no_packet() {
    let (lab, mut daemon) = associated(&BOTH);
    assert_reaches(&lab);
    let flows = || BOTH.map(|bridge| lab.lasting_flows(bridge));
    let ages = || {
        let all = BOTH.map(|bridge| lab.dump_flows(bridge)).concat();
        let ages = all.iter().filter_map(|flow| flow.split("duration=").nth(1)?.split('s').next()?.parse::<f64>().ok());
        ages.fold(f64::MAX, f64::min)
    };
    let mut run = PingRun::start(&lab.node("remote"), FLOATING_IP, Duration::from_millis(5));
    run.await_reply(SOON);
    let (before, youngest) = (flows(), ages());
    daemon.kill9();
    run.await_more(50, SOON);
    daemon.start_again();
    await_up_to_date(&daemon, SOON);
    run.await_more(50, SOON);
    let report = run.stop();
    assert!(report.lost.is_empty(), "{report:?}");
    assert_eq!(flows(), before);
    // A flow that was sent again would begin to count anew.
    assert!(ages() >= youngest, "{youngest} {}", ages());
}

#[test]
fn only_the_registered_mac_is_seen_outside() {
    let (lab, daemon) = associated(&BOTH);
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    assert_serves(&lab);
    let vm = lab.node("vm1");
    vm.run(["ip", "address", "add", "10.0.0.99/24", "dev", "eth0"]).expect_success();
    vm.run(["ping", "-c", "2", "-W", "1", "-I", "10.0.0.99", "198.51.100.10"]);
    vm.run(["arping", "-c", "2", "-w", "1", "-I", "eth0", "-s", "10.0.0.99", "10.0.0.1"]);
    vm.run(["ip", "address", "del", "10.0.0.99/24", "dev", "eth0"]).expect_success();
    vm.run(["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"]).expect_success();
    vm.run(["ip", "route", "replace", "default", "via", "10.0.0.1"]);
    vm.run(["ping", "-c", "2", "-W", "1", "198.51.100.10"]);
    let rows = buoyctl(&daemon, "drops");
    for reason in ["forged ARP sender", "forged source MAC"] {
        let is_it = |row: &&serde_json::Value| row["reason"] == reason && row["packets"].as_u64() > Some(0);
        assert!(rows.as_array().is_some_and(|rows| rows.iter().any(|row| is_it(&row))), "{reason}: {rows}");
    }
    let frames = capture.stop();
    assert!(frames.len() > 10, "{}", listing(&frames));
    for frame in &frames {
        let sender = frame.arp.as_ref().map_or(frame.src, |arp| arp.sha);
        let macs = [frame.src.to_string(), sender.to_string()];
        assert_eq!(macs, [REGISTERED_MAC, REGISTERED_MAC], "{}", listing(&frames));
        let source = frame.ip.as_ref().map(|ip| ip.src);
        assert!(source.is_none_or(|own| own == FLOATING_IP || own == HOST), "{}", listing(&frames));
    }
}

#[test]
fn a_move_takes_the_address_along_and_a_disassociation_silences_it() {
    let (lab, daemon) = associated(&BOTH);
    assert_reaches(&lab);
    let (_one, _two) = (tcp_server(&lab.node("vm1"), 81), tcp_server(&lab.node("vm2"), 82));
    let answers = |port| tcp_exchange(&lab.node("remote"), FLOATING_IP, port, "who", SOON).is_ok();
    assert!(answers(81) && !answers(82));
    assert_eq!(buoyctl(&daemon, "fip associate 203.0.113.100 web-2")["applied"], true);
    assert!(answers(82) && !answers(81));
    let mac = arping(&lab.node("client"), "eth0", FLOATING_IP, SOON).expect("an ARP answer");
    assert_eq!(mac.to_string(), REGISTERED_MAC);
    assert_eq!(buoyctl(&daemon, "fip disassociate 203.0.113.100")["applied"], true);
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_silent());
    flush_neighbours(&lab.node("client"));
    assert_eq!(arping(&lab.node("client"), "eth0", FLOATING_IP, Duration::from_secs(1)), None);
}

#[test]
fn a_host_with_a_mac_of_its_own_is_translated() {
    let lab = lab(&BOTH);
    lab.ovs_vsctl(["set", "bridge", "br-ex", "other-config:hwaddr=\"02:00:cb:00:71:03\""]);
    // LOCAL goes down for its new MAC, and takes the routes along that lead over it.
    lab.host().run(["ip", "route", "replace", "default", "via", "203.0.113.1"]).expect_success();
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    for command in DECLARATION.into_iter().chain([ASSOCIATE]) {
        assert_eq!(buoyctl(&daemon, command)["applied"], true, "{command}");
    }
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    for node in [lab.node("client"), lab.node("router"), lab.host()] {
        flush_neighbours(&node);
    }
    assert_serves(&lab);
    assert!(ping(&lab.node("remote"), HOST, 3).is_complete());
    assert!(ping(&lab.host(), CLIENT, 3).is_complete());
    for frame in capture.stop() {
        let sender = frame.arp.as_ref().map_or(frame.src, |arp| arp.sha);
        assert_eq!([frame.src.to_string(), sender.to_string()], [REGISTERED_MAC, REGISTERED_MAC], "{frame:?}");
    }
}

#[test]
fn what_others_change_is_found_by_an_audit() {
    let (lab, daemon) = associated(&["br-int"]);
    let before = lab.lasting_flows("br-int");
    lab.host().run(["ovs-ofctl", "-O", "OpenFlow10", "del-flows", "br-int"]).expect_success();
    eventually(Duration::from_secs(20), "the flows are back", || (lab.lasting_flows("br-int") == before).then_some(()));
    await_up_to_date(&daemon, SOON);
    assert_reaches(&lab);
}

fn speak(lab: &Lab, protocols: &str) {
    for bridge in BOTH {
        lab.ovs_vsctl(["set", "bridge", bridge, &format!("protocols={protocols}")]);
    }
}

fn await_dialect(daemon: &Daemon, dialect: &str) {
    eventually(Duration::from_secs(15), "both bridges speak the other dialect", || {
        let switches = buoyctl(daemon, "switch list");
        (switches.as_array()?.iter().filter(|own| own["dialect"] == dialect).count() == 2).then_some(())
    });
    await_up_to_date(daemon, SOON);
}

#[test]
fn nothing_of_the_one_table_is_left_when_a_bridge_learns_1_3() {
    let (lab, daemon) = associated(&BOTH);
    let mut run = PingRun::start(&lab.node("remote"), HOST, Duration::from_millis(5));
    run.await_reply(SOON);
    speak(&lab, "OpenFlow10,OpenFlow13");
    await_dialect(&daemon, "OpenFlow 1.3");
    run.await_more(50, SOON);
    let report = run.stop();
    assert!(report.lost.is_empty(), "{report:?}");
    assert_serves(&lab);
    for bridge in BOTH {
        let flows = lab.lasting_flows(bridge);
        let (shown, found) = (switch(&daemon, bridge)["flows"].as_u64(), u64::try_from(flows.len()).ok());
        assert_eq!(shown, found, "{flows:#?}");
    }
}

#[test]
fn a_bridge_that_forgets_1_3_is_served_when_its_flows_are_gone() {
    let (lab, daemon) = associated(&[]);
    assert_reaches(&lab);
    speak(&lab, "OpenFlow10");
    eventually(Duration::from_secs(15), "both bridges are listed with the reason", || {
        let switches = buoyctl(&daemon, "switch list");
        let is_told = |own: &&serde_json::Value| own["error"].as_str().is_some_and(|text| text.contains("del-flows"));
        (switches.as_array()?.iter().filter(is_told).count() == 2).then_some(())
    });
    // Nothing was touched.
    assert_reaches(&lab);
    for bridge in BOTH {
        lab.host().run(["ovs-ofctl", "-O", "OpenFlow10", "del-flows", bridge]).expect_success();
    }
    await_dialect(&daemon, "OpenFlow 1.0");
    assert_serves(&lab);
}
