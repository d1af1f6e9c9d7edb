//! A LAN of one's own with a virtual router's MAC: nobody polices it, so what was captured is judged.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::police::rules::{Binding, Rules};
use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, eventually, neighbour, ping, tcp_exchange, tcp_server, udp_exchange, udp_server};
use buoy_testbed::scenario::{SOON, await_up_to_date, buoyctl};
use buoy_testbed::site::{CLIENT, DECLARATION, FLOATING_IP, FROM_US, HOST, REGISTERED_MAC, REMOTE};
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;

const ROUTER_MAC: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 0xaa]);

fn rules() -> Rules {
    let bound = |block: &str, mac| Binding { block: block.parse().expect("a block"), mac };
    Rules {
        gateway: Ipv4Addr::new(203, 0, 113, 1),
        gateway_mac: MacAddr::new([2, 0, 0xcb, 0, 0x71, 1]),
        bindings: vec![
            bound("203.0.113.2/32", REGISTERED_MAC.parse().expect("a MAC")),
            bound("203.0.113.100/31", ROUTER_MAC),
        ],
        only_to_gateway: false,
        who_has_per_minute: 20,
    }
}

#[test]
fn the_routers_mac_and_the_hosts_are_all_that_is_seen() {
    let lab = Lab::up("flat");
    let mut daemon = Daemon::start(&lab);
    lab.point_at_controller();
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    let [provider, rest @ ..] = DECLARATION;
    buoyctl(&daemon, &format!("{provider} --mac-policy router --router-mac {ROUTER_MAC} --garp on"));
    for command in rest {
        buoyctl(&daemon, command);
    }
    buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    let (guest, client) = (lab.node("vm1"), lab.node("client"));
    let _inside = (tcp_server(&guest, 80), udp_server(&guest, 53));
    for (node, address) in [("client", CLIENT), ("remote", REMOTE)] {
        let node = lab.node(node);
        let _outside = (tcp_server(&node, 8080), udp_server(&node, 8080));
        assert!(ping(&node, FLOATING_IP, 3).is_complete(), "{node}");
        assert!(ping(&guest, address, 3).is_complete(), "{node}");
        let long = "x".repeat(50_000);
        assert_eq!(tcp_exchange(&node, FLOATING_IP, 80, &long, SOON).expect("TCP").peer.ip(), address);
        assert_eq!(udp_exchange(&node, FLOATING_IP, 53, "hello", SOON).expect("UDP").peer.ip(), address);
        assert_eq!(tcp_exchange(&guest, address, 8080, &long, SOON).expect("TCP").peer.ip(), FLOATING_IP);
        assert_eq!(udp_exchange(&guest, address, 8080, "hello", SOON).expect("UDP").peer.ip(), FLOATING_IP);
        assert!(ping(&node, HOST, 3).is_complete() && ping(&lab.host(), address, 3).is_complete());
    }
    assert_eq!(neighbour(&client, FLOATING_IP), Some(ROUTER_MAC));
    // An announcement reaches who has an old MAC for the address.
    let moved_by =
        ["ip", "neigh", "replace", "203.0.113.100", "lladdr", "02:00:00:00:00:77", "dev", "eth0", "nud", "stale"];
    client.run(moved_by).expect_success();
    buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    eventually(SOON, "the client has heard", || (neighbour(&client, FLOATING_IP) == Some(ROUTER_MAC)).then_some(()));
    assert!(ping(&client, FLOATING_IP, 3).is_complete());
    daemon.restart();
    await_up_to_date(&daemon, Duration::from_secs(20));
    buoyctl(&daemon, "fip disassociate 203.0.113.100");
    assert!(ping(&client, FLOATING_IP, 2).is_silent());
    assert!(ping(&lab.node("remote"), FLOATING_IP, 2).is_silent());
    let frames = capture.stop();
    assert!(frames.len() > 50, "{}", listing(&frames));
    let rules = rules();
    let refused: Vec<_> =
        frames.iter().filter_map(|frame| Some((rules.judge(&frame.bytes)?, frame.to_string()))).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
