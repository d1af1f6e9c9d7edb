//! Ports that are the host's or a provider's are no instance's.

use super::*;

#[test]
fn an_instance_is_not_behind_a_providers_or_the_hosts_port() {
    let site = site(PolicySpec::Host);
    for (bridge, own) in
        [("br-int", "int-br-ex"), ("br-int", "br-int"), ("br-ex", "br-ex"), ("br-ex", "eth0"), ("br-ex", "phy-br-ex")]
    {
        let mut spec = instance("blue", 13);
        spec.bridge = port(bridge);
        spec.interface.port = port(own);
        let refused = site.add_instance(name("vm13"), spec);
        assert!(matches!(&refused, Err(OpError::Invalid { .. })), "{own} of {bridge}: {refused:?}");
    }
    // On another bridge the uplink's name is only a name.
    let mut spec = instance("blue", 13);
    spec.interface.port = port("eth0");
    assert!(site.add_instance(name("vm13"), spec).is_ok());
}
