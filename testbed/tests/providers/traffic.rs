//! Packets through floating IPs, and packets that nobody takes.

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, Frame, assert_reaches, flush_neighbours, ping, tcp_exchange, tcp_server, udp_exchange, udp_server,
};
use buoy_testbed::scenario::SOON;

use crate::site::{REMOTE, Site, at_each_provider, vm};

#[test]
fn every_address_carries_traffic_both_ways() {
    at_each_provider(|site| {
        let remote = site.lab.node("remote");
        let _outside = (tcp_server(&remote, 8080), udp_server(&remote, 8080));
        let _inside: Vec<_> = (1..=4)
            .map(|number| site.lab.node(&vm(number)))
            .map(|node| (tcp_server(&node, 80), udp_server(&node, 53)))
            .collect();
        for addresses in site.case.addresses.chunks(4) {
            for (number, address) in (1..).zip(addresses) {
                site.associate(*address, number);
            }
            for (number, address) in (1..).zip(addresses) {
                assert_carries(site, number, *address);
            }
            addresses.iter().for_each(|address| drop(site.disassociate(*address)));
        }
    });
}

fn assert_carries(site: &Site, number: u8, address: std::net::Ipv4Addr) {
    let (remote, guest) = (site.lab.node("remote"), site.lab.node(&vm(number)));
    site.assert_reached(address);
    assert!(ping(&guest, REMOTE, 3).is_complete(), "ping from {address}");
    let tcp = tcp_exchange(&remote, address, 80, &"x".repeat(50_000), SOON).expect("TCP inwards");
    assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, REMOTE.into()));
    let udp = udp_exchange(&remote, address, 53, "hello", SOON).expect("UDP inwards");
    assert_eq!(udp.peer.ip(), REMOTE);
    let tcp = tcp_exchange(&guest, REMOTE, 8080, &"x".repeat(50_000), SOON).expect("TCP outwards");
    assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, address.into()));
    let udp = udp_exchange(&guest, REMOTE, 8080, "hello", SOON).expect("UDP outwards");
    assert_eq!(udp.peer.ip(), address);
}

#[test]
fn the_host_has_its_own_traffic_beside_them() {
    at_each_provider(|site| {
        site.associate(site.case.addresses[0], 1);
        let (remote, host) = (site.lab.node("remote"), site.lab.host());
        let _servers = (tcp_server(&remote, 8080), tcp_server(&host, 22), udp_server(&host, 53));
        let inward = tcp_exchange(&remote, site.case.host, 22, &"x".repeat(50_000), SOON).expect("TCP to the host");
        assert_eq!((inward.reply.len(), inward.peer.ip()), (50_000, REMOTE.into()));
        let outward = tcp_exchange(&host, REMOTE, 8080, &"x".repeat(50_000), SOON).expect("TCP from the host");
        assert_eq!((outward.reply.len(), outward.peer.ip()), (50_000, site.case.host.into()));
        udp_exchange(&remote, site.case.host, 53, "hello", SOON).expect("UDP to the host");
        site.assert_reached(site.case.host);
        assert!(ping(&host, site.case.gateway, 3).is_complete(), "host to gateway");
        // Host and instance reach each other without the provider.
        assert!(ping(&host, site.case.addresses[0], 3).is_complete(), "host to floating IP");
        assert!(ping(&site.lab.node("vm1"), site.case.host, 3).is_complete(), "instance to host");
    });
}

#[test]
fn the_host_reaches_every_floating_ip_that_it_carries() {
    at_each_provider(|site| {
        let host = site.lab.host();
        let addresses = site.case.addresses.get(..2).expect("two addresses");
        let nodes = [1, 2].map(|number| site.lab.node(&vm(number)));
        let _servers = nodes.each_ref().map(|node| (tcp_server(node, 80), udp_server(node, 53)));
        for (number, address) in (1..).zip(addresses) {
            site.associate(*address, number);
        }
        let capture = Capture::start(&site.lab.node("police"), "server", "ip");
        for address in addresses {
            // The gateway lies outside the host's subnet: all that the host sends is addressed to the gateway's MAC.
            flush_neighbours(&host);
            assert!(ping(&host, *address, 3).is_complete(), "{address}");
            let tcp = tcp_exchange(&host, *address, 80, &"x".repeat(50_000), SOON).expect("TCP from the host");
            assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, site.case.host.into()));
            let udp = udp_exchange(&host, *address, 53, "hello", SOON).expect("UDP from the host");
            assert_eq!(udp.peer.ip(), site.case.host);
        }
        let about =
            |frame: &Frame| frame.ip.is_some_and(|ip| addresses.iter().any(|own| [ip.src, ip.dst].contains(own)));
        let seen: Vec<_> = capture.stop().into_iter().filter(about).collect();
        assert!(seen.is_empty(), "the provider has nothing to do with it: {}", listing(&seen));
    });
}

#[test]
fn an_address_without_an_instance_is_silent_and_does_not_loop() {
    at_each_provider(|site| {
        site.associate(site.case.addresses[0], 1);
        site.assert_reached(site.case.addresses[0]);
        let capture = Capture::start(&site.lab.node("police"), "server", "");
        let nodes = [site.lab.node("remote"), site.lab.node("vm1"), site.lab.host()];
        std::thread::scope(|scope| {
            for node in &nodes {
                for address in &site.case.addresses[1..] {
                    scope.spawn(move || assert!(ping(node, *address, 2).is_silent(), "{address} from {node}"));
                }
            }
        });
        let frames = capture.stop();
        let gateway = site.lab.rules().gateway_mac;
        let ours: Vec<_> = frames.iter().filter(|frame| frame.src != gateway).cloned().collect();
        let about = |frame: &&Frame| {
            let others = &site.case.addresses[1..];
            frame.ip.is_some_and(|ip| ip.protocol == 1 || others.contains(&ip.dst))
                || frame.arp.is_some_and(|arp| others.contains(&arp.spa) || others.contains(&arp.tpa))
        };
        assert!(!frames.is_empty());
        assert_eq!(ours.iter().find(about), None, "{}", listing(&ours));
    });
}

#[test]
fn instances_reach_each_other_by_floating_ip_without_the_provider() {
    at_each_provider(|site| {
        let [one, two, ..] = site.case.addresses else { panic!("too few addresses") };
        let own = [(site.lab.node("vm1"), *one), (site.lab.node("vm2"), *two)];
        site.associate(*one, 1);
        site.associate(*two, 2);
        let _servers = own.each_ref().map(|(node, _)| (tcp_server(node, 80), udp_server(node, 53)));
        let capture = Capture::start(&site.lab.node("police"), "server", "ip");
        for (node, seen) in &own {
            for to in [*one, *two] {
                assert_reaches(node, to, *seen, SOON);
            }
        }
        let seen = capture.stop();
        assert!(seen.is_empty(), "{}", listing(&seen));
    });
}
