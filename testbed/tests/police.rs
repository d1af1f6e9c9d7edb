//! The policing provider itself: it passes what is allowed, unharmed and fast, and catches everything else.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_testbed::Lab;
use buoy_testbed::police::Cause;
use buoy_testbed::probe::inject::{arp, echo_request, ethernet};
use buoy_testbed::probe::{
    Capture, PingRun, Police, eventually, flush_neighbours, inject, ping, tcp_exchange, tcp_server, udp_exchange,
    udp_server,
};
use buoy_topology::MacAddr;

const SOON: Duration = Duration::from_secs(20);
const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 210);
const LABS: [(&str, Ipv4Addr); 2] =
    [("ovh", Ipv4Addr::new(203, 0, 113, 2)), ("hetzner", Ipv4Addr::new(203, 0, 113, 66))];

fn causes(police: &Police) -> Vec<Cause> {
    police.violations().into_iter().map(|own| own.cause).collect()
}

#[test]
fn an_honest_server_is_let_alone() {
    for (name, host) in LABS {
        let lab = Lab::up(name);
        let remote = lab.node("remote");
        let _servers = (tcp_server(&lab.host(), 8080), udp_server(&lab.host(), 8080));
        let long = "x".repeat(100_000);
        let reply = tcp_exchange(&remote, host, 8080, &long, SOON).expect("TCP");
        assert_eq!((reply.reply.len(), reply.peer.ip()), (long.len(), REMOTE.into()));
        assert_eq!(udp_exchange(&remote, host, 8080, &"y".repeat(3_000), SOON).expect("UDP").reply.len(), 3_000);
        flush_neighbours(&lab.host());
        assert!(ping(&lab.host(), REMOTE, 3).is_complete());
        let mut run = PingRun::start(&remote, host, Duration::from_millis(2));
        run.await_reply(SOON);
        run.await_more(500, SOON);
        let report = run.stop();
        assert!(report.lost.is_empty(), "{report:?}");
        let police = Police::of(&lab);
        police.assert_clean();
        assert!(police.who_has_per_minute() >= 1, "the host asked for its gateway: {}", police.report());
    }
}

#[test]
fn a_flood_passes_whole() {
    let lab = Lab::up("ovh");
    let police = Police::of(&lab);
    assert!(ping(&lab.host(), REMOTE, 1).is_complete());
    println!("{:.0} frames a second, both directions", flood(&lab, &police));
    police.assert_clean();
}

/// Frames a second in a flood: it keeps up to 100 packets under way and sends as fast as answers come.
fn flood(lab: &Lab, police: &Police) -> f64 {
    let (before, since) = (police.report().to_server, Instant::now());
    lab.node("remote").run(["ping", "-q", "-f", "-l", "100", "-c", "20000", "203.0.113.2"]).expect_success();
    let (passed, elapsed) = (police.report().to_server - before, since.elapsed());
    assert!(passed >= 20_000, "{passed}");
    2.0 * passed as f64 / elapsed.as_secs_f64()
}

#[test]
fn each_kind_of_offence_is_caught_and_does_not_pass() {
    let lab = Lab::up("ovh");
    let (police, rules) = (Police::of(&lab), lab.rules().clone());
    let (main, gateway) = (rules.bindings[0].mac, rules.gateway_mac);
    let stranger = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);
    let (host, inside) = (Ipv4Addr::new(203, 0, 113, 2), Ipv4Addr::new(10, 0, 0, 11));
    let vmac = MacAddr::new([2, 0, 0xc6, 0x33, 0x64, 7]);
    police.bind("198.51.100.7/32".parse().expect("a block"), vmac);
    let tagged = |tag: &[u8], src| ethernet(gateway, src, &[tag, &echo_request(host, REMOTE)].concat());
    let offences = [
        (Cause::UnregisteredMac, ethernet(gateway, stranger, &echo_request(host, REMOTE))),
        (Cause::ForeignAddress, ethernet(gateway, main, &echo_request(inside, REMOTE))),
        (Cause::WrongMac, ethernet(gateway, main, &echo_request(Ipv4Addr::new(198, 51, 100, 7), REMOTE))),
        (Cause::Returned, ethernet(gateway, main, &echo_request(host, Ipv4Addr::new(192, 0, 2, 64)))),
        (Cause::UnregisteredArpSender, ethernet(gateway, main, &arp(2, stranger, host, rules.gateway))),
        (Cause::ArpSenderDiffers, ethernet(gateway, main, &arp(2, vmac, host, rules.gateway))),
        (Cause::EtherType, ethernet(gateway, main, &[0x86, 0xdd, 0x60, 0, 0, 0])),
        (Cause::LinkLocal, ethernet("01:80:c2:00:00:0e".parse().expect("a MAC"), main, &[0x88, 0xcc, 2, 7])),
        (Cause::Tagged, tagged(&[0x81, 0x00, 0x00, 0x64], main)),
        (Cause::Tagged, tagged(&[0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x65], main)),
        (Cause::Malformed, ethernet(gateway, main, &[0x08, 0x00, 0x45, 0, 0])),
    ];
    let capture = Capture::start(&lab.node("router"), "lan0", "");
    for (cause, frame) in offences {
        let before = police.report();
        inject(&lab.host(), "uplink0", &[frame]);
        let after = eventually(SOON, "the frame is judged", || {
            let report = police.report();
            (report.refused > before.refused || report.from_server > before.from_server).then_some(report)
        });
        assert_eq!(after.violations.last().map(|own| own.cause), Some(cause), "{after}");
    }
    assert!(ping(&lab.host(), REMOTE, 1).is_complete(), "what is allowed still passes");
    let frames = capture.stop();
    let passed: Vec<_> = frames.iter().filter(|own| own.src != gateway).collect();
    assert!(!passed.is_empty());
    assert!(passed.iter().all(|own| own.src == main && own.ip.is_none_or(|ip| ip.src == host)), "{passed:?}");
}

#[test]
fn frames_that_are_not_for_the_gateway_are_caught_at_hetzner() {
    let lab = Lab::up("hetzner");
    let (police, rules) = (Police::of(&lab), lab.rules().clone());
    let main = rules.bindings[0].mac;
    let host = Ipv4Addr::new(203, 0, 113, 66);
    let stranger = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);
    let gratuitous = ethernet(MacAddr::BROADCAST, main, &arp(1, main, host, host));
    inject(&lab.host(), "uplink0", &[ethernet(stranger, main, &echo_request(host, REMOTE)), gratuitous]);
    eventually(SOON, "both are caught", || (causes(&police) == [Cause::NotToGateway; 2]).then_some(()));
    assert!(police.report().complaint().is_some());
}

#[test]
fn a_guest_on_a_plain_bridge_is_caught() {
    let lab = Lab::up("ovh");
    let police = Police::of(&lab);
    assert!(ping(&lab.node("vm1"), REMOTE, 2).is_silent());
    let caught = causes(&police);
    assert!(caught.contains(&Cause::UnregisteredMac), "{}", police.report());
}

#[test]
fn a_server_that_asks_too_often_is_blocked() {
    let lab = Lab::up("ovh");
    let (police, rules) = (Police::of(&lab), lab.rules().clone());
    let main = rules.bindings[0].mac;
    let question = ethernet(MacAddr::BROADCAST, main, &arp(1, main, Ipv4Addr::new(203, 0, 113, 2), rules.gateway));
    assert!(!police.report().blocked);
    inject(&lab.host(), "uplink0", &vec![question; rules.who_has_per_minute + 1]);
    let report = eventually(SOON, "the server is blocked", || Some(police.report()).filter(|own| own.blocked));
    assert!(report.refused == 0 && report.who_has_per_minute() > rules.who_has_per_minute, "{report}");
    assert!(police.report().complaint().is_some());
}
