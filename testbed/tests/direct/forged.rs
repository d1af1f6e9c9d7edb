//! What a direct port forges is counted and gets nowhere; who claims its address outside is told of.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::inject::{arp, echo_request, ethernet};
use buoy_testbed::probe::{Capture, eventually, inject, ping};
use buoy_testbed::scenario::SOON;
use buoy_testbed::site::{CLIENT, FLOATING_IP, FROM_US, HOST, REGISTERED_MAC, REMOTE};
use buoy_topology::MacAddr;

use crate::station::{DIRECT, MAC, drops, served};

const STRANGE: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x99]);
const ROUTER: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 1]);

#[test]
fn forgeries_are_counted_by_kind_and_leave_nothing_outside() {
    let (lab, daemon) = served();
    let station = lab.node("vm3");
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    let host = Capture::start(&lab.host(), "br-ex", "");
    let registered: MacAddr = REGISTERED_MAC.parse().expect("a MAC");
    let addresses = [FLOATING_IP, HOST, CLIENT, Ipv4Addr::new(10, 0, 0, 13), Ipv4Addr::new(203, 0, 113, 112)];
    let macs = [STRANGE, registered, ROUTER, MacAddr::BROADCAST];
    let mut cases = vec![("forged source MAC", Vec::new()), ("forged source address", Vec::new())];
    cases.extend([("forged ARP sender", Vec::new()), ("neither IPv4 nor ARP", Vec::new())]);
    let [strange, forged, spoken, other] = &mut cases[..] else { panic!("four kinds") };
    for mac in macs {
        strange.1.push(ethernet(ROUTER, mac, &echo_request(DIRECT, REMOTE)));
        strange.1.push(ethernet(MacAddr::BROADCAST, mac, &arp(1, mac, DIRECT, CLIENT)));
        // True outside, forged inside.
        spoken.1.push(ethernet(MacAddr::BROADCAST, MAC, &arp(1, mac, DIRECT, CLIENT)));
        spoken.1.push(ethernet(ROUTER, MAC, &arp(2, mac, DIRECT, CLIENT)));
    }
    for address in addresses {
        forged.1.push(ethernet(ROUTER, MAC, &echo_request(address, REMOTE)));
        forged.1.push(ethernet(ROUTER, MAC, &echo_request(address, HOST)));
        spoken.1.push(ethernet(MacAddr::BROADCAST, MAC, &arp(1, MAC, address, CLIENT)));
        spoken.1.push(ethernet(MacAddr::BROADCAST, MAC, &arp(2, MAC, address, address)));
    }
    let inner = echo_request(DIRECT, REMOTE);
    for rest in [
        [&[0x81, 0x00, 0x00, 0x64], &inner[..]].concat(),
        [&[0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x65], &inner[..]].concat(),
        vec![0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 59, 255],
        vec![0x88, 0xcc, 0x02, 0x07, 0x04, 0, 0, 0, 0, 0, 0],
    ] {
        other.1.push(ethernet(ROUTER, MAC, &rest));
        other.1.push(ethernet(MacAddr::new([1, 0x80, 0xc2, 0, 0, 0x0e]), MAC, &rest));
    }
    for (reason, frames) in &cases {
        let before = drops(&daemon, reason);
        inject(&station, "eth0", frames);
        let all = before + u64::try_from(frames.len()).expect("few");
        eventually(SOON, reason, || (drops(&daemon, reason) >= all).then_some(()));
    }
    assert!(ping(&station, REMOTE, 3).is_complete(), "what is true still passes");
    let (outside, inside) = (capture.stop(), host.stop());
    assert!(!outside.is_empty());
    let is_true = |frame: &&buoy_testbed::probe::Frame| {
        let sender = frame.arp.map_or(registered, |arp| arp.sha);
        let source = frame.ip.map(|ip| ip.src).or(frame.arp.map(|arp| arp.spa));
        frame.src == registered
            && sender == registered
            && frame.vlans.is_empty()
            && source.is_some_and(|own| own == DIRECT || own == HOST)
    };
    assert_eq!(outside.iter().find(|frame| !is_true(frame)), None, "{}", listing(&outside));
    let forged = |frame: &&buoy_testbed::probe::Frame| {
        let injected = frame.ip.is_some_and(|ip| ip.dst == HOST && ip.protocol == 1 && addresses.contains(&ip.src));
        injected || [STRANGE, MAC].contains(&frame.src)
    };
    assert_eq!(inside.iter().find(forged), None, "{}", listing(&inside));
}

#[test]
fn who_claims_its_address_outside_is_told_of_and_not_heard() {
    let (lab, daemon) = served();
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    let client = lab.node("client");
    let mac: MacAddr = "02:00:cb:00:71:32".parse().expect("a MAC");
    inject(&client, "eth0", &[ethernet(MacAddr::BROADCAST, mac, &arp(1, mac, DIRECT, HOST))]);
    eventually(SOON, "the log tells", || {
        let log = daemon.log();
        log.lines().any(|line| line.contains("claims an address") && line.contains("203.0.113.110")).then_some(())
    });
    assert_eq!(buoy_testbed::probe::neighbour(&lab.host(), DIRECT).filter(|own| *own == mac), None);
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    assert!(ping(&lab.host(), DIRECT, 3).is_complete());
}
