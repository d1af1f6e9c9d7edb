//! A direct port of a provider on a VLAN: tagged outside, untagged inside.

use std::net::Ipv4Addr;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, eventually, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::site::{DECLARATION, FLOATING_IP, HOST, REGISTERED_MAC};
use buoy_testbed::{Daemon, Lab};

use crate::station::configure;

/// In VLAN 4000: a neighbour outside, and the direct port.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 50);
const TAGGED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

#[test]
fn its_frames_are_tagged_outside_alone() {
    let lab = Lab::up("flat");
    let datapath = lab.ovs_vsctl(["get", "bridge", "br-ex", "datapath_type"]);
    let wiring = format!(
        "del-port br-ex uplink0 -- del-port br-int vm3 -- del-port br-int vm4 \
         -- add-br edge -- set bridge edge datapath_type={} -- add-port edge uplink0 -- add-port br-ex vm3 \
         -- add-port br-ex edge0 -- set interface edge0 type=patch options:peer=edge1 \
         -- add-port edge edge1 -- set interface edge1 type=patch options:peer=edge0 \
         -- add-port edge vm4 tag=4000",
        datapath.trim()
    );
    lab.ovs_vsctl(wiring.split_whitespace());
    let (station, neighbour) = (lab.node("vm3"), lab.node("vm4"));
    configure(&station, &[TAGGED], 24, Ipv4Addr::new(192, 0, 2, 1));
    configure(&neighbour, &[NEIGHBOUR], 24, Ipv4Addr::new(192, 0, 2, 1));
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    let tagged = [
        "provider create vswitch --bridge br-ex --uplink edge0 --vlan 4000 --onlink 192.0.2.0/24",
        "direct add gw --provider vswitch --port vm3 --mac 02:00:0a:00:00:0d --ip 192.0.2.100",
        "fip associate 203.0.113.100 web-1",
    ];
    for command in DECLARATION.into_iter().chain(tagged) {
        let result = buoyctl(&daemon, &command.replace("uplink0", "edge0"));
        assert_eq!(result.get("applied"), Some(&true.into()), "{command}: {result}");
    }
    let (beyond, inside, outside) = (
        Capture::start(&lab.node("lan"), "server", ""),
        Capture::start(&station, "eth0", ""),
        Capture::start(&neighbour, "eth0", "not ether src 02:00:0a:00:00:0e"),
    );
    eventually(SOON, "the neighbour reaches it", || ping(&neighbour, TAGGED, 1).is_complete().then_some(()));
    assert!(ping(&station, NEIGHBOUR, 3).is_complete());
    let _server = tcp_server(&neighbour, 80);
    let seen = tcp_exchange(&station, NEIGHBOUR, 80, &"x".repeat(20_000), SOON).expect("TCP outwards");
    assert_eq!(seen.peer.ip(), TAGGED);
    for address in [FLOATING_IP, HOST] {
        assert!(ping(&lab.node("remote"), address, 3).is_complete(), "{address}");
    }
    let inside = inside.stop();
    assert!(inside.len() > 10 && inside.iter().all(|frame| frame.vlans.is_empty()), "{}", listing(&inside));
    let outside = outside.stop();
    let mac = lab.ovs_vsctl(["get", "interface", "edge0", "mac_in_use"]);
    let mac = mac.trim().trim_matches('"');
    let is_registered = |own: String| own == mac || own == REGISTERED_MAC;
    for frame in &outside {
        let sender = frame.arp.map_or(frame.src, |arp| arp.sha);
        assert!(is_registered(frame.src.to_string()) && is_registered(sender.to_string()), "{}", listing(&outside));
    }
    assert!(outside.iter().any(|frame| frame.ip.is_some_and(|ip| ip.src == TAGGED)), "{}", listing(&outside));
    let about = |frame: &&buoy_testbed::probe::Frame| {
        frame.vlans.is_empty() && frame.ip.is_some_and(|ip| ip.src == TAGGED || ip.dst == TAGGED)
    };
    let beyond = beyond.stop();
    assert_eq!(beyond.iter().find(about), None, "untagged: {}", listing(&beyond));
}
