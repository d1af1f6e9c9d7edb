//! Instances that share an address: the provider sees that address alone, with the MAC that it is bound to.

use std::time::Duration;

use buoy_testbed::probe::{ping, tcp_exchange, tcp_server, udp_exchange, udp_server};

use crate::site::{CASES, REMOTE, at, vm};

/// Long enough on a machine that does much else.
const LATE: Duration = Duration::from_secs(30);

#[test]
fn a_shared_address_leaves_with_its_own_mac() {
    let [.., ovh, hetzner, _] = CASES;
    for case in [ovh, hetzner] {
        at(case, |site| {
            let (shared, floating) = (site.case.addresses[0], site.case.addresses[1]);
            site.command(&format!("provider set dc --snat {shared}"));
            site.associate(floating, 3);
            let remote = site.lab.node("remote");
            let _servers = (tcp_server(&remote, 8_080), udp_server(&remote, 8_080));
            for (number, seen) in [(1, shared), (2, shared), (3, floating)] {
                let guest = site.lab.node(&vm(number));
                let tcp = tcp_exchange(&guest, REMOTE, 8_080, &"x".repeat(50_000), LATE).expect("TCP");
                assert_eq!((tcp.reply.len(), tcp.peer.ip()), (50_000, seen.into()), "{guest}");
                assert_eq!(udp_exchange(&guest, REMOTE, 8_080, "hello", LATE).expect("UDP").peer.ip(), seen, "{guest}");
                assert!(ping(&guest, REMOTE, 3).is_complete(), "{guest}");
            }
            assert!(ping(&remote, shared, 2).is_silent());
            site.assert_reached(floating);
        });
    }
}
