//! What the provider hears of a station by ARP: nothing that the station asks, its address where the policy says so, and
//! the MAC that the address has now.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_testbed::Node;
use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::inject::{arp, ethernet};
use buoy_testbed::probe::{Capture, Frame, arping, eventually, flush_neighbours, inject, ping};
use buoy_testbed::scenario::await_up_to_date;
use buoy_topology::MacAddr;

use crate::policed::{DIRECT, GATEWAY, Policed, REMOTE};
use crate::station::{self, MAC, drops, served};

/// What the provider gives the address in place of its first vMAC.
const SECOND: &str = "02:00:c6:33:64:08";
const FIRST: &str = "02:00:c6:33:64:07";

fn is_from_station(frame: &Frame) -> bool {
    frame.arp.is_some_and(|arp| arp.spa == DIRECT)
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until this address answers this node.
#[track_caller]
fn await_answer(node: &Node, address: Ipv4Addr) {
    eventually(PATIENCE, "it answers", || ping(node, address, 3).is_complete().then_some(()));
}

#[test]
fn what_a_station_asks_stays_here() {
    for policy in ["host", "vmac"] {
        let mut site = Policed::up(policy, "");
        site.declare();
        let station = site.station();
        await_answer(&station, REMOTE);
        let capture = Capture::start(&site.lab.node("police"), "server", "arp");
        // Whoever it asks for, and however often.
        let strangers = (1..=60).map(|last| Ipv4Addr::new(203, 0, 113, last)).chain([GATEWAY; 60]);
        let gateway_mac = site.lab.rules().gateway_mac;
        let frames: Vec<_> = strangers
            .flat_map(|target| {
                [(1, MacAddr::BROADCAST), (1, gateway_mac), (2, gateway_mac)]
                    .map(|(operation, to)| ethernet(to, MAC, &arp(operation, MAC, DIRECT, target)))
            })
            .collect();
        inject(&station, "eth0", &frames);
        // What comes last is answered last.
        flush_neighbours(&station);
        assert_eq!(arping(&station, "eth0", GATEWAY, PATIENCE), Some(gateway_mac));
        eventually(PATIENCE, "they end here", || (drops(&site.daemon, STAYS) > 0).then_some(()));
        // Without the controller too.
        site.daemon.kill9();
        flush_neighbours(&station);
        await_answer(&station, REMOTE);
        let heard: Vec<_> = capture.stop().into_iter().filter(is_from_station).collect();
        assert!(heard.is_empty(), "{}", listing(&heard));
        site.police.assert_clean();
    }
}

#[test]
fn of_a_scan_one_question_a_second_leaves() {
    let (lab, _daemon) = served();
    let capture = Capture::start(&lab.node("lan"), "server", "arp");
    let since = Instant::now();
    let frames: Vec<_> = (1..=200_u8)
        .map(|last| ethernet(MacAddr::BROADCAST, MAC, &arp(1, MAC, station::DIRECT, [203, 0, 113, last].into())))
        .collect();
    for _ in 0..3 {
        inject(&lab.node("vm3"), "eth0", &frames);
    }
    // What comes last is answered last.
    assert!(arping(&lab.node("vm3"), "eth0", [203, 0, 113, 1].into(), PATIENCE).is_some());
    let elapsed = since.elapsed().as_secs();
    let heard: Vec<_> =
        capture.stop().into_iter().filter(|own| own.arp.is_some_and(|arp| arp.spa == station::DIRECT)).collect();
    let most = usize::try_from(elapsed).expect("seconds") + 2;
    assert!(!heard.is_empty() && heard.len() <= most, "{} of {}\n{}", heard.len(), most, listing(&heard));
}

#[test]
fn a_new_mac_of_its_address_is_used_at_once_and_the_old_one_no_more() {
    let site = Policed::up("vmac", "");
    site.declare();
    let (station, remote, router) = (site.station(), site.lab.node("remote"), site.lab.node("router"));
    await_answer(&remote, DIRECT);
    let second: MacAddr = SECOND.parse().expect("a MAC");
    site.police.allow(DIRECT.into(), second);
    site.command(&format!("fip set {DIRECT} --mac {SECOND}"));
    // The switch has it; its cache follows. From then on the provider takes nothing else.
    eventually(PATIENCE, "the new MAC is used", || {
        let capture = Capture::start(&site.lab.node("police"), "server", &format!("icmp and src host {DIRECT}"));
        await_answer(&station, REMOTE);
        capture.stop().iter().all(|frame| frame.src == second).then_some(())
    });
    site.police.bind(DIRECT.into(), second);
    assert_eq!(arping(&router, "lan0", DIRECT, PATIENCE), Some(second));
    flush_neighbours(&router);
    await_answer(&remote, DIRECT);
    await_answer(&station, REMOTE);
    // Without one it would be cut off.
    let refused = site.daemon.buoyctl(["fip", "set", &DIRECT.to_string(), "--mac", "none"]);
    assert_eq!(refused.code(), 4, "{refused}");
    assert!(refused.stderr.contains("belongs to direct port gw"), "{refused}");
    await_answer(&remote, DIRECT);
    site.police.assert_clean();
}

#[test]
fn its_address_is_announced_once_it_is_served_where_the_policy_says_so() {
    let site = Policed::up("vmac", " --garp on");
    let [first, second]: [MacAddr; 2] = [FIRST, SECOND].map(|mac| mac.parse().expect("a MAC"));
    let capture = Capture::start(&site.lab.node("police"), "server", "arp");
    let is_told = |mac: MacAddr| {
        move |frame: &Frame| {
            frame.src == mac && frame.arp.is_some_and(|arp| (arp.spa, arp.tpa, arp.sha) == (DIRECT, DIRECT, mac))
        }
    };
    // Not before its port is there.
    site.lab.ovs_vsctl(["del-port", "br-ex", "vm3"]);
    let added = site.daemon.buoyctl([
        "direct",
        "add",
        "gw",
        "--provider",
        "dc",
        "--port",
        "vm3",
        "--mac",
        &MAC.to_string(),
        "--ip",
        &DIRECT.to_string(),
    ]);
    assert!(added.success() || added.code() == 7, "{added}");
    await_up_to_date(&site.daemon, PATIENCE);
    assert!(!capture.frames().iter().any(is_from_station), "{}", listing(&capture.frames()));
    site.lab.ovs_vsctl(["add-port", "br-ex", "vm3"]);
    capture.wait_for(PATIENCE, "announcement", is_told(first));
    site.police.allow(DIRECT.into(), second);
    site.command(&format!("fip set {DIRECT} --mac {SECOND}"));
    capture.wait_for(PATIENCE, "announcement of the new MAC", is_told(second));
    await_answer(&site.lab.node("remote"), DIRECT);
    site.police.assert_clean();
}

#[test]
fn nothing_is_announced_where_the_policy_does_not_say_so() {
    let site = Policed::up("host", "");
    let capture = Capture::start(&site.lab.node("police"), "server", "arp");
    site.declare();
    await_answer(&site.lab.node("remote"), DIRECT);
    let told: Vec<_> = capture.stop().into_iter().filter(|frame| frame.asks_for(DIRECT)).collect();
    assert!(told.iter().all(|frame| !is_from_station(frame)), "{}", listing(&told));
    site.police.assert_clean();
}

const STAYS: &str = "ARP of a direct port that is not answered here";
