//! Instances behind a trunk port, apart by VLAN, as neutron builds them: a bridge of its own with access ports, and a
//! patch port to br-int on which every frame is tagged.

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, ping, tcp_exchange, tcp_server, udp_exchange, udp_server};
use buoy_testbed::scenario::SOON;

use crate::site::{REMOTE, Site, at_each_provider, instance_ip, instance_mac, vm};

/// Network, node and VLAN of the instances on the trunk; both have the same address.
const ON_TRUNK: [(&str, u8, u16); 2] = [("red", 3, 100), ("green", 4, 200)];

/// Moves two instances from ports of their own to the trunk.
fn plug_in(site: &Site) {
    let datapath = format!("datapath_type={}", site.lab.namespaces().datapath.as_str());
    site.lab.ovs_vsctl(["add-br", "tbr", "--", "set", "bridge", "tbr", &datapath]);
    for (bridge, port, peer) in [("tbr", "tpt", "trunk"), ("br-int", "trunk", "tpt")] {
        let peer = format!("options:peer={peer}");
        site.lab.ovs_vsctl(["add-port", bridge, port, "--", "set", "interface", port, "type=patch", &peer]);
    }
    for (name, number, vid) in ON_TRUNK {
        site.daemon.buoyctl(["instance", "remove", &format!("web-{number}")]).expect_success();
        site.lab.ovs_vsctl(["del-port", "br-int", &vm(number), "--", "add-port", "tbr", &vm(number)]);
        site.lab.ovs_vsctl(["set", "port", &vm(number), &format!("tag={vid}")]);
        let guest = site.lab.node(&vm(number));
        for line in ["address flush dev eth0", "address add 10.1.0.14/24 dev eth0", "route add default via 10.1.0.1"] {
            guest.run(["ip"].into_iter().chain(line.split(' '))).expect_success();
        }
        let mac = instance_mac(number);
        site.command(&format!("network create {name} --cidr 10.1.0.0/24 --gateway 10.1.0.1"));
        site.command(&format!(
            "instance add {name} --network {name} --port trunk --mac {mac} --ip 10.1.0.14 --vlan {vid}"
        ));
    }
}

#[test]
fn instances_on_a_trunk_have_floating_ips_of_their_own() {
    at_each_provider(|site| {
        plug_in(site);
        let remote = site.lab.node("remote");
        let _outside = (tcp_server(&remote, 8080), udp_server(&remote, 8080));
        for ((name, number, _), address) in ON_TRUNK.into_iter().zip(site.case.addresses) {
            site.command(&format!("fip associate {address} {name}"));
            let guest = site.lab.node(&vm(number));
            let capture = Capture::start(&guest, "eth0", "");
            let _inside = (tcp_server(&guest, 80), udp_server(&guest, 53));
            site.assert_reached(*address);
            assert!(ping(&guest, REMOTE, 3).is_complete(), "from {name}");
            let seen = tcp_exchange(&guest, REMOTE, 8080, &"x".repeat(50_000), SOON).expect("TCP outwards");
            assert_eq!((seen.reply.len(), seen.peer.ip()), (50_000, std::net::IpAddr::from(*address)));
            let seen = udp_exchange(&guest, REMOTE, 8080, "hello", SOON).expect("UDP outwards");
            assert_eq!(seen.peer.ip(), std::net::IpAddr::from(*address));
            let seen = tcp_exchange(&remote, *address, 80, &"x".repeat(50_000), SOON).expect("TCP inwards");
            assert_eq!((seen.reply.len(), seen.peer.ip()), (50_000, REMOTE.into()));
            udp_exchange(&remote, *address, 53, "hello", SOON).expect("UDP inwards");
            let frames = capture.stop();
            assert!(frames.iter().all(|frame| frame.vlans.is_empty()), "{}", listing(&frames));
        }
        assert!(ping(&site.lab.node("vm3"), instance_ip(4), 2).is_silent(), "networks are apart");
        assert!(ping(&site.lab.node("vm1"), instance_ip(2), 3).is_complete(), "the untagged ones are let alone");
    });
}
