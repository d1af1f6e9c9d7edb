//! What holds for every packet at every site, seen with the simulator.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may stop where something is not there")]

mod inside;
mod packets;
mod shared;
mod site;

use std::net::Ipv4Addr;

use buoy_flows::pipeline::DropReason;
use buoy_flows::simulate::{Cause, Connections, Headers, Network, Outcome, Trace};
use buoy_topology::site::Binding;
use buoy_topology::{Dialect, Interface, MacAddr, MacPolicy, Mtu, PortNo, Provider};
use etherparse::PacketBuilder;
use inside::check_inside;
use packets::{Packet, SEED, packet};
use proptest::prelude::*;
use site::{EXTERNAL, INTEGRATION, PATCH, Sample, mac, plans, port};

/// The bytes that a packet is made of, short in messages.
#[derive(Clone)]
struct Seed([u8; SEED]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    prop::collection::vec(any::<[u8; SEED]>().prop_map(Seed), 40)
}

fn send(network: &Network, packet: &Packet) -> Trace {
    send_after(network, &mut Connections::default(), packet)
}

/// The same where there are connections.
fn send_after(network: &Network, known: &mut Connections, packet: &Packet) -> Trace {
    network.send_after(known, &packet.bridge, packet.port, &packet.frame)
}

/// What was met, for the message of a failed test.
fn shown(packet: &Packet, trace: &Trace) -> String {
    let stages: Vec<_> = trace.stages.iter().map(|own| own.flow.as_ref().map(ToString::to_string)).collect();
    format!("{packet:02x?}\n{stages:#?}\n{:02x?}", trace.ends)
}

/// Whether the end of a packet has a name.
fn is_named(outcome: &Outcome, trace: &Trace, stage: usize) -> bool {
    match outcome {
        Outcome::Sent { .. } | Outcome::Dropped(Cause::Named(_)) | Outcome::Held => true,
        Outcome::Controller { .. } => trace.stages[stage].flow.as_ref().is_some_and(|flow| flow.owner().is_some()),
        Outcome::Dropped(_) | Outcome::Unjudged(_) => false,
    }
}

fn check_ends(packet: &Packet, trace: &Trace) {
    assert!(!trace.ends.is_empty(), "{}", shown(packet, trace));
    for end in &trace.ends {
        assert!(is_named(&end.outcome, trace, end.stage), "{}", shown(packet, trace));
    }
    // It leaves once, or it ends once; copies are for the controller alone.
    let gone = trace.ends.iter().filter(|end| !matches!(end.outcome, Outcome::Controller { .. }));
    assert!(gone.count() <= 1, "{}", shown(packet, trace));
    assert!(trace.stages.len() <= 24, "{}", shown(packet, trace));
}

/// The provider that an uplink's frame belongs to.
fn provider_of<'a>(sample: &'a Sample, uplink: PortNo, headers: &Headers) -> Option<&'a Provider> {
    let tag = headers.vlan.map(|vlan| vlan.tci & 0x0fff);
    let of =
        |own: &&std::sync::Arc<Provider>| sample.external.port(&own.uplink).map(|port| port.number) == Some(uplink);
    let tagged = sample.site.providers().filter(of).find(|own| own.vlan.map(|vlan| vlan.number()) == tag);
    tagged.or_else(|| sample.site.providers().filter(of).find(|own| own.vlan.is_none())).map(AsRef::as_ref)
}

/// Which MAC an address may have at an uplink.
fn is_registered(sample: &Sample, provider: Option<&Provider>, mac: MacAddr, address: Option<Ipv4Addr>) -> bool {
    let uplink = sample.external.port(&port("eth0")).map(|port| port.mac);
    if Some(mac) == uplink {
        return true;
    }
    match provider.map(|own| own.mac_policy) {
        Some(MacPolicy::Router(own)) => own == mac,
        Some(MacPolicy::Vmac) => {
            address.and_then(|own| sample.site.floating_ip(own)).and_then(|own| own.mac) == Some(mac)
        }
        _ => false,
    }
}

fn check_uplinks(sample: &Sample, packet: &Packet, trace: &Trace) {
    for (bridge, out, frame) in trace.sent() {
        if bridge.as_str() != EXTERNAL || ![1, 2].contains(&out.0) {
            continue;
        }
        let headers = Headers::of(out, frame).unwrap();
        let provider = provider_of(sample, out, &headers);
        let at = if headers.vlan.is_some() { 18 } else { 14 };
        let registered = |mac, address| is_registered(sample, provider, mac, address);
        let octets = |from: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&frame[at + from..at + from + 4]).unwrap());
        match headers.eth_type {
            // The bytes themselves, whatever OVS makes of them.
            0x0806 => {
                let sender = MacAddr::new(frame[at + 8..at + 14].try_into().unwrap());
                assert!(registered(headers.eth_src, Some(octets(14))), "{}", shown(packet, trace));
                // OpenFlow 1.0 has no name for the sender's MAC, and so the host is trusted with it.
                let is_trusted = packet.port == PortNo::LOCAL && sample.external.dialect == Dialect::OpenFlow10;
                assert!(is_trusted || registered(sender, Some(octets(14))), "{}", shown(packet, trace));
            }
            0x0800 => {
                assert!(registered(headers.eth_src, Some(octets(12))), "{}", shown(packet, trace));
                // What the connection tracker knows them by is on no wire either.
                let is_fixed = matches!(octets(12).octets()[0], 10 | 240..);
                // In one table nothing goes by its fixed address. What the host makes of its own is its own affair.
                let is_declared = provider.is_some_and(|own| own.routes(octets(16))) && sample.external.measures;
                assert!(!is_fixed || is_declared || packet.port == PortNo::LOCAL, "{}", shown(packet, trace));
                let is_guests = octets(12).octets()[0] == 10 || sample.site.pool_at(octets(12)).is_some();
                let mtu = provider.and_then(|own| own.mtu).filter(|_| sample.external.measures && is_guests);
                let total = u16::from_be_bytes([frame[at + 2], frame[at + 3]]);
                let is_sound = usize::from(total) <= frame.len() - at;
                let fits = mtu.is_none_or(|mtu| total <= mtu.bytes() || !is_sound);
                assert!(fits || packet.bridge.as_str() == EXTERNAL, "{}", shown(packet, trace));
            }
            _ => assert!(registered(headers.eth_src, None), "{}", shown(packet, trace)),
        }
    }
}

fn udp(from: (MacAddr, Ipv4Addr, u16), to: (MacAddr, Ipv4Addr, u16), ttl: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(from.0.octets(), to.0.octets())
        .ipv4(from.1.octets(), to.1.octets(), ttl)
        .udp(from.2, to.2)
        .write(&mut frame, body)
        .unwrap();
    frame
}

/// The frame with a tag, or without.
fn tagged(mut frame: Vec<u8>, vlan: Option<buoy_topology::VlanId>) -> Vec<u8> {
    if let Some(vlan) = vlan {
        frame.splice(12..12, [0x81, 0].into_iter().chain(vlan.number().to_be_bytes()));
    }
    frame
}

/// From outside to a floating IP, and back.
fn check_round_trip(sample: &Sample, network: &Network, binding: Binding<'_>, body: &[u8]) {
    let Binding { fip, provider, interface, network: own, .. } = binding;
    let uplink = sample.external.port(&provider.uplink).unwrap();
    let client = ([198, 51, 100, 7].into(), 4_000);
    let gateway = (0xa0..).map(mac).zip(sample.site.providers()).find(|(_, own)| own.id == provider.id).unwrap().0;
    let question = udp((gateway, client.0, client.1), (uplink.mac, fip.address, 53), 64, body);
    let sent = tagged(question.clone(), provider.vlan);
    let trace = network.send(&port(EXTERNAL), uplink.number, &sent);
    let inward = Packet { bridge: port(EXTERNAL), port: uplink.number, frame: sent };
    let guest = sample.integration.port(&interface.port).unwrap().number;
    let expected = udp((own.gateway_mac, client.0, client.1), (interface.mac, interface.ip, 53), 63, body);
    let expected = tagged(expected, interface.vlan);
    let got: Vec<_> = trace.sent().collect();
    assert_eq!(got, [(&port(INTEGRATION), guest, &*expected)], "{}", shown(&inward, &trace));

    let answer = udp((interface.mac, interface.ip, 53), (own.gateway_mac, client.0, client.1), 64, body);
    let outward = Packet { bridge: port(INTEGRATION), port: guest, frame: tagged(answer, interface.vlan) };
    let trace = send(network, &outward);
    if let Some(mtu) = provider.mtu.filter(|mtu| usize::from(mtu.bytes()) < 28 + body.len()) {
        check_too_long(&outward, &trace, mtu);
        return;
    }
    let key = buoy_topology::NeighbourKey { provider: provider.id, address: provider.gateway.unwrap() };
    if sample.learnt.mac(key).is_none() {
        let cause = Cause::Named(DropReason::UnresolvedGateway);
        assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{}", shown(&outward, &trace));
        return;
    }
    let source = match provider.mac_policy {
        MacPolicy::Host => uplink.mac,
        MacPolicy::Router(mac) => mac,
        MacPolicy::Vmac => fip.mac.unwrap(),
    };
    let expected = udp((source, fip.address, 53), (gateway, client.0, client.1), 63, body);
    let expected = tagged(expected, provider.vlan);
    let got: Vec<_> = trace.sent().collect();
    assert_eq!(got, [(&port(EXTERNAL), uplink.number, &*expected)], "{}", shown(&outward, &trace));
}

/// A copy for the controller, and nothing leaves.
fn check_too_long(packet: &Packet, trace: &Trace, mtu: Mtu) {
    let cause = Cause::Named(DropReason::TooLong);
    assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{mtu}: {}", shown(packet, trace));
    let copies = trace.ends.iter().filter(|end| matches!(end.outcome, Outcome::Controller { meter: 628, .. }));
    assert_eq!((copies.count(), trace.sent().count()), (1, 0), "{}", shown(packet, trace));
}

/// From an interface to where a provider routes fixed addresses, and back: with the fixed address all the way.
fn check_routed(sample: &Sample, network: &Network, (provider, station): (&Provider, Ipv4Addr), own: &Interface) {
    let inside = sample.site.network(&own.network).unwrap();
    let uplink = sample.external.port(&provider.uplink).unwrap();
    let guest = sample.integration.port(&own.port).unwrap().number;
    let gateway = (0xa0..).map(mac).zip(sample.site.providers()).find(|(_, own)| own.id == provider.id).unwrap().0;
    let frame = udp((own.mac, own.ip, 4_000), (inside.gateway_mac, station, 53), 64, b"hello");
    let outward = Packet { bridge: port(INTEGRATION), port: guest, frame: tagged(frame, own.vlan) };
    let trace = send(network, &outward);
    let key = buoy_topology::NeighbourKey { provider: provider.id, address: provider.gateway.unwrap() };
    if sample.learnt.mac(key).is_some() {
        let source = match provider.mac_policy {
            MacPolicy::Host | MacPolicy::Vmac => uplink.mac,
            MacPolicy::Router(mac) => mac,
        };
        let expected = udp((source, own.ip, 4_000), (gateway, station, 53), 63, b"hello");
        let got: Vec<_> = trace.sent().collect();
        let expected = tagged(expected, provider.vlan);
        assert_eq!(got, [(&port(EXTERNAL), uplink.number, &*expected)], "{}", shown(&outward, &trace));
    }

    let answer = |from, ttl| {
        let frame = udp((gateway, from, 53), (uplink.mac, own.ip, 4_000), ttl, b"hello");
        let frame = tagged(frame, provider.vlan);
        let inward = Packet { bridge: port(EXTERNAL), port: uplink.number, frame };
        let trace = send(network, &inward);
        (inward, trace)
    };
    let (inward, trace) = answer(station, 64);
    let expected = udp((inside.gateway_mac, station, 53), (own.mac, own.ip, 4_000), 63, b"hello");
    let expected = tagged(expected, own.vlan);
    let got: Vec<_> = trace.sent().collect();
    assert_eq!(got, [(&port(INTEGRATION), guest, &*expected)], "{}", shown(&inward, &trace));
    // The last hop tells whose time is over; what comes from anywhere else is the host's.
    let (inward, trace) = answer(station, 1);
    let is_told = |end: &buoy_flows::simulate::End| matches!(end.outcome, Outcome::Controller { meter: 626, .. });
    assert!(trace.sent().count() == 0 && trace.ends.iter().any(is_told), "{}", shown(&inward, &trace));
    let (inward, trace) = answer([192, 0, 2, 7].into(), 64);
    let to_host: Vec<_> = trace.sent().map(|(bridge, port, _)| (bridge.as_str(), port)).collect();
    assert_eq!(to_host, [(EXTERNAL, PortNo::LOCAL)], "{}", shown(&inward, &trace));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_packet_ends_in_one_named_place_and_none_unregistered_at_an_uplink(plan in plans(), seeds in seeds()) {
        let sample = plan.sample();
        let network = sample.network();
        let known = &mut Connections::default();
        for seed in &seeds {
            let packet = packet(&sample, &seed.0);
            let trace = send_after(&network, known, &packet);
            check_ends(&packet, &trace);
            check_uplinks(&sample, &packet, &trace);
        }
    }

    #[test]
    fn a_floating_ip_leads_to_its_instance_and_back(
        plan in plans(),
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let sample = plan.sample();
        let network = sample.network();
        for address in sample.site.floating_ips().map(|own| own.address) {
            match sample.site.binding(address) {
                Some(binding) => check_round_trip(&sample, &network, binding, &body),
                None if sample.site.snat_at(address).is_some() => {
                    check_dropped(&sample, &network, address, DropReason::Unsolicited);
                }
                None if sample.site.direct_at(address).is_none() => check_unassociated(&sample, &network, address),
                None => {}
            }
        }
    }

    #[test]
    fn a_fixed_address_leads_to_where_it_is_routed_and_back(plan in plans()) {
        let sample = plan.sample();
        let network = sample.network();
        let interfaces: Vec<_> = sample.site.instances().flat_map(|own| own.interfaces.iter()).collect();
        for provider in sample.site.providers() {
            for block in &provider.no_snat {
                let station = block.hosts().next().unwrap();
                interfaces.iter().for_each(|own| check_routed(&sample, &network, (provider, station), own));
            }
        }
    }

    #[test]
    fn instances_of_a_network_reach_each_other_and_no_other(plan in plans(), body in prop::collection::vec(any::<u8>(), 0..80)) {
        let sample = plan.sample();
        let network = sample.network();
        let all: Vec<_> = sample.site.instances().flat_map(|own| own.interfaces.iter()).collect();
        for from in &all {
            for to in all.iter().filter(|to| to.id != from.id) {
                check_neighbours(&sample, &network, from, to, &body);
            }
        }
    }

    #[test]
    fn who_has_no_floating_ip_is_the_gateway_inside_its_network(plan in plans()) {
        let sample = plan.sample();
        let network = sample.network();
        for instance in sample.site.instances() {
            let bare = |own: &&Interface| sample.site.floating_ip_of(&instance.name, own.ip).is_none();
            for own in instance.interfaces.iter().filter(bare) {
                let all = sample.site.floating_ips().filter_map(|fip| sample.site.binding(fip.address));
                all.for_each(|binding| check_inside(&sample, &network, own, binding));
            }
        }
    }

    #[test]
    fn in_one_table_too_no_packet_leaves_unregistered(plan in plans(), seeds in seeds()) {
        let sample = plan.legacy().sample();
        let network = sample.network();
        for seed in &seeds {
            let packet = packet(&sample, &seed.0);
            let trace = send(&network, &packet);
            // What comes through the patch port has passed the instances' bridge.
            if (packet.bridge.as_str(), packet.port) != (EXTERNAL, PATCH) {
                check_uplinks(&sample, &packet, &trace);
            }
            prop_assert!(!trace.causes().any(|cause| matches!(cause, Cause::TooDeep | Cause::TooMany)));
        }
    }
}

/// From an interface straight to another one's MAC.
fn check_neighbours(sample: &Sample, network: &Network, from: &Interface, to: &Interface, body: &[u8]) {
    let frame = udp((from.mac, from.ip, 4_000), (to.mac, to.ip, 53), 64, body);
    let number = |own: &Interface| sample.integration.port(&own.port).unwrap().number;
    let packet = Packet { bridge: port(INTEGRATION), port: number(from), frame: tagged(frame.clone(), from.vlan) };
    let trace = send(network, &packet);
    let got: Vec<_> = trace.sent().collect();
    if from.network == to.network {
        let expected = tagged(frame, to.vlan);
        assert_eq!(got, [(&port(INTEGRATION), number(to), &*expected)], "{}", shown(&packet, &trace));
    } else {
        assert!(got.is_empty(), "{}", shown(&packet, &trace));
    }
}

fn check_unassociated(sample: &Sample, network: &Network, address: Ipv4Addr) {
    check_dropped(sample, network, address, DropReason::Unassociated);
}

/// What comes from outside for an address is dropped.
fn check_dropped(sample: &Sample, network: &Network, address: Ipv4Addr, reason: DropReason) {
    let pool = sample.site.pool_at(address).unwrap();
    let provider = sample.site.provider(&pool.provider).unwrap();
    let uplink = sample.external.port(&provider.uplink).unwrap();
    let frame = udp((mac(0xa0), [198, 51, 100, 7].into(), 4_000), (uplink.mac, address, 53), 64, b"");
    let packet = Packet { bridge: port(EXTERNAL), port: uplink.number, frame: tagged(frame, provider.vlan) };
    let trace = send(network, &packet);
    let cause = Cause::Named(reason);
    assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{}", shown(&packet, &trace));
}
