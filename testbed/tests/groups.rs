//! Broadcast, multicast and DHCP of guests: none of it leaves the network, whichever MAC it is sent to.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::inject::{arp, ethernet};
use buoy_testbed::probe::{Capture, eventually, inject, ping};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::{FLOATING_IP, REMOTE};
use buoy_topology::MacAddr;
use etherparse::PacketBuilder;
use serde_json::Value;

const GUEST_MAC: MacAddr = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);
const FIXED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
/// The broadcast address of the provider's subnet: to the gateway's MAC it is unicast, and may leave.
const PROVIDERS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 255);
/// All that is sent carries it: the port of DHCP servers.
const PORT: u16 = 67;

/// A datagram as what follows the MAC addresses.
fn datagram(from: Ipv4Addr, to: Ipv4Addr, ttl: u8) -> Vec<u8> {
    let mut packet = vec![0x08, 0x00];
    let builder = PacketBuilder::ipv4(from.octets(), to.octets(), ttl).udp(68, PORT);
    builder.write(&mut packet, b"is there anybody out there?").expect("a vector takes all bytes");
    packet
}

/// Each group address, by the MAC that belongs to it and by the gateway's.
fn to_groups(gateway_mac: MacAddr) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (address, mac) in [
        (Ipv4Addr::BROADCAST, MacAddr::BROADCAST),
        (Ipv4Addr::new(10, 0, 0, 255), MacAddr::BROADCAST),
        (PROVIDERS, MacAddr::BROADCAST),
        (Ipv4Addr::new(224, 0, 0, 22), MacAddr::new([1, 0, 0x5e, 0, 0, 22])),
        (Ipv4Addr::new(239, 1, 2, 3), MacAddr::new([1, 0, 0x5e, 1, 2, 3])),
    ] {
        // DHCP speaks before it has an address.
        for from in [FIXED, Ipv4Addr::UNSPECIFIED] {
            for ttl in [1, 64] {
                frames.push(ethernet(mac, GUEST_MAC, &datagram(from, address, ttl)));
                if address != PROVIDERS {
                    frames.push(ethernet(gateway_mac, GUEST_MAC, &datagram(from, address, ttl)));
                }
            }
        }
    }
    // To an address that can be reached, but for everybody.
    frames.push(ethernet(MacAddr::BROADCAST, GUEST_MAC, &datagram(FIXED, REMOTE, 64)));
    frames.push(ethernet(MacAddr::BROADCAST, GUEST_MAC, &arp(1, GUEST_MAC, FIXED, FIXED)));
    frames
}

fn dropped(drops: &Value, reason: &str) -> u64 {
    let rows = drops.as_array().expect("a list").iter().filter(|row| row.get("reason") == Some(&reason.into()));
    rows.filter_map(|row| row.get("packets")?.as_u64()).sum()
}

#[test]
fn what_guests_send_to_groups_never_leaves_the_network() {
    let (lab, daemon) = associated();
    buoyctl(&daemon, "network create red --cidr 10.0.0.0/24 --gateway 10.0.0.1");
    buoyctl(&daemon, "instance add web-3 --network red --port vm3 --mac 02:00:0a:00:00:0d --ip 10.0.0.13");
    let remote = lab.node("remote");
    eventually(SOON, "the floating IP answers", || ping(&remote, FLOATING_IP, 1).is_complete().then_some(()));
    let filter = format!("udp port {PORT} or arp host {FIXED}");
    let places = [("lan", "server"), ("host", "br-ex"), ("vm3", "eth0")];
    let captures = places.map(|(node, interface)| Capture::start(&lab.node(node), interface, &filter));
    let gateway_mac = buoyctl(&daemon, "network show blue").get("gateway_mac").and_then(Value::as_str).map(str::parse);
    let frames = to_groups(gateway_mac.expect("a gateway").expect("a MAC"));
    inject(&lab.node("vm1"), "eth0", &frames);
    // Their counters tell when the switch has seen them all.
    let multicast = || dropped(&buoyctl(&daemon, "drops"), "multicast or broadcast of an instance");
    let forged = || dropped(&buoyctl(&daemon, "drops"), "forged source address");
    eventually(4 * SOON, "they are dropped and counted", || (multicast() >= 17 && forged() >= 18).then_some(()));
    assert!(ping(&remote, FLOATING_IP, 3).is_complete());
    for ((node, interface), capture) in places.into_iter().zip(captures) {
        let seen = capture.stop();
        assert!(seen.is_empty(), "{interface} of {node}: {}", listing(&seen));
    }
}
