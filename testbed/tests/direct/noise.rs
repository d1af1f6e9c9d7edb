//! What stations say to their neighbours alone: STP, LLDP, LACP, EAPOL, pause frames, IPv6. That of guests stays inside,
//! with any MAC. That of the host goes out with the host's own MAC: it is the admin's to switch on.

use std::time::Duration;

use buoy_testbed::Lab;
use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::inject::ethernet;
use buoy_testbed::probe::{Capture, Frame, eventually, inject, ping};
use buoy_topology::MacAddr;

use crate::policed::{DIRECT, FLOATING, Policed};
use crate::station::{MAC, drops, served};

const PATIENCE: Duration = Duration::from_secs(30);
const INSTANCE: MacAddr = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);
const UPLINK: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]);
const LLDP: MacAddr = MacAddr::new([0x01, 0x80, 0xc2, 0, 0, 0x0e]);

/// One frame of each kind to each group address that no bridge passes on, to all stations, and to all IPv6 nodes.
fn noise(src: MacAddr) -> Vec<Vec<u8>> {
    let groups = (0..16).map(|last| MacAddr::new([0x01, 0x80, 0xc2, 0, 0, last]));
    let others = [MacAddr::BROADCAST, MacAddr::new([0x33, 0x33, 0, 0, 0, 1]), UPLINK];
    let kinds: [&[u8]; 6] = [
        // STP in an LLC frame, LLDP, LACP, EAPOL, a pause frame, a router solicitation.
        &[0x00, 0x26, 0x42, 0x42, 0x03, 0, 0, 0, 0, 0],
        &[0x88, 0xcc, 0x02, 0x07, 0x04, 0, 0, 0, 0, 0, 0],
        &[0x88, 0x09, 0x01, 0x01, 0x01, 0x14],
        &[0x88, 0x8e, 0x01, 0x01, 0, 0],
        &[0x88, 0x08, 0x00, 0x01, 0xff, 0xff],
        &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255],
    ];
    groups.chain(others).flat_map(|to| kinds.map(|kind| ethernet(to, src, kind))).collect()
}

fn is_noise(frame: &Frame) -> bool {
    !matches!(frame.ethertype, 0x0800 | 0x0806)
}

#[test]
fn what_guests_say_to_their_neighbours_stays_inside() {
    for policy in ["host", "vmac"] {
        let site = Policed::up(policy, "");
        site.declare();
        let capture = Capture::start(&site.lab.node("police"), "server", "");
        let vmac = MacAddr::new([2, 0, 0xc6, 0x33, 0x64, 7]);
        for (node, own) in [(site.station(), MAC), (site.lab.node("vm1"), INSTANCE)] {
            for src in [own, UPLINK, vmac] {
                inject(&node, "eth0", &noise(src));
            }
        }
        for address in [DIRECT, FLOATING] {
            let remote = site.lab.node("remote");
            eventually(PATIENCE, "it answers", || ping(&remote, address, 3).is_complete().then_some(()));
        }
        eventually(PATIENCE, "they are counted", || (drops(&site.daemon, NOT_IP) > 0).then_some(()));
        let heard: Vec<_> = capture.stop().into_iter().filter(is_noise).collect();
        assert!(heard.is_empty(), "{}", listing(&heard));
        site.police.assert_clean();
    }
}

/// An LLDP frame of this MAC, sent by the host, and whether it was heard outside.
fn host_says(lab: &Lab, src: MacAddr, capture: &Capture) -> bool {
    let before = capture.frames().len();
    inject(&lab.host(), "br-ex", &[ethernet(LLDP, src, &[0x88, 0xcc, 0x02, 0x07, 0x04, 0, 0, 0, 0, 0, 0])]);
    // What the host sends afterwards is heard afterwards.
    eventually(PATIENCE, "the client answers", || {
        ping(&lab.host(), buoy_testbed::site::CLIENT, 1).is_complete().then_some(())
    });
    eventually(PATIENCE, "the ping is heard", || {
        capture.frames().iter().skip(before).any(|frame| frame.ip.is_some()).then_some(())
    });
    capture.frames().iter().skip(before).any(|frame| frame.src == src && is_noise(frame))
}

#[test]
fn what_the_host_says_goes_out_with_its_own_mac_alone() {
    let (lab, daemon) = served();
    let capture = Capture::start(&lab.node("lan"), "server", "");
    assert!(host_says(&lab, UPLINK, &capture));
    let before = drops(&daemon, FORGED_HOST);
    assert!(!host_says(&lab, MAC, &capture));
    eventually(PATIENCE, "it is counted", || (drops(&daemon, FORGED_HOST) > before).then_some(()));
}

const NOT_IP: &str = "neither IPv4 nor ARP";
const FORGED_HOST: &str = "from the host, with a MAC that is not its own";
