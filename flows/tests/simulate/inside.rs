//! Floating IPs as instances see them that have none.

use super::*;
use crate::site::FIRST_PORT;

/// From an interface without a floating IP to one: as the gateway of their network, and else nobody's address is seen.
pub(super) fn check_inside(sample: &Sample, network: &Network, own: &Interface, binding: Binding<'_>) {
    let inside = sample.site.network(&own.network).unwrap();
    let guest = |own: &Interface| sample.integration.port(&own.port).unwrap().number;
    let asked = (inside.gateway_mac, binding.fip.address, 53);
    let frame = udp((own.mac, own.ip, PORT), asked, 64, b"hello");
    let question = Packet { bridge: port(INTEGRATION), port: guest(own), frame: tagged(frame, own.vlan) };
    let trace = send(network, &question);
    let to = binding.interface;
    let seen = |address| {
        let frame = udp((binding.network.gateway_mac, address, PORT), (to.mac, to.ip, 53), 63, b"hello");
        vec![(port(INTEGRATION), guest(to), tagged(frame, to.vlan))]
    };
    let got: Vec<_> = trace.sent().map(|(bridge, port, frame)| (bridge.clone(), port, frame.to_vec())).collect();
    let shared = sample.site.snat_for(inside, |peer| sample.integration.port(peer).is_some());
    let expected = match shared {
        _ if own.network == to.network => seen(inside.gateway),
        None => Vec::new(),
        Some((_, snat)) => seen(snat.address()),
    };
    assert_eq!(got, expected, "{}", shown(&question, &trace));
}

/// One that every shared address of these sites may keep.
const PORT: u16 = FIRST_PORT + 500;
