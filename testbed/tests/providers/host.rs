//! Bindings that change, and a host that is not like others: with a MAC of its own, or with no provider declared yet.

use buoy_testbed::datapath::Datapath;
use buoy_testbed::probe::{Police, eventually, flush_neighbours, inject, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;

use crate::guests::forgeries;
use crate::site::{CASES, REMOTE, Site, at_each_provider};

#[test]
fn an_address_can_get_another_mac() {
    for case in CASES.into_iter().filter(|case| case.policy == "vmac") {
        let site = Site::up(case, "");
        let (address, new) = (case.addresses[0], "02:00:c6:33:64:99");
        site.associate(address, 1);
        site.assert_reached(address);
        site.police.bind(format!("{address}/32").parse().expect("a block"), new.parse().expect("a MAC"));
        let shown = site.command(&format!("pool add public {address} --mac {new}"));
        assert_eq!(shown["applied"], true, "{shown}");
        assert_eq!(site.command(&format!("fip show {address}"))["mac"], new);
        flush_neighbours(&site.lab.node("router"));
        site.assert_reached(address);
        assert!(ping(&site.lab.node("vm1"), REMOTE, 3).is_complete());
        site.assert_clean();
    }
}

#[test]
fn an_address_without_a_mac_is_not_served() {
    for case in CASES.into_iter().filter(|case| case.policy == "vmac") {
        let site = Site::up(case, "");
        site.command("pool add public 192.0.2.90");
        let refused = site.daemon.buoyctl(["fip", "associate", "192.0.2.90", "web-1"]);
        assert_eq!(refused.code(), 2, "{refused}");
        assert!(ping(&site.lab.node("vm1"), REMOTE, 2).is_silent());
        site.assert_reached(case.host);
        site.assert_clean();
    }
}

#[test]
fn a_host_with_a_mac_of_its_own_is_translated() {
    at_each_provider(|site| {
        let (remote, host) = (site.lab.node("remote"), site.lab.host());
        let address = site.case.addresses[0];
        site.associate(address, 1);
        let own = "02:00:0a:00:00:ee";
        let hwaddr = format!("other_config:hwaddr=\"{own}\"");
        site.lab.ovs_vsctl(["set", "bridge", "br-ex", &hwaddr]);
        if site.lab.namespaces().datapath == Datapath::Dummy {
            host.run(["ip", "link", "set", "br-ex", "address", own]).expect_success();
        }
        eventually(SOON, "the host has another MAC", || {
            host.run(["ip", "link", "show", "br-ex"]).stdout.contains(own).then_some(())
        });
        // A tap goes down for a new MAC, and its routes go with it.
        let gateway = site.case.gateway;
        for route in [format!("{gateway} dev br-ex"), format!("default via {gateway} dev br-ex")] {
            host.run(["ip", "route", "replace"].into_iter().chain(route.split(' '))).expect_success();
        }
        flush_neighbours(&site.lab.node("router"));
        flush_neighbours(&host);
        site.await_host(SOON);
        let _servers = (tcp_server(&remote, 8080), tcp_server(&host, 22));
        flush_neighbours(&host);
        let seen = tcp_exchange(&host, REMOTE, 8080, &"x".repeat(50_000), SOON).expect("TCP from the host");
        assert_eq!(seen.peer.ip(), std::net::IpAddr::from(site.case.host));
        flush_neighbours(&site.lab.node("router"));
        tcp_exchange(&remote, site.case.host, 22, "hello", SOON).expect("TCP to the host");
        site.assert_reached(address);
        assert!(ping(&site.lab.node("vm1"), site.case.host, 3).is_complete(), "instance to host");
        assert!(ping(&host, address, 3).is_complete(), "host to floating IP");
    });
}

#[test]
fn guests_are_held_before_anything_is_declared() {
    for case in CASES.into_iter().filter(|case| case.policy == "host") {
        let lab = Lab::up(case.lab);
        let police = Police::of(&lab);
        let daemon = Daemon::start(&lab);
        lab.point_at_controller();
        eventually(SOON, "both bridges are connected", || (buoyctl(&daemon, "status")["switches"] == 2).then_some(()));
        let site = Site { police, daemon, lab, case };
        site.await_host(SOON);
        let frames = forgeries(&site, MacAddr::new([2, 0, 0x0a, 0, 0, 0xfe]));
        for node in ["vm1", "vm2"] {
            inject(&site.lab.node(node), "eth0", &frames);
            assert!(ping(&site.lab.node(node), REMOTE, 2).is_silent());
        }
        site.assert_reached(case.host);
        site.assert_clean();
    }
}
