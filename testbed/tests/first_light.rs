//! One floating IP from end to end: real buoyd, real Open vSwitch, real packets.

use std::time::Duration;

use buoy_testbed::Lab;
use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, PingRun, arping, eventually, flush_neighbours, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_testbed::scenario::{SOON, associated, await_up_to_date, buoyctl, declared, host_is_reachable_at_every_step};
use buoy_testbed::site::{CLIENT, FLOATING_IP, FROM_US, HOST, REGISTERED_MAC, REMOTE};

const VM2: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 12);

fn assert_reaches(lab: &Lab) {
    for from in ["client", "remote"] {
        let report = ping(&lab.node(from), FLOATING_IP, 3);
        assert!(report.is_complete(), "{from}: {report:?}");
    }
}

#[test]
fn a_floating_ip_answers_and_is_seen_as_source() {
    let (lab, _daemon) = associated();
    assert_reaches(&lab);
    let _tcp = tcp_server(&lab.node("vm1"), 80);
    let _udp = udp_server(&lab.node("vm1"), 53);
    for (node, address) in [("client", CLIENT), ("remote", REMOTE)] {
        let tcp = tcp_exchange(&lab.node(node), FLOATING_IP, 80, "hello", SOON).expect("TCP inwards");
        assert_eq!((tcp.reply.as_str(), tcp.peer.ip()), ("hello", address.into()));
        let udp = udp_exchange(&lab.node(node), FLOATING_IP, 53, "hello", SOON).expect("UDP inwards");
        assert_eq!(udp.peer.ip(), address);
        let _outside = tcp_server(&lab.node(node), 8080);
        let out = tcp_exchange(&lab.node("vm1"), address, 8080, "hello", SOON).expect("TCP outwards");
        assert_eq!(out.peer.ip(), FLOATING_IP, "what {node} sees as source");
    }
}

#[test]
fn the_switch_goes_on_without_the_daemon() {
    let (lab, mut daemon) = associated();
    assert_reaches(&lab);
    daemon.kill9();
    for node in ["client", "router", "vm1"] {
        flush_neighbours(&lab.node(node));
    }
    assert_reaches(&lab);
    let mac = arping(&lab.node("client"), "eth0", FLOATING_IP, SOON).expect("an ARP answer");
    assert_eq!(mac.to_string(), REGISTERED_MAC);
    let mut run = PingRun::start(&lab.node("remote"), FLOATING_IP, Duration::from_millis(5));
    run.await_reply(SOON);
    daemon.start_again();
    await_up_to_date(&daemon, SOON);
    run.await_more(50, SOON);
    let report = run.stop();
    assert!(report.lost.is_empty(), "{report:?}");
}

#[test]
fn a_restart_with_nothing_changed_sends_no_flow_mod() {
    let (lab, mut daemon) = associated();
    assert_reaches(&lab);
    let counters = || {
        ["br-ex", "br-int"].map(|bridge| {
            let flows = lab.dump_flows(bridge);
            let ages =
                flows.iter().filter_map(|flow| flow.split("duration=").nth(1)?.split('s').next()?.parse::<f64>().ok());
            (flows.len(), ages.fold(f64::MAX, f64::min))
        })
    };
    daemon.stop();
    let before = counters();
    daemon.start_again();
    await_up_to_date(&daemon, SOON);
    let after = counters();
    for ((flows, youngest), (flows_after, youngest_after)) in before.into_iter().zip(after) {
        assert_eq!(flows, flows_after);
        // A flow that was sent again would begin to count anew.
        assert!(youngest_after >= youngest, "{youngest} {youngest_after}");
    }
}

#[test]
fn only_the_registered_mac_is_seen_outside() {
    let (lab, daemon) = declared();
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    assert_reaches(&lab);
    assert!(ping(&lab.node("vm1"), REMOTE, 3).is_complete());
    assert!(ping(&lab.host(), CLIENT, 3).is_complete());
    assert!(ping(&lab.node("vm2"), REMOTE, 2).is_silent(), "no floating IP, no way out");
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
    let (lab, daemon) = associated();
    assert_reaches(&lab);
    let (_one, _two) = (tcp_server(&lab.node("vm1"), 81), tcp_server(&lab.node("vm2"), 82));
    let answers = |port| tcp_exchange(&lab.node("remote"), FLOATING_IP, port, "who", SOON).is_ok();
    assert!(answers(81) && !answers(82));
    let moved = buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    assert_eq!(moved["applied"], true);
    // The datapath's cache follows the flow tables a moment later.
    eventually(SOON, "the other instance answers", || answers(82).then_some(()));
    assert!(!answers(81));
    assert!(ping(&lab.node("vm1"), REMOTE, 2).is_silent());
    let loose = buoyctl(&daemon, "fip disassociate 203.0.113.100");
    assert_eq!((&loose["state"], &loose["applied"]), (&"allocated".into(), &true.into()));
    eventually(SOON, "nobody answers", || ping(&lab.node("remote"), FLOATING_IP, 1).is_silent().then_some(()));
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_silent());
    flush_neighbours(&lab.node("client"));
    assert_eq!(arping(&lab.node("client"), "eth0", FLOATING_IP, Duration::from_secs(1)), None);
}

#[test]
fn instances_reach_each_other_and_floating_ips_of_their_host() {
    let (lab, daemon) = associated();
    assert!(ping(&lab.node("vm1"), VM2, 3).is_complete(), "inside the network");
    assert!(ping(&lab.node("vm1"), FLOATING_IP, 3).is_complete(), "its own floating IP");
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    let _server = tcp_server(&lab.node("vm1"), 80);
    let seen = tcp_exchange(&lab.node("vm2"), FLOATING_IP, 80, "hello", SOON).expect("the other's floating IP");
    assert_eq!(seen.peer.ip().to_string(), "203.0.113.101");
}

#[test]
fn the_host_is_reachable_at_every_step() {
    host_is_reachable_at_every_step(&Lab::up("flat"));
}

#[test]
fn a_damaged_store_cuts_nobody_off() {
    let (lab, mut daemon) = associated();
    assert_reaches(&lab);
    daemon.stop();
    let db = lab.path("/run/buoy/state/commit");
    std::fs::write(&db, b"not a commit number").expect("the state directory can be written to");
    daemon.start_again();
    let status = buoyctl(&daemon, "status");
    assert_eq!(status["mode"], "safe", "{status}");
    eventually(SOON, "both bridges are back", || (buoyctl(&daemon, "status")["switches"] == 2).then_some(()));
    assert_reaches(&lab);
    assert!(ping(&lab.node("remote"), HOST, 3).is_complete());
    let refused = daemon.buoyctl(["fip", "release", "203.0.113.100"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert_reaches(&lab);
    // The flush that the next first set-controller brings must not cut the host off either.
    lab.ovs_vsctl(["--", "del-controller", "br-ex", "--", "del-controller", "br-int"]);
    lab.point_at_controller();
    eventually(SOON, "the host answers after the flush", || {
        ping(&lab.node("remote"), HOST, 1).is_complete().then_some(())
    });
}

#[test]
fn forged_addresses_get_nowhere_and_are_counted() {
    let (lab, daemon) = associated();
    let vm = lab.node("vm1");
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    let drops = |reason: &str| {
        let rows = buoyctl(&daemon, "drops");
        let rows = rows.as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| row["reason"] == reason).filter_map(|row| row["packets"].as_u64()).sum::<u64>()
    };
    vm.run(["ip", "address", "add", "10.0.0.99/24", "dev", "eth0"]).expect_success();
    vm.run(["ping", "-c", "2", "-W", "1", "-I", "10.0.0.99", "198.51.100.10"]);
    assert!(drops("forged source address") >= 1 || drops("forged ARP sender") >= 1);
    vm.run(["arping", "-c", "2", "-w", "1", "-I", "eth0", "-s", "10.0.0.99", "10.0.0.1"]);
    assert!(drops("forged ARP sender") >= 1);
    vm.run(["ip", "address", "del", "10.0.0.99/24", "dev", "eth0"]).expect_success();
    vm.run(["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"]).expect_success();
    vm.run(["ip", "route", "replace", "default", "via", "10.0.0.1"]);
    vm.run(["ping", "-c", "2", "-W", "1", "198.51.100.10"]);
    assert!(drops("forged source MAC") >= 1);
    let leaked: Vec<_> = capture
        .stop()
        .into_iter()
        .filter(|frame| {
            frame.src.to_string() != REGISTERED_MAC || frame.ip.as_ref().is_some_and(|ip| ip.src.octets()[0] == 10)
        })
        .collect();
    assert!(leaked.is_empty(), "{}", listing(&leaked));
}

#[test]
fn with_a_bridge_away_an_association_is_durable_and_completes_later() {
    let (lab, daemon) = declared();
    lab.ovs_vsctl(["set", "controller", "br-int", "target=\"tcp:127.0.0.1:6699\""]);
    eventually(SOON, "br-int is away", || {
        let switches = buoyctl(&daemon, "switch list");
        let away = switches.as_array()?.iter().any(|own| own["bridge"] == "br-int" && own["connected"] == false);
        away.then_some(())
    });
    let words = ["--format", "json", "--timeout", "0.3", "fip", "associate", "203.0.113.100", "web-1"];
    let pending = daemon.buoyctl(words);
    assert_eq!(pending.code(), 7, "{pending:?}");
    let view = pending.json();
    assert_eq!((&view["applied"], &view["state"]), (&false.into(), &"associated".into()));
    assert!(view["pending"].as_array().is_some_and(|own| own.contains(&"br-int".into())), "{view}");
    assert_eq!(arping(&lab.node("client"), "eth0", FLOATING_IP, Duration::from_secs(1)), None, "nobody could deliver");
    lab.ovs_vsctl(["set", "controller", "br-int", "target=\"tcp:127.0.0.1:6653\""]);
    eventually(Duration::from_secs(15), "the association is in force", || {
        (buoyctl(&daemon, "fip show 203.0.113.100")["applied"] == true).then_some(())
    });
    assert_reaches(&lab);
}

#[test]
fn an_address_that_the_host_was_seen_to_use_stays_its_own_over_a_restart() {
    let (lab, mut daemon) = associated();
    // The host takes an address of the pool, and nobody declares it.
    let second = std::net::Ipv4Addr::new(203, 0, 113, 110);
    lab.host().run(["ip", "address", "add", "203.0.113.110/24", "dev", "br-ex"]).expect_success();
    lab.host().run(["arping", "-c", "2", "-w", "2", "-U", "-I", "br-ex", "-s", "203.0.113.110", "203.0.113.110"]);
    eventually(SOON, "the host is reached at it", || ping(&lab.node("remote"), second, 1).is_complete().then_some(()));
    let refused = daemon.buoyctl(["fip", "allocate", "--address", "203.0.113.110"]);
    assert_eq!(refused.code(), 4, "{refused:?}");
    daemon.restart();
    await_up_to_date(&daemon, SOON);
    flush_neighbours(&lab.node("router"));
    assert!(ping(&lab.node("remote"), second, 3).is_complete());
    let refused = daemon.buoyctl(["fip", "allocate", "--address", "203.0.113.110"]);
    assert_eq!(refused.code(), 4, "{refused:?}");
}
