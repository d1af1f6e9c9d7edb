//! Gratuitous ARP: never where the provider does not want it; where it does, from the right MAC and not too early.

use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{ArpOperation, Capture, Frame, PingRun};
use buoy_testbed::scenario::SOON;

use crate::site::{CASES, Site, at_each_provider};

fn is_gratuitous(frame: &Frame) -> bool {
    frame.arp.is_some_and(|arp| arp.spa == arp.tpa && !arp.spa.is_unspecified())
}

#[test]
fn nothing_is_announced_unless_it_is_asked_for() {
    at_each_provider(|site| {
        let capture = Capture::start(&site.lab.node("police"), "server", "");
        for number in [1, 2, 1] {
            site.associate(site.case.addresses[0], number);
            site.assert_reached(site.case.addresses[0]);
        }
        site.disassociate(site.case.addresses[0]);
        site.daemon.restart();
        site.await_host(SOON);
        let frames = capture.stop();
        assert!(!frames.iter().any(is_gratuitous), "{}", listing(&frames));
    });
}

#[test]
fn an_address_is_announced_once_it_is_served() {
    // Hetzner takes frames to the gateway only.
    for case in CASES.into_iter().filter(|case| case.lab == "ovh") {
        let site = Site::up(case, " --garp on");
        let capture = Capture::start(&site.lab.node("police"), "server", "");
        let mut probes = PingRun::start(&site.lab.node("remote"), case.addresses[0], Duration::from_millis(2));
        let mut host = PingRun::start(&site.lab.node("remote"), case.host, Duration::from_millis(2));
        host.await_reply(SOON);
        site.associate(case.addresses[0], 1);
        let announced = capture.wait_for(SOON, "announcement", |frame| {
            is_gratuitous(frame) && frame.arp.is_some_and(|arp| arp.spa == case.addresses[0])
        });
        probes.await_more(300, SOON);
        let report = probes.stop();
        let frames = capture.stop();
        let arp = announced.arp.expect("it is ARP");
        let mac = site.mac(case.addresses[0]);
        assert_eq!((announced.src, arp.sha, arp.operation), (mac, mac, ArpOperation::Request));
        // What came in after the announcement was answered. The packets of the last moment may be under way.
        let end = frames.last().expect("frames").time.saturating_sub(Duration::from_millis(200));
        let about = |frame: &&Frame| frame.time > announced.time && frame.time < end;
        let requests = frames.iter().filter(about).filter(|frame| frame.ip.is_some_and(|ip| ip.dst == arp.spa)).count();
        let after = frames.iter().filter(|frame| frame.time > announced.time);
        let replies = after.filter(|frame| frame.ip.is_some_and(|ip| ip.src == arp.spa)).count();
        assert!(requests > 10 && replies >= requests, "{requests} {replies} {report:?}");
        site.assert_clean();
    }
}
