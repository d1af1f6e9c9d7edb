//! Many to one: instances without a floating IP leave by an address that they share. The switch's connection tracker
//! chooses the ports, and knows whom an answer is for.
//!
//! Tenants may have the same fixed addresses, and one zone serves them all: before the tracker sees a packet, its source
//! becomes the interface's *key*, 240.0.0.0 and the interface's number, which nobody else has. Answers come out of the
//! tracker with the key as their destination, and one flow for each interface makes it the fixed address again.
//!
//! An ICMP error comes out of the tracker with the key inside too, in the packet that it quotes: the controller puts the
//! fixed address there, which is whom the error is for.
//!
//! Nothing of this is there while no provider has a shared address.

use std::net::Ipv4Addr;

use buoy_topology::{EntityId, Network, Provider, Snat};
use ipnet::Ipv4Net;

use super::{Guest, View, within};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::icmp::quoted;
use crate::openflow::{Action, Ct, CtFlags, CtZone, FieldId, Masked, MatchField, Nat, NatFlags, NatRange, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, last_drop, set_eth_dst, set_eth_src};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{EXIT, INTERFACE, NETWORK, SEEKER};
use crate::pipeline::tables::integration::{
    DELIVER, DESTINATION_NAT, SHARED_BACK, SHARED_HOME, SHARED_OUT, SOURCE_NAT,
};

/// The source that an interface's packets have for the tracker; none where its number is too high.
pub fn key(interface: EntityId) -> Option<Ipv4Addr> {
    // 255.255.255.255 is nobody's.
    (interface.0 < NUMBERS).then(|| Ipv4Addr::from_bits(KEYS.network().to_bits() | interface.0))
}

/// Whether an address is some interface's key.
pub fn is_key(address: Ipv4Addr) -> bool {
    KEYS.contains(&address)
}

/// What there is once for all who share.
pub(super) fn base(view: &View<'_>, flows: &mut Vec<Flow>) {
    if view.shared().next().is_none() {
        return;
    }
    flows.push(last_drop(SHARED_OUT, DropReason::PortsExhausted));
    flows.push(invalid(SHARED_OUT));
    flows.push(last_drop(SHARED_BACK, DropReason::Unsolicited));
    flows.push(last_drop(SHARED_HOME, DropReason::NoMatch));
    flows.push(Flow::new(SHARED_HOME, HOME, Owner { feature: Feature::Snat, entity: 0 }).on(ipv4()).goto(DELIVER));
    for icmp_type in quoted::TYPES {
        let error = Flow::new(SHARED_HOME, TO_TRANSLATE, Owner { feature: Feature::Icmp, entity: 0 }).on(ipv4());
        let error = error.on(MatchField::IpProto(1)).on(MatchField::Icmpv4Type(icmp_type));
        flows.push(error.apply([Meter::Quote.to_controller(view.world.bridge)]));
    }
}

/// What the tracker gave the shared address leaves by the provider; what comes for the address goes to the tracker.
pub(super) fn provider(provider: &Provider, snat: Snat, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Snat, entity: provider.id.0 };
    let out = Flow::new(SHARED_OUT, TRANSLATED, owner).on(ipv4()).on(MatchField::Ipv4Src(snat.address().into()));
    flows.push(out.apply([EXIT.set(provider.id.0)]).goto(DESTINATION_NAT));
    // Who shares it himself sends with a fixed address: that is nobody whom the tracker may take for another one.
    let back = Flow::new(DESTINATION_NAT, SHARED, owner).on(SEEKER.is(0_u32)).on(ipv4());
    let back = back.on(MatchField::Ipv4Dst(snat.address().into()));
    let known = track(shared_zone(snat), CtFlags::default(), Nat::default(), SHARED_BACK);
    flows.push(back.apply([known]));
}

/// An instance of the network without a floating IP gets the shared address.
pub(super) fn network(network: &Network, snat: Snat, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Snat, entity: network.id.0 };
    let leaving = Flow::new(SOURCE_NAT, UNFLOATING, owner).on(within(network)).on(ipv4()).on(INTERFACE.below(BITS));
    let shared = track(shared_zone(snat), CtFlags::COMMIT, source(snat.address(), snat.ports()), SHARED_OUT);
    flows.push(leaving.apply(keyed().into_iter().chain([shared])));
}

/// The key becomes the interface's fixed address again.
pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let Some(key) = key(guest.interface.id) else { return };
    let back = Flow::new(SHARED_BACK, KEYED, guest.owner(Feature::Snat)).on(ipv4()).on(MatchField::Ipv4Dst(key.into()));
    let home = [
        Action::SetField(MatchField::Ipv4Dst(guest.interface.ip.into())),
        NETWORK.set(guest.network.id.0),
        set_eth_src(guest.network.gateway_mac),
        set_eth_dst(guest.interface.mac),
    ];
    flows.push(back.apply(home).goto(SHARED_HOME));
}

impl<'a> View<'a> {
    /// The shared addresses of the bridge, with their providers.
    fn shared(&self) -> impl Iterator<Item = (&'a Provider, Snat)> {
        let site = self.world.site;
        let here = site.providers().filter(|own| self.port(&own.patch_peer()).is_some());
        here.filter_map(move |own| Some((&**own, site.snat_of(own)?)))
    }

    /// The address that the instances of a network share on this bridge.
    pub(super) fn shared_by(&self, network: &Network) -> Option<Snat> {
        self.world.site.snat_for(network, |peer| self.port(peer).is_some()).map(|(_, snat)| snat)
    }
}

/// The source becomes the key of the interface that sent the packet.
pub(super) fn keyed() -> [Action; 2] {
    let number = |offset| FieldId::IPV4_SRC.part(offset, if offset == 0 { BITS } else { 32 - BITS });
    [
        Action::Move { src: FieldId::REG3.part(0, BITS), dst: number(0) },
        Action::Load { dst: number(BITS), value: u64::from(KEYS.network().to_bits() >> BITS) },
    ]
}

/// Through the tracker, and on in another table.
pub(super) fn track(zone: CtZone, flags: CtFlags, nat: Nat, table: TableId) -> Action {
    Action::Ct(Ct { flags, zone, table: Some(table), alg: 0, actions: vec![Action::Nat(nat)] })
}

/// The source becomes an address; 0 for no ports to choose from but those that the tracker chooses.
pub(super) fn source(address: Ipv4Addr, ports: (u16, u16)) -> Nat {
    Nat { flags: NatFlags::SRC, addresses: NatRange::V4(address, None), ports }
}

/// A shared address has a zone of its own, so that connections of the address that was shared before are not mistaken for
/// those of the one that is shared now.
pub(super) fn shared_zone(snat: Snat) -> CtZone {
    CtZone::Number(ZONES | (snat.address().to_bits() & 0x0fff) as u16)
}

/// What the tracker does not take ends behind it.
pub(super) fn invalid(table: TableId) -> Flow {
    let invalid = Flow::new(table, INVALID, Owner::dropping(DropReason::Untracked));
    invalid.on(MatchField::CtState(Masked::new(TRACKED | NOT_VALID, TRACKED | NOT_VALID)))
}

/// Addresses that are on no wire (RFC 1112, section 4: reserved).
const KEYS: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4);
/// How many bits of a key are the interface's number.
pub(super) const BITS: u16 = 28;
const NUMBERS: u32 = (1 << BITS) - 1;
/// The zones 0xb000 to 0xbfff.
const ZONES: u16 = 0xb000;
/// What ct_state says (ovs-fields(7)): it was looked at, and it is not valid.
pub(super) const TRACKED: u32 = 0x20;
const NOT_VALID: u32 = 0x10;

// SOURCE_NAT: after every floating IP.
const UNFLOATING: u16 = 50;
// DESTINATION_NAT: before ICMP errors go to the controller.
const SHARED: u16 = 210;
// SHARED_OUT
const TRANSLATED: u16 = 100;
// Behind the tracker.
const INVALID: u16 = 10;
// SHARED_BACK
const KEYED: u16 = 100;
// SHARED_HOME
const TO_TRANSLATE: u16 = 200;
const HOME: u16 = 100;
