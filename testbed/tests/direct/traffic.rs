//! Who reaches a direct port, whom it reaches, and what of it is seen outside.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, arping, eventually, flush_neighbours, neighbour, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::site::{CLIENT, FLOATING_IP, FROM_US, HOST, REGISTERED_MAC, REMOTE};
use buoy_testbed::{Lab, Node};

use crate::station::{DIRECT, MAC, SECOND, configure, plug_in, served};

/// Everybody who is to reach the station, with the address that it sees of them.
fn others(lab: &Lab) -> [(Node, Ipv4Addr); 4] {
    let [client, remote, instance] = ["client", "remote", "vm1"].map(|name| lab.node(name));
    [(client, CLIENT), (remote, REMOTE), (lab.host(), HOST), (instance, FLOATING_IP)]
}

#[test]
fn everybody_reaches_it_and_it_reaches_everybody_with_the_registered_mac_alone() {
    let (lab, _daemon) = served();
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    let own = Capture::start(&lab.node("vm3"), "eth0", "");
    let station = lab.node("vm3");
    let _inside = (tcp_server(&station, 80), udp_server(&station, 53));
    for (node, address) in others(&lab) {
        let _outside = (tcp_server(&node, 8080), udp_server(&node, 8080));
        for direct in [DIRECT, SECOND] {
            let report = ping(&node, direct, 3);
            assert!(report.is_complete(), "{node} to {direct}: {report:?}");
        }
        assert!(ping(&station, address, 3).is_complete(), "to {node}");
        let long = "x".repeat(50_000);
        let tcp = tcp_exchange(&node, DIRECT, 80, &long, SOON).expect("TCP inwards");
        assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, address.into()), "from {node}");
        let udp = udp_exchange(&node, DIRECT, 53, "hello", SOON).expect("UDP inwards");
        assert_eq!(udp.peer.ip(), address, "from {node}");
        let tcp = tcp_exchange(&station, address, 8080, &long, SOON).expect("TCP outwards");
        assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, DIRECT.into()), "to {node}");
        let udp = udp_exchange(&station, address, 8080, "hello", SOON).expect("UDP outwards");
        assert_eq!(udp.peer.ip(), DIRECT, "to {node}");
    }
    let frames = capture.stop();
    assert!(frames.len() > 50, "{}", listing(&frames));
    for frame in &frames {
        let sender = frame.arp.map_or(frame.src, |arp| arp.sha);
        let macs = [frame.src.to_string(), sender.to_string()];
        assert_eq!(macs, [REGISTERED_MAC, REGISTERED_MAC], "{frame}");
        let ours = [DIRECT, SECOND, FLOATING_IP, HOST];
        assert!(frame.ip.is_none_or(|ip| ours.contains(&ip.src)), "{frame}");
        // What the station and the host, or the station and the instance, say to each other stays here.
        assert!(frame.ip.is_none_or(|ip| !ours.contains(&ip.dst)), "{frame}");
    }
    // The station is addressed by its own MAC, also inside ARP answers.
    let brought: Vec<_> = own.stop().into_iter().filter(|frame| frame.src != MAC).collect();
    assert!(brought.len() > 50, "{}", listing(&brought));
    let is_its = |frame: &&buoy_testbed::probe::Frame| {
        frame.dst == MAC && frame.vlans.is_empty() && frame.arp.is_none_or(|arp| arp.tha == MAC)
    };
    assert_eq!(brought.iter().find(|frame| !is_its(frame)), None, "{}", listing(&brought));
}

#[test]
fn questions_about_it_are_answered_in_the_switch_and_its_own_announcements_are_not() {
    let (lab, mut daemon) = served();
    assert!(ping(&lab.node("client"), DIRECT, 3).is_complete());
    daemon.kill9();
    // It does not answer, and yet there is an answer.
    let station = lab.node("vm3");
    station.run(["ip", "link", "set", "eth0", "arp", "off"]).expect_success();
    for node in [lab.node("client"), lab.node("router"), lab.host()] {
        let interface = if node.name() == "client" {
            "eth0"
        } else if node.name() == "router" {
            "lan0"
        } else {
            "br-ex"
        };
        let mac = arping(&node, interface, DIRECT, SOON).unwrap_or_else(|| panic!("no answer to {node}"));
        assert_eq!(mac.to_string(), REGISTERED_MAC, "{node}");
    }
    station.run(["ip", "link", "set", "eth0", "arp", "on"]).expect_success();
    let capture = Capture::start(&lab.node("lan"), "server", "arp");
    // It asks whether somebody else has its address, and announces itself: nobody answers, nobody hears of it.
    let probe = station.run(["arping", "-D", "-c", "2", "-w", "2", "-I", "eth0", "203.0.113.110"]);
    assert!(probe.success(), "a duplicate of itself: {probe}");
    station.run(["arping", "-U", "-c", "2", "-w", "2", "-I", "eth0", "-s", "203.0.113.110", "203.0.113.110"]);
    let heard = capture.stop();
    let told: Vec<_> = heard.into_iter().filter(|frame| frame.arp.is_some_and(|arp| arp.tpa == DIRECT)).collect();
    assert!(told.is_empty(), "{}", listing(&told));
    daemon.start_again();
    eventually(SOON, "they are counted", || {
        (crate::station::drops(&daemon, "about a station's own address, or to itself") >= 3).then_some(())
    });
}

#[test]
fn the_host_is_asked_and_floating_ips_are_answered_for() {
    let (lab, _daemon) = served();
    let station = lab.node("vm3");
    let capture = Capture::start(&lab.node("lan"), "server", "arp");
    flush_neighbours(&station);
    for address in [HOST, FLOATING_IP] {
        let mac = arping(&station, "eth0", address, SOON).unwrap_or_else(|| panic!("no answer for {address}"));
        assert_eq!(mac.to_string(), REGISTERED_MAC, "{address}");
        assert!(ping(&station, address, 3).is_complete(), "{address}");
    }
    let asked: Vec<_> =
        capture.stop().into_iter().filter(|frame| frame.asks_for(HOST) || frame.asks_for(FLOATING_IP)).collect();
    assert!(asked.is_empty(), "{}", listing(&asked));
    assert!(ping(&station, CLIENT, 3).is_complete());
    assert_eq!(neighbour(&station, CLIENT).map(|mac| mac.to_string()).as_deref(), Some("02:00:cb:00:71:32"));
}

#[test]
fn two_of_them_reach_each_other_without_the_provider() {
    let (lab, daemon) = served();
    let other = Ipv4Addr::new(203, 0, 113, 111);
    plug_in(&lab, "vm4");
    configure(&lab.node("vm4"), &[other], 24, Ipv4Addr::new(203, 0, 113, 1));
    buoyctl(&daemon, "direct add gw-2 --provider lan --port vm4 --mac 02:00:0a:00:00:0e --ip 203.0.113.111");
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    assert!(ping(&lab.node("vm3"), other, 3).is_complete());
    assert!(ping(&lab.node("vm4"), SECOND, 3).is_complete());
    let _server = tcp_server(&lab.node("vm4"), 80);
    let seen = tcp_exchange(&lab.node("vm3"), other, 80, "hello", SOON).expect("TCP between the two");
    assert_eq!(seen.peer.ip(), DIRECT);
    let frames = capture.stop();
    let about = |frame: &&buoy_testbed::probe::Frame| frame.ip.is_some_and(|ip| ip.dst == other || ip.src == other);
    assert_eq!(frames.iter().find(about), None, "{}", listing(&frames));
    assert!(ping(&lab.node("remote"), other, 3).is_complete());
}
