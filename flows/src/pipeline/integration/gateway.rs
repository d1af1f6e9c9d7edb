//! An instance without a floating IP reaches a floating IP of its network: there it is seen as the network's gateway.
//!
//! The destination is rewritten first, as for everybody (*destination nat*). Where that leads back into the sender's own
//! network, the source becomes the sender's key, and the tracker makes it the gateway's address. Whoever answers sends that
//! to the gateway, which asks the tracker before it answers anything itself; from there the answer goes the way of all
//! packets with a floating source.
//!
//! The network decides, so that nobody comes nearer to an instance by its floating IP than by its fixed address. To another
//! network's floating IP the way is that into the world, as a shared address ([`super::snat`]), or there is none.

use buoy_topology::{Network, Provider, Snat};
use ipnet::Ipv4Net;

use super::snat::{self, key, keyed, shared_zone, source, track};
use super::{Guest, View, within};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::icmp::quoted;
use crate::openflow::{Action, CtFlags, CtZone, FieldId, MatchField, Nat};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, set_eth_dst, set_eth_src, to};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{ANSWER, ASKED, Answer, INTERFACE, LEADS, ORIGIN, Origin, SEEKER};
use crate::pipeline::tables::integration::{
    DELIVER, DESTINATION_NAT, GATEWAY_BACK, HAIRPIN, HAIRPIN_OUT, ROUTE, SOURCE_NAT,
};

/// What there is once.
pub(super) fn base(flows: &mut Vec<Flow>) {
    let flow = |table, priority| Flow::new(table, priority, Owner { feature: Feature::Nat, entity: 0 });
    flows.push(flow(HAIRPIN, ONWARD).on(SEEKER.is(0_u32)).goto(DELIVER));
    flows.push(snat::invalid(HAIRPIN_OUT));
    flows.push(flow(DESTINATION_NAT, HOMEWARD).on(ANSWER.is(Answer::Inside)).goto(DELIVER));
    // Who answers has lost the floating IP that was asked.
    for answer in [Answer::Inside, Answer::Outside] {
        let stranded = Flow::new(SOURCE_NAT, STRANDED, Owner::dropping(DropReason::NoFloatingIp));
        flows.push(stranded.on(ANSWER.is(answer)));
    }
    for ttl in [0, 1] {
        let over = Flow::new(GATEWAY_BACK, OVER, Owner::dropping(DropReason::ToGateway));
        flows.push(over.on(ipv4()).on(MatchField::NwTtl(ttl)));
    }
}

/// What is for a pool is looked up as it is, before anybody's source is translated.
pub(super) fn pool(blocks: &[Ipv4Net], flows: &mut Vec<Flow>) {
    let network = Action::Move { src: FieldId::REG2.whole(), dst: SEEKER.whole() };
    let destination = Action::Move { src: FieldId::IPV4_DST.whole(), dst: ASKED.whole() };
    for block in blocks {
        let seeking = Flow::new(SOURCE_NAT, SEEKING, Owner { feature: Feature::Nat, entity: 0 });
        let seeking = seeking.on(ipv4()).on(to(*block)).on(INTERFACE.below(snat::BITS));
        flows.push(seeking.apply([network.clone(), destination.clone()]).goto(DESTINATION_NAT));
    }
}

/// Out as the gateway, and the answers back; as the shared address to the floating IPs of other networks.
pub(super) fn network(network: &Network, shared: Option<Snat>, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Snat, entity: network.id.0 };
    // Networks whose numbers end alike have one zone: the key says whose a connection is.
    let zone = CtZone::Number(ZONES | (network.id.0 & 0x0fff) as u16);
    let seeking = |priority| Flow::new(HAIRPIN, priority, owner).on(SEEKER.is(network.id.0)).on(ipv4());
    let as_gateway = track(zone, CtFlags::COMMIT, source(network.gateway, (0, 0)), HAIRPIN_OUT);
    flows.push(seeking(SAME).on(within(network)).apply(keyed().into_iter().chain([as_gateway])));
    let out = Flow::new(HAIRPIN_OUT, TRANSLATED, owner).on(within(network)).on(ipv4());
    flows.push(out.on(MatchField::Ipv4Src(network.gateway.into())).goto(DELIVER));

    let asked = Flow::new(ROUTE, ANSWERS, owner).on(within(network)).on(ORIGIN.is(Origin::Instance)).on(ipv4());
    let asked = asked.on(MatchField::Ipv4Dst(network.gateway.into()));
    flows.push(asked.apply([track(zone, CtFlags::default(), Nat::default(), GATEWAY_BACK)]));

    if let Some(snat) = shared {
        // There the tracker knows the floating IP, as it does for everybody outside.
        let asked = [
            Action::Move { src: FieldId::IPV4_DST.whole(), dst: LEADS.whole() },
            Action::Move { src: ASKED.whole(), dst: FieldId::IPV4_DST.whole() },
        ];
        let as_shared = track(shared_zone(snat), CtFlags::COMMIT, source(snat.address(), snat.ports()), HAIRPIN_OUT);
        flows.push(seeking(OTHER).apply(asked.into_iter().chain(keyed()).chain([as_shared])));
    }
}

/// What became the shared address goes where the floating IP leads. Of an error the quoted packet is still to be translated.
pub(super) fn provider(view: &View<'_>, provider: &Provider, snat: Snat, flows: &mut Vec<Flow>) {
    let from = |flow: Flow| flow.on(ipv4()).on(MatchField::Ipv4Src(snat.address().into()));
    let owner = Owner { feature: Feature::Snat, entity: provider.id.0 };
    let back = Action::Move { src: LEADS.whole(), dst: FieldId::IPV4_DST.whole() };
    flows.push(from(Flow::new(HAIRPIN_OUT, TRANSLATED, owner)).apply([back]).goto(DELIVER));
    for icmp_type in quoted::TYPES {
        let owner = Owner { feature: Feature::Icmp, entity: provider.id.0 };
        let error = from(Flow::new(HAIRPIN_OUT, TO_TRANSLATE, owner)).on(MatchField::IpProto(1));
        let error = error.on(MatchField::Icmpv4Type(icmp_type));
        flows.push(error.apply([Meter::Quote.to_controller(view.world.bridge)]));
    }
}

/// The answer has the key as its destination now, and gets the floating IP as its source as everything else does.
pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let Some(key) = key(guest.interface.id) else { return };
    let back = guest.flow(GATEWAY_BACK, KEYED, Feature::Snat).on(ipv4()).on(MatchField::Ipv4Dst(key.into()));
    let home = [
        Action::SetField(MatchField::Ipv4Dst(guest.interface.ip.into())),
        set_eth_src(guest.network.gateway_mac),
        set_eth_dst(guest.interface.mac),
        Action::DecNwTtl,
        ANSWER.set(Answer::Inside),
    ];
    flows.push(back.apply(home).goto(SOURCE_NAT));
}

/// The zones 0xc000 to 0xcfff.
const ZONES: u16 = 0xc000;

// ROUTE: after a ping of the gateway, before everything else that is for it ends.
const ANSWERS: u16 = 105;
// GATEWAY_BACK
const OVER: u16 = 110;
const KEYED: u16 = 100;
// SOURCE_NAT: after every floating IP, before an address is shared.
const STRANDED: u16 = 70;
const SEEKING: u16 = 60;
// DESTINATION_NAT: before everything that looks at the destination.
const HOMEWARD: u16 = 220;
// HAIRPIN
const SAME: u16 = 100;
const OTHER: u16 = 90;
const ONWARD: u16 = 10;
// HAIRPIN_OUT
const TO_TRANSLATE: u16 = 200;
const TRANSLATED: u16 = 100;
