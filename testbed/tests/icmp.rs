//! A guest behind a floating IP, and whoever talks to it, hear of what goes wrong on the way: connections refused, hops
//! that a packet did not outlive, links that take less.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::{assert_refused, hop, inject, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{SOON, associated, await_up_to_date, buoyctl};
use buoy_testbed::site::{FLOATING_IP, REMOTE};
use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, PacketBuilder};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
#[test]
fn a_refused_datagram_is_told_in_both_directions() {
    let (lab, daemon) = associated();
    let refused = |from: &str, to: Ipv4Addr| assert_refused(&lab.node(from), to, SOON);
    refused("remote", FLOATING_IP);
    refused("vm1", REMOTE);
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    refused("vm1", Ipv4Addr::new(203, 0, 113, 101));
    refused("vm2", FLOATING_IP);
    // Between fixed addresses nothing is rewritten.
    refused("vm1", Ipv4Addr::new(10, 0, 0, 12));
}

#[test]
fn each_hop_answers_with_its_own_address() {
    let (lab, _daemon) = associated();
    let outwards = [1, 2, 3].map(|ttl| hop(&lab.node("vm1"), REMOTE, ttl, SOON));
    assert_eq!(outwards, [GATEWAY, ROUTER, REMOTE]);
    let inwards = [1, 2, 3].map(|ttl| hop(&lab.node("remote"), FLOATING_IP, ttl, SOON));
    assert_eq!(inwards, [Ipv4Addr::new(198, 51, 100, 1), FLOATING_IP, FLOATING_IP]);
}

#[test]
fn the_gateway_answers_a_ping_in_the_switch() {
    let (lab, mut daemon) = associated();
    daemon.kill9();
    for vm in ["vm1", "vm2"] {
        assert!(ping(&lab.node(vm), GATEWAY, 3).is_complete(), "{vm}");
    }
    let output = lab.node("vm1").run(["ping", "-n", "-c", "1", "-W", "2", "-s", "1400", "10.0.0.1"]);
    assert!(output.stdout.contains("1408 bytes from 10.0.0.1: icmp_seq=1 ttl=64"), "{output:?}");
}

#[test]
fn a_transfer_through_a_narrower_link_completes_only_with_the_errors_translated() {
    let (lab, mut daemon) = associated();
    let _server = tcp_server(&lab.node("remote"), 8_080);
    // The other end keeps to the link's size, but does not say so: what comes back is no part of this.
    let narrow = "ip route replace default via 198.51.100.1 mtu 1200 advmss 1460";
    for (node, command) in [("router", "ip link set wan0 mtu 1200"), ("remote", narrow)] {
        lab.node(node).run(command.split(' ')).expect_success();
    }
    let payload = "x".repeat(60_000);
    let transfer = |deadline| tcp_exchange(&lab.node("vm1"), REMOTE, 8_080, &payload, deadline);
    // The bare rewrite of the switch alone: the guest takes no notice of an error about a packet that it never sent.
    daemon.kill9();
    let stuck = transfer(Duration::from_secs(3));
    assert!(stuck.is_err(), "{stuck:?}");
    daemon.start_again();
    await_up_to_date(&daemon, SOON);
    let done = transfer(Duration::from_secs(20)).expect("it completes");
    assert_eq!(done.reply.len(), payload.len());
    assert_eq!(done.peer.ip(), FLOATING_IP);
}

#[test]
fn a_flood_of_forged_errors_slows_nothing_else() {
    let (lab, daemon) = associated();
    // Destination unreachable, about a datagram of the floating IP that was never sent.
    let quoted = PacketBuilder::ipv4(FLOATING_IP.octets(), REMOTE.octets(), 9).udp(7, 7);
    let mut packet = Vec::new();
    quoted.write(&mut packet, b"forged").expect("a vector takes all bytes");
    let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
    let error = PacketBuilder::ethernet2([2, 0, 0xcb, 0, 0x71, 1], [2, 0, 0xcb, 0, 0x71, 2])
        .ipv4(REMOTE.octets(), FLOATING_IP.octets(), 60)
        .icmpv4(kind);
    let mut frame = Vec::new();
    error.write(&mut frame, &packet).expect("a vector takes all bytes");
    let frames = vec![frame; 500];
    for _ in 0..10 {
        inject(&lab.node("router"), "lan0", &frames);
    }
    assert!(ping(&lab.node("remote"), FLOATING_IP, 5).is_complete());
    let moved = buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    assert_eq!(moved.get("applied"), Some(&true.into()), "{moved}");
    let stats = lab.ovs_ofctl(["meter-stats", "br-int", "meter=625"]);
    assert!(stats.contains("packet_in_count:") && !stats.contains("packet_in_count:0 "), "{stats}");
}
