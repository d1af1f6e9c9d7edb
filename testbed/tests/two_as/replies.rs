//! What comes in by a provider goes out by it, and with the MAC that this provider expects.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, Frame, PingRun, StreamRun, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_topology::MacAddr;

use crate::site::{FIXED, HOSTS, NORTH, PATIENCE, REMOTE, SOUTH, SOUTH_MAC, Site, in_both_forms, is_from};

/// What the server sends to each provider.
fn captures(site: &Site) -> [Capture; 2] {
    ["north", "south"].map(|node| Capture::start(&site.lab.node(node), "server", "not arp"))
}

/// Each address was heard by its own provider, with its MAC, and by no other.
#[track_caller]
fn assert_parted(heard: [Vec<Frame>; 2], of: [&[(Ipv4Addr, MacAddr)]; 2]) {
    let ([north, south], [of_north, of_south]) = (&heard, of);
    for (at_its, elsewhere, own) in [(north, south, of_north), (south, north, of_south)] {
        for (address, mac) in own {
            let frames: Vec<_> = at_its.iter().filter(|frame| is_from(frame, *address)).collect();
            assert!(!frames.is_empty(), "nothing from {address} at its provider: {}", listing(at_its));
            assert!(frames.iter().all(|frame| frame.src == *mac), "{address}: {frames:?}");
            let strayed = elsewhere.iter().find(|frame| is_from(frame, *address));
            assert_eq!(strayed, None, "{address} at the other provider");
        }
    }
}

#[test]
fn each_reply_leaves_by_the_provider_of_its_address() {
    in_both_forms(|site| {
        let both = site.associate_both();
        let (remote, vm1) = (site.lab.node("remote"), site.lab.node("vm1"));
        let heard = captures(site);
        let _servers = (tcp_server(&vm1, 80), udp_server(&vm1, 53));
        let long = "x".repeat(60_000);
        for (address, fixed) in both.into_iter().zip(FIXED) {
            site.assert_reached(address);
            let tcp = tcp_exchange(&remote, address, 80, &long, PATIENCE).expect("TCP inwards");
            assert_eq!((tcp.reply.len(), tcp.peer.ip().is_ipv4()), (long.len(), true));
            // And what the guest begins itself, from either of its addresses.
            let fixed = fixed.to_string();
            vm1.run(["ping", "-c", "3", "-i", "0.05", "-W", "5", "-I", &fixed, &REMOTE.to_string()]).expect_success();
        }
        // A UDP server that is bound to no address answers from the guest's first one.
        udp_exchange(&remote, both[0], 53, "hello", PATIENCE).expect("UDP inwards");
        assert_parted(heard.map(Capture::stop), [&[NORTH[0]], &[(SOUTH[0], SOUTH_MAC)]]);
    });
}

#[test]
fn both_carry_traffic_at_once() {
    in_both_forms(|site| {
        let both = site.associate_both();
        site.command(&format!("fip associate {} blue-2", SOUTH[2]));
        site.command(&format!("fip associate {} green-1", NORTH[2].0));
        let addresses = [both[0], both[1], SOUTH[2], NORTH[2].0, HOSTS[0], HOSTS[1]];
        let remote = site.lab.node("remote");
        // The routers have learnt where these are.
        addresses.into_iter().for_each(|address| site.assert_reached(address));
        let heard = captures(site);
        let mut runs = addresses.map(|address| PingRun::start(&remote, address, Duration::from_millis(5)));
        let stream = StreamRun::start(&site.lab.node("vm1"), &remote, REMOTE, 7_000);
        for run in &mut runs {
            run.await_more(100, PATIENCE);
        }
        let stream = stream.stop();
        assert!(stream.broken.is_none() && stream.echoes > 10, "{stream:?}");
        let reports = addresses.into_iter().zip(runs).map(|(address, run)| (address, run.stop()));
        let (hosts, guests): (Vec<_>, Vec<_>) = reports.partition(|(address, _)| HOSTS.contains(address));
        // Where the host itself lost some, the machine had no time for the switch; what goes a wrong way loses half or all.
        let is_calm = hosts.iter().all(|(_, report)| report.lost.is_empty());
        for (address, report) in guests.iter().chain(&hosts) {
            let lost = u64::try_from(report.lost.len()).expect("a count");
            assert!(lost == 0 || (!is_calm && lost * 5 < report.sent), "{address}: {report:?}");
        }
        let north = [NORTH[0], NORTH[2], (HOSTS[0], MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]))];
        let south = [SOUTH[0], SOUTH[2], HOSTS[1]].map(|address| (address, SOUTH_MAC));
        assert_parted(heard.map(Capture::stop), [&north, &south]);
    });
}

#[test]
fn instances_of_both_providers_reach_each_other_without_either() {
    in_both_forms(|site| {
        let both = site.associate_both();
        site.command(&format!("fip associate {} green-1", SOUTH[1]));
        let heard = captures(site);
        for address in both {
            let report = ping(&site.lab.node("vm3"), address, 3);
            assert!(report.is_complete(), "{address}: {report:?}");
        }
        let report = ping(&site.lab.node("vm1"), SOUTH[1], 3);
        assert!(report.is_complete(), "{report:?}");
        let heard = heard.map(Capture::stop).concat();
        assert_eq!(heard.iter().find(|frame| frame.ip.is_some()), None, "{}", listing(&heard));
        // Both providers look at something after all.
        for address in HOSTS.into_iter().chain(both) {
            site.assert_reached(address);
        }
    });
}
