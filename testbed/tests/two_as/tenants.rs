//! Two tenants whose networks, instances and even MACs have the same addresses.

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, arping, flush_neighbours, neighbour, ping, tcp_exchange, tcp_server};

use crate::site::{FIXED, HOSTS, NORTH, PATIENCE, REMOTE, SOUTH, in_both_forms};

#[test]
fn tenants_with_the_same_addresses_do_not_see_each_other() {
    in_both_forms(|site| {
        let (blue, green) = ([NORTH[1].0, SOUTH[0]], [SOUTH[2], NORTH[2].0]);
        for (instance, address) in ["blue-1", "blue-2"].iter().zip(blue).chain(["green-1", "green-2"].iter().zip(green))
        {
            site.command(&format!("fip associate {address} {instance}"));
        }
        let nodes = ["vm1", "vm2", "vm3", "vm4"].map(|name| site.lab.node(name));
        let [vm1, vm2, vm3, vm4] = &nodes;
        let second = FIXED[0].to_bits() + 1;
        let neighbours = [(vm1, vm2, "02:00:0a:00:00:0c", vm4), (vm3, vm4, "02:00:0a:00:00:0e", vm2)];
        for (first, other, mac, stranger) in neighbours {
            flush_neighbours(first);
            let heard = Capture::start(stranger, "eth0", "");
            let found = arping(first, "eth0", second.into(), PATIENCE).expect("its own neighbour answers");
            assert_eq!(found.to_string(), mac, "{first}");
            let _server = tcp_server(other, 80);
            let reply = tcp_exchange(first, std::net::Ipv4Addr::from(second), 80, "hello", PATIENCE).expect("TCP");
            assert_eq!(reply.peer.ip(), FIXED[0], "{first} to {other}");
            assert_eq!(neighbour(first, second.into()).map(|mac| mac.to_string()).as_deref(), Some(mac));
            let heard = heard.stop();
            assert!(heard.is_empty(), "{stranger} heard of {first}: {}", listing(&heard));
        }
        // From outside each address leads to its own instance, although two have the same fixed IP.
        for (node, address) in nodes.iter().zip(blue.into_iter().chain(green)) {
            let _server = tcp_server(node, 8_080);
            for other in &nodes {
                let is_its = other.name() == node.name();
                let own = Capture::start(other, "eth0", "tcp port 8080");
                tcp_exchange(&site.lab.node("remote"), address, 8_080, "who", PATIENCE).expect("TCP inwards");
                assert_eq!(own.stop().is_empty(), !is_its, "{address} leads to {node}, heard at {other}");
            }
        }
        // What one tenant takes away is its own.
        site.command(&format!("fip disassociate {}", blue[0]));
        site.await_silent(blue[0]);
        for address in [blue[1], green[0], green[1], HOSTS[0], HOSTS[1]] {
            site.assert_reached(address);
        }
        assert!(ping(vm3, green[1], 3).is_complete());
    });
}

#[test]
fn an_address_of_one_tenant_is_not_for_the_other() {
    in_both_forms(|site| {
        let [address, ..] = SOUTH;
        site.command(&format!("fip associate {address} blue-2"));
        let refused = site.daemon.buoyctl(["fip", "associate", &address.to_string(), "green-1"]);
        assert_eq!(refused.code(), 4, "{refused}");
        assert!(refused.stderr.contains("belongs to project blue"), "{refused}");
        for address in HOSTS.into_iter().chain([address]) {
            site.assert_reached(address);
        }
    });
}

#[test]
fn what_is_for_an_address_of_one_provider_that_nobody_has_leaves_by_neither() {
    in_both_forms(|site| {
        let (own, nobodys) = (SOUTH[0], NORTH[0].0);
        site.command(&format!("fip associate {own} blue-2"));
        site.assert_reached(own);
        let captures = ["north", "south"]
            .map(|police| Capture::start(&site.lab.node(police), "server", &format!("host {nobodys}")));
        let guest = site.lab.node("vm2");
        assert!(ping(&guest, nobodys, 3).is_silent());
        // The way out is open.
        assert!(ping(&guest, REMOTE, 3).is_complete());
        for frames in captures.map(Capture::stop) {
            assert!(frames.is_empty(), "{}", listing(&frames));
        }
    });
}
