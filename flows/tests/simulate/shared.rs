//! Who shares an address: out by it, back to exactly them, and nobody else in.

use std::net::Ipv4Addr;

use buoy_flows::icmp::Quoting;
use buoy_flows::pipeline::DropReason;
use buoy_flows::pipeline::tables::integration::SHARED_HOME;
use buoy_flows::simulate::{Cause, Connections, Effect, Headers, Network, Outcome, Trace};
use buoy_topology::ops::AssociateSpec;
use buoy_topology::{Interface, MacAddr, MacPolicy, NeighbourKey, PortNo, Provider, Snat};
use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::packets::Packet;
use super::site::{EXTERNAL, INTEGRATION, Sample, mac, plans, pool_address, port};
use super::{check_uplinks, send_after, shown, tagged};

const STATION: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const SERVICE: u16 = 53;
/// TCP, UDP, SCTP, and ping, whose identifier is nobody's to choose.
const PROTOCOLS: [u8; 4] = [6, 17, 132, 1];

/// An interface that has no floating IP, and the address that it shares.
struct Sharer<'a> {
    own: &'a Interface,
    gateway: MacAddr,
    provider: &'a Provider,
    snat: Snat,
}

/// What a sharer says to the station.
struct Talk<'a> {
    sharer: &'a Sharer<'a>,
    proto: u8,
    own_port: u16,
    /// The port that the shared address has for it.
    given: u16,
    /// The packet as it left, without a tag.
    outside: Vec<u8>,
}

fn sharers(sample: &Sample) -> Vec<Sharer<'_>> {
    let site = &sample.site;
    let all = site.instances().flat_map(|own| own.interfaces.iter().map(move |interface| (own, interface)));
    let all = all.filter(|(own, interface)| site.floating_ip_of(&own.name, interface.ip).is_none());
    all.filter_map(|(_, own)| {
        let network = site.network(&own.network)?;
        let (provider, snat) = site.snat_for(network, |_| true)?;
        Some(Sharer { own, gateway: network.gateway_mac, provider, snat })
    })
    .collect()
}

impl Sharer<'_> {
    /// The provider's router.
    fn router(&self, sample: &Sample) -> MacAddr {
        (0xa0..).map(mac).zip(sample.site.providers()).find(|(_, own)| own.id == self.provider.id).unwrap().0
    }

    fn uplink(&self, sample: &Sample) -> (PortNo, MacAddr) {
        let uplink = sample.external.port(&self.provider.uplink).unwrap();
        (uplink.number, uplink.mac)
    }

    /// The MAC that the provider knows an address by.
    fn registered(&self, sample: &Sample, address: Ipv4Addr) -> MacAddr {
        match self.provider.mac_policy {
            MacPolicy::Host => self.uplink(sample).1,
            MacPolicy::Router(mac) => mac,
            MacPolicy::Vmac => sample.site.floating_ip(address).unwrap().mac.unwrap(),
        }
    }

    /// A frame from the guest.
    fn outward(&self, sample: &Sample, frame: Vec<u8>) -> Packet {
        let number = sample.integration.port(&self.own.port).unwrap().number;
        Packet { bridge: port(INTEGRATION), port: number, frame: tagged(frame, self.own.vlan) }
    }

    /// A frame from the provider.
    fn inward(&self, sample: &Sample, frame: Vec<u8>) -> Packet {
        let frame = tagged(frame, self.provider.vlan);
        Packet { bridge: port(EXTERNAL), port: self.uplink(sample).0, frame }
    }
}

/// A question of the first to the second one, or an answer. A ping has the asker's port for its identifier.
fn packet(
    proto: u8,
    macs: (MacAddr, MacAddr),
    from: (Ipv4Addr, u16),
    to: (Ipv4Addr, u16),
    (ttl, is_answer): (u8, bool),
) -> Vec<u8> {
    let ip = PacketBuilder::ethernet2(macs.0.octets(), macs.1.octets()).ipv4(from.0.octets(), to.0.octets(), ttl);
    let (mut frame, sctp) = (Vec::new(), [from.1.to_be_bytes(), to.1.to_be_bytes(), [0; 2], [0; 2], [0; 2], [0; 2]]);
    match (proto, is_answer) {
        (1, false) => ip.icmpv4_echo_request(from.1, 1).write(&mut frame, b"hello"),
        (1, true) => ip.icmpv4_echo_reply(to.1, 1).write(&mut frame, b"hello"),
        (6, false) => ip.tcp(from.1, to.1, 1, 9_000).syn().write(&mut frame, b""),
        (6, true) => ip.tcp(from.1, to.1, 1, 9_000).syn().ack(2).write(&mut frame, b""),
        (17, _) => ip.udp(from.1, to.1).write(&mut frame, b"hello"),
        _ => ip.write(&mut frame, etherparse::IpNumber(proto), &sctp.concat()),
    }
    .unwrap();
    frame
}

/// An error about a packet, with the first bytes of it.
fn error(macs: (MacAddr, MacAddr), to: Ipv4Addr, ttl: u8, about: &[u8]) -> Vec<u8> {
    let kind = etherparse::Icmpv4Type::Unknown { type_u8: 3, code_u8: 1, bytes5to8: [0; 4] };
    let ip = PacketBuilder::ethernet2(macs.0.octets(), macs.1.octets()).ipv4(ROUTER.octets(), to.octets(), ttl);
    let mut frame = Vec::new();
    ip.icmpv4(kind).write(&mut frame, &about[14..42]).unwrap();
    frame
}

/// Bytes but for the checksum of SCTP, which this file does not make.
fn without_sum(mut frame: Vec<u8>) -> Vec<u8> {
    let at = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    if frame[at + 9] == 132 {
        frame[at + 28..at + 32].fill(0);
    }
    frame
}

#[track_caller]
fn check_sent(packet: &Packet, trace: &Trace, to: (&str, PortNo), expected: &[u8]) {
    let got: Vec<_> = trace.sent().map(|(bridge, port, frame)| (bridge.as_str(), port, frame.to_vec())).collect();
    let got: Vec<_> = got.into_iter().map(|(bridge, port, frame)| (bridge, port, without_sum(frame))).collect();
    assert_eq!(got, [(to.0, to.1, expected.to_vec())], "{}", shown(packet, trace));
}

/// From the sharer out; none where the provider's router is not known, and nothing leaves.
fn goes_out<'a>(
    sample: &Sample,
    network: &Network,
    known: &mut Connections,
    sharer: &'a Sharer<'a>,
    (proto, own_port): (u8, u16),
) -> Option<Talk<'a>> {
    let Sharer { own, gateway, provider, snat } = *sharer;
    let ends = ((own.ip, own_port), (STATION, SERVICE));
    let question = packet(proto, (own.mac, gateway), ends.0, ends.1, (64, false));
    let outward = sharer.outward(sample, question);
    let trace = send_after(network, known, &outward);
    check_uplinks(sample, &outward, &trace);
    let router = NeighbourKey { provider: provider.id, address: provider.gateway.unwrap() };
    if sample.learnt.mac(router).is_none() {
        let cause = Cause::Named(DropReason::UnresolvedGateway);
        assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{}", shown(&outward, &trace));
        return None;
    }
    let frame = trace.sent().next().unwrap_or_else(|| panic!("{}", shown(&outward, &trace))).2;
    let headers = Headers::of(PortNo(0), frame).unwrap();
    let given = if proto == 1 { headers.icmp_id } else { headers.tp_src };
    let (first, last) = snat.ports();
    assert!((first..=last).contains(&given) || proto == 1 && given == own_port, "{}", shown(&outward, &trace));
    let macs = (sharer.registered(sample, snat.address()), sharer.router(sample));
    let outside = packet(proto, macs, (snat.address(), given), ends.1, (63, false));
    let to = (EXTERNAL, sharer.uplink(sample).0);
    check_sent(&outward, &trace, to, &tagged(outside.clone(), provider.vlan));
    Some(Talk { sharer, proto, own_port, given, outside })
}

/// The answer gets to whom it is for, as if nothing had been translated.
fn comes_back(sample: &Sample, network: &Network, known: &mut Connections, talk: &Talk<'_>) {
    let Talk { sharer, proto, own_port, given, .. } = *talk;
    let own = sharer.own;
    let macs = (sharer.router(sample), sharer.uplink(sample).1);
    let answer = packet(proto, macs, (STATION, SERVICE), (sharer.snat.address(), given), (64, true));
    let inward = sharer.inward(sample, answer);
    let trace = send_after(network, known, &inward);
    let home = packet(proto, (sharer.gateway, own.mac), (STATION, SERVICE), (own.ip, own_port), (63, true));
    let guest = sample.integration.port(&own.port).unwrap().number;
    check_sent(&inward, &trace, (INTEGRATION, guest), &tagged(home, own.vlan));
}

/// A router's error gets to the controller with the key in what it quotes, and is about the packet as it was sent then.
fn fails(sample: &Sample, network: &Network, known: &mut Connections, talk: &Talk<'_>) {
    let Talk { sharer, proto, own_port, .. } = *talk;
    let (own, shared) = (sharer.own, sharer.snat.address());
    let macs = (sharer.router(sample), sharer.uplink(sample).1);
    let inward = sharer.inward(sample, error(macs, shared, 64, &talk.outside));
    let trace = send_after(network, known, &inward);
    let [end] = &*trace.ends else { panic!("{}", shown(&inward, &trace)) };
    let Outcome::Controller { frame, .. } = &end.outcome else { panic!("{}", shown(&inward, &trace)) };
    assert_eq!(trace.stages[end.stage].table, SHARED_HOME, "{}", shown(&inward, &trace));
    let mut frame = frame.clone();
    Quoting::of(&mut frame).unwrap().quote_source(own.ip);
    let was = packet(proto, (own.mac, sharer.gateway), (own.ip, own_port), (STATION, SERVICE), (63, false));
    assert_eq!(frame, error((sharer.gateway, own.mac), own.ip, 63, &was), "{}", shown(&inward, &trace));
}

/// What comes for a shared address and belongs to no connection.
fn check_unsolicited(sample: &Sample, network: &Network, known: &mut Connections, talk: &Talk<'_>) {
    let Talk { sharer, proto, given, .. } = *talk;
    let (shared, macs) = (sharer.snat.address(), (sharer.router(sample), sharer.uplink(sample).1));
    let answer = |from, to| packet(proto, macs, from, (shared, to), (64, true));
    let other = packet(proto, macs, (shared, 19_999), (STATION, SERVICE), (64, false));
    for frame in [
        answer((STATION, SERVICE), 19_999),
        answer((ROUTER, SERVICE), given),
        packet(proto, macs, (STATION, SERVICE), (shared, 29_999), (64, false)),
        error(macs, shared, 64, &other),
    ] {
        let inward = sharer.inward(sample, frame);
        let before = known.iter().count();
        let trace = send_after(network, known, &inward);
        let cause = Cause::Named(DropReason::Unsolicited);
        assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{}", shown(&inward, &trace));
        assert_eq!((trace.sent().count(), known.iter().count()), (0, before), "{}", shown(&inward, &trace));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sharers_leave_by_the_shared_address_and_get_their_answers(plan in plans(), own_port in 1_u16..19_000) {
        let sample = plan.sample();
        let (network, known) = (sample.network(), &mut Connections::default());
        let sharers = sharers(&sample);
        let mut talks = Vec::new();
        // All by one port, which overlapping tenants have for one address too.
        for (sharer, number) in sharers.iter().zip(0..) {
            for proto in PROTOCOLS {
                let own_port = own_port + if proto == 1 { number } else { 0 };
                talks.extend(goes_out(&sample, &network, known, sharer, (proto, own_port)));
            }
        }
        for talk in &talks {
            check_unsolicited(&sample, &network, known, talk);
            fails(&sample, &network, known, talk);
            comes_back(&sample, &network, known, talk);
        }
        // Once more, in connections that are established.
        for talk in talks.iter().rev() {
            let again = goes_out(&sample, &network, known, talk.sharer, (talk.proto, talk.own_port));
            prop_assert_eq!(again.map(|own| own.given), Some(talk.given));
            comes_back(&sample, &network, known, talk);
        }
    }

    #[test]
    fn a_floating_ip_goes_before_connections_that_were_there(plan in plans(), last in 0_u8..15) {
        let sample = plan.all_sharing().sample();
        let (network, known) = (sample.network(), &mut Connections::default());
        let sharers = sharers(&sample);
        let mut talks = sharers.iter().filter_map(|own| goes_out(&sample, &network, known, own, (17, 4_000)));
        let Some(talk) = talks.next() else { return Ok(()) };
        let Talk { sharer: Sharer { own, gateway, .. }, given, .. } = talk;
        comes_back(&sample, &network, known, &talk);

        let mut later = sample.clone();
        let mut instances = sample.site.instances();
        let instance = instances.find(|has| has.interfaces.iter().any(|has| has.id == own.id)).unwrap();
        let number = u8::from(talk.sharer.provider.name.to_string() == "as1");
        let address = pool_address(number, last);
        let spec = AssociateSpec { address, instance: instance.name.clone(), fixed_ip: Some(own.ip), no_move: false };
        let Ok(change) = later.site.associate(&spec, &|_| Vec::new()) else { return Ok(()) };
        later.site.apply(&change);
        let network_later = later.network();

        // It goes on with the floating IP and its own port, and no tracker is asked.
        let question = packet(17, (own.mac, *gateway), (own.ip, 4_000), (STATION, SERVICE), (64, false));
        let outward = talk.sharer.outward(&later, question);
        let trace = send_after(&network_later, known, &outward);
        let macs = (talk.sharer.registered(&later, address), talk.sharer.router(&later));
        let outside = packet(17, macs, (address, 4_000), (STATION, SERVICE), (63, false));
        let outside = tagged(outside, talk.sharer.provider.vlan);
        check_sent(&outward, &trace, (EXTERNAL, talk.sharer.uplink(&later).0), &outside);
        let is_tracked = |effect: &Effect| matches!(effect, Effect::Tracked(_));
        prop_assert!(!trace.stages.iter().flat_map(|own| &own.effects).any(is_tracked));
        // What the other end sends by the old way still arrives, and the connection is there when it shares again.
        comes_back(&later, &network_later, known, &talk);
        let again = goes_out(&sample, &network, known, talk.sharer, (17, 4_000));
        prop_assert_eq!(again.map(|own| own.given), Some(given));
    }
}
