//! Fixed addresses at a provider that is declared to route them (nova's dmz_cidr): out and back as they are, to where it is
//! declared and nowhere else.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::frame::Ip;
use buoy_testbed::probe::{
    Capture, StreamRun, assert_reaches, assert_refused, hop, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_testbed::scenario::{associated, await_forgotten, buoyctl};
use buoy_testbed::site::{CLIENT, FLOATING_IP, REMOTE};
use buoy_testbed::{Daemon, Lab};

const FIXED: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(10, 0, 0, 12)];
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// Nobody listens there.
const CLOSED: u16 = 4_000;
/// Long enough for what is done again after a while.
const LATE: Duration = Duration::from_secs(30);

/// The subnet behind the router is reached with fixed addresses, and the router knows the way back.
fn routed() -> (Lab, Daemon) {
    let (lab, daemon) = associated();
    let back = "ip route add 10.0.0.0/24 via 203.0.113.2";
    lab.node("router").run(back.split(' ')).expect_success();
    let provider = buoyctl(&daemon, "provider set lan --no-snat 198.51.100.0/24");
    assert_eq!(provider.get("no_snat"), Some(&serde_json::json!(["198.51.100.0/24"])), "{provider}");
    assert_eq!(provider.get("applied"), Some(&true.into()), "{provider}");
    (lab, daemon)
}

/// Whom the other end sees.
#[track_caller]
fn seen_at(lab: &Lab, node: &str, to: Ipv4Addr) -> std::net::IpAddr {
    let payload = "x".repeat(50_000);
    let done = tcp_exchange(&lab.node(node), to, 80, &payload, LATE).unwrap_or_else(|error| panic!("{node}: {error}"));
    assert_eq!(done.reply.len(), payload.len(), "{node} to {to}");
    done.peer.ip()
}

#[test]
fn fixed_addresses_go_where_they_are_routed_and_come_back() {
    let (lab, daemon) = routed();
    let _servers = ["remote", "client", "vm1", "vm2"].map(|node| tcp_server(&lab.node(node), 80));
    let beyond = Capture::start(&lab.node("lan"), "server", "ip");
    // With a floating IP and without one, to there and from there.
    for (vm, fixed) in ["vm1", "vm2"].into_iter().zip(FIXED) {
        assert_eq!(seen_at(&lab, vm, REMOTE), fixed, "{vm}");
        assert_eq!(seen_at(&lab, "remote", fixed), REMOTE, "{vm}");
        assert!(ping(&lab.node(vm), REMOTE, 3).is_complete(), "{vm}");
        assert!(ping(&lab.node("remote"), fixed, 3).is_complete(), "{vm}");
    }
    // Everywhere else the floating IP is seen, and inside the network nobody's.
    assert_eq!(seen_at(&lab, "vm1", CLIENT), FLOATING_IP);
    assert_eq!(seen_at(&lab, "client", FLOATING_IP), CLIENT);
    assert_eq!(seen_at(&lab, "vm1", FIXED[1]), FIXED[0]);
    assert!(ping(&lab.node("vm2"), CLIENT, 2).is_silent(), "it has no floating IP");
    let frames = beyond.stop();
    let is_routed =
        |ip: &Ip| [ip.src, ip.dst].iter().any(|own| FIXED.contains(own)) && [ip.src, ip.dst].contains(&REMOTE);
    let is_public = |ip: &Ip| ![ip.src, ip.dst].iter().any(|own| own.octets()[0] == 10);
    let odd: Vec<_> = frames
        .iter()
        .filter(|own| !own.ip.as_ref().is_some_and(|ip| is_routed(ip) || is_public(ip)))
        .cloned()
        .collect();
    assert!(odd.is_empty(), "{}", listing(&odd));
    assert!(frames.len() > 100, "{}", frames.len());

    let sentence = |words: &str| {
        let trace = buoyctl(&daemon, &format!("trace {words}"));
        trace["verdict"]["sentence"].as_str().unwrap_or_default().to_owned()
    };
    let said = sentence("--from web-2 --to 198.51.100.10");
    assert!(said.starts_with("provider lan gets it by uplink0 of br-ex as icmp 10.0.0.12 > 198.51.100.10"), "{said}");
    let said = sentence("--from gateway --source 198.51.100.10 --to 10.0.0.12");
    assert!(said.starts_with("instance web-2 gets it"), "{said}");

    let provider = buoyctl(&daemon, "provider set lan --no-snat none");
    assert_eq!(provider.get("no_snat"), Some(&serde_json::json!([])), "{provider}");
    assert_eq!(seen_at(&lab, "vm1", REMOTE), FLOATING_IP);
    assert!(ping(&lab.node("remote"), FIXED[1], 2).is_silent());
}

#[test]
fn who_is_there_reaches_floating_ips_too() {
    let (lab, daemon) = routed();
    let (remote, vm1) = (lab.node("remote"), lab.node("vm1"));
    let _servers = (tcp_server(&vm1, 80), udp_server(&vm1, 53), tcp_server(&remote, 80));
    // The fixed address and the floating one at once, and both see who asks.
    let streams = [FIXED[0], FLOATING_IP].map(|to| StreamRun::start(&remote, &vm1, to, 7_000));
    for to in [FLOATING_IP, FIXED[0]] {
        assert_reaches(&remote, to, REMOTE, LATE);
        assert_refused(&remote, to, LATE);
    }
    assert_eq!([2, 3].map(|ttl| hop(&remote, FLOATING_IP, ttl, LATE)), [FLOATING_IP; 2]);
    // What answers is no way out for anything else.
    assert_eq!(seen_at(&lab, "vm1", REMOTE), FIXED[0]);
    for stream in streams {
        let report = stream.stop();
        assert!(report.broken.is_none() && report.echoes > 0, "{report:?}");
    }
    // Who has lost the address does not answer for it any more.
    let stream = StreamRun::start(&remote, &vm1, FLOATING_IP, 7_001);
    buoyctl(&daemon, "fip disassociate 203.0.113.100");
    await_forgotten(&lab);
    let late = Capture::start(&lab.node("lan"), "server", "src host 203.0.113.100 or (tcp port 7001 and src net 10)");
    assert!(ping(&remote, FLOATING_IP, 2).is_silent());
    let frames = late.stop();
    assert!(frames.is_empty(), "{}", listing(&frames));
    drop(stream);
}

#[test]
fn what_goes_wrong_on_that_way_is_told_by_its_right_name() {
    let (lab, _daemon) = routed();
    let hop = |node: &str, to: Ipv4Addr, ttl: u8| hop(&lab.node(node), to, ttl, LATE);
    // The router's own address is not in the subnet that is declared.
    for vm in ["vm1", "vm2"] {
        assert_eq!([1, 2, 3].map(|ttl| hop(vm, REMOTE, ttl)), [GATEWAY, ROUTER, REMOTE], "{vm}");
    }
    for fixed in FIXED {
        let hops = [1, 2, 3].map(|ttl| hop("remote", fixed, ttl));
        assert_eq!(hops, [Ipv4Addr::new(198, 51, 100, 1), GATEWAY, fixed]);
    }
    for (from, to) in [("remote", FIXED[0]), ("vm1", REMOTE), ("vm2", REMOTE)] {
        let error = udp_exchange(&lab.node(from), to, CLOSED, "hello", LATE).expect_err("nobody listens");
        assert!(error.contains("refused"), "{from} to {to}: {error}");
    }
    // A narrower link beyond the router: it says so, and the guest believes it.
    let _server = tcp_server(&lab.node("remote"), 80);
    let narrow = "ip route replace default via 198.51.100.1 mtu 1200 advmss 1460";
    for (node, command) in [("router", "ip link set wan0 mtu 1200"), ("remote", narrow)] {
        lab.node(node).run(command.split(' ')).expect_success();
    }
    for (vm, fixed) in ["vm1", "vm2"].into_iter().zip(FIXED) {
        assert_eq!(seen_at(&lab, vm, REMOTE), fixed, "{vm}");
    }
}
