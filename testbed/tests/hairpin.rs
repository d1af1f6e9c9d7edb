//! Floating IPs from the inside: an instance's own, another's on the same host, and fixed addresses that stay fixed.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, assert_reaches, tcp_server, udp_server};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::FLOATING_IP;

const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);
const FIXED: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 11), Ipv4Addr::new(10, 0, 0, 12)];

#[test]
fn an_instance_reaches_its_own_floating_ip_and_anothers() {
    let (lab, daemon) = associated();
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    let _servers = ["vm1", "vm2"].map(|vm| (tcp_server(&lab.node(vm), 80), udp_server(&lab.node(vm), 53)));
    let beyond = Capture::start(&lab.node("lan"), "server", "host 203.0.113.100 or host 203.0.113.101");
    for (node, own) in [("vm1", FLOATING_IP), ("vm2", OTHER)] {
        for to in [FLOATING_IP, OTHER] {
            assert_reaches(&lab.node(node), to, own, SOON);
        }
    }
    // None of it is the provider's affair: what is there are ARP packets at most.
    let frames = beyond.stop();
    assert!(frames.iter().all(|frame| frame.ip.is_none()), "{}", listing(&frames));
}

#[test]
fn traffic_between_fixed_addresses_is_never_rewritten() {
    let (lab, daemon) = associated();
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    let _servers = ["vm1", "vm2"].map(|vm| (tcp_server(&lab.node(vm), 80), udp_server(&lab.node(vm), 53)));
    let captures = ["vm1", "vm2"].map(|vm| Capture::start(&lab.node(vm), "eth0", "ip"));
    let [one, two] = FIXED;
    assert_reaches(&lab.node("vm1"), two, one, SOON);
    assert_reaches(&lab.node("vm2"), one, two, SOON);
    for frames in captures.map(Capture::stop) {
        assert!(frames.len() > 20, "{}", listing(&frames));
        let is_plain =
            |ip: &buoy_testbed::probe::frame::Ip| ip.ttl == 64 && FIXED.contains(&ip.src) && FIXED.contains(&ip.dst);
        let odd: Vec<_> = frames.iter().filter(|frame| !frame.ip.as_ref().is_some_and(is_plain)).cloned().collect();
        assert!(odd.is_empty(), "{}", listing(&odd));
    }
}
