//! MACs that the daemon keeps for itself.

use super::*;
use crate::ops::derived_mac;

const ASKING: MacAddr = MacAddr::new([0x02, 0xb0, 0x07, 0x80, 0, 1]);

#[test]
fn nobody_is_given_a_mac_that_the_daemon_asks_with() {
    let site = site(PolicySpec::Host);
    let mut spec = instance("blue", 13);
    spec.interface.mac = ASKING;
    let network = NetworkSpec {
        cidr: "10.1.0.0/24".parse().unwrap(),
        gateway: [10, 1, 0, 1].into(),
        gateway_mac: Some(ASKING),
        project: None,
        auto_assign: None,
        snat: true,
    };
    for refused in [site.add_instance(name("vm13"), spec), site.create_network(name("green"), network)] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("02:b0:07:80:00:01 is one of 02:b0:07:80:00:00 to 02:b0:07:ff:ff:ff"), "{refused}");
        assert!(refused.ends_with("give another"), "{refused}");
    }
}

#[test]
fn none_of_these_is_derived() {
    for id in [1, 0x7f_ffff, 0x80_0000, u32::MAX] {
        assert!(!derived_mac(EntityId(id)).is_reserved(), "{id}");
    }
}
