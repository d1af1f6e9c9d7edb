//! ICMP errors through the rewrite at a provider that polices: all of them leave with an address and a MAC that it takes.

use std::net::Ipv4Addr;

use buoy_testbed::probe::{assert_refused, hop, tcp_exchange, tcp_server};
use buoy_testbed::scenario::SOON;

use crate::site::{REMOTE, at_each_provider};

/// Of the instances' network.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Where the provider's router meets the Internet.
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 209);

#[test]
fn what_goes_wrong_on_the_way_is_told_both_ways() {
    at_each_provider(|site| {
        let address = site.case.addresses[0];
        site.associate(address, 1);
        let (guest, remote) = (site.lab.node("vm1"), site.lab.node("remote"));
        assert_refused(&remote, address, SOON);
        assert_refused(&guest, REMOTE, SOON);
        let outwards = [1, 2, 3].map(|ttl| hop(&guest, REMOTE, ttl, SOON));
        assert_eq!(outwards, [GATEWAY, site.case.gateway, REMOTE]);
        let inwards = [1, 2, 3].map(|ttl| hop(&remote, address, ttl, SOON));
        assert_eq!(inwards, [ROUTER, address, address]);
        // A narrower link behind the provider: what the guest sends gets through only with the error about it. The other
        // end keeps to the link's size, but does not say so.
        let narrow = format!("ip route replace default via {ROUTER} mtu 1200 advmss 1460");
        for (node, command) in [("router", "ip link set wan0 mtu 1200"), ("remote", narrow.as_str())] {
            site.lab.node(node).run(command.split(' ')).expect_success();
        }
        let _server = tcp_server(&remote, 8_080);
        let payload = "x".repeat(60_000);
        let done = tcp_exchange(&guest, REMOTE, 8_080, &payload, SOON).expect("it completes");
        assert_eq!((done.reply.len(), done.peer.ip()), (payload.len(), address.into()));
    });
}
