//! What an instance may say: with its own MAC and address only, to its network and to the world. What is wrong with the
//! rest is counted, as far as one table can tell.

use std::net::Ipv4Addr;

use super::Guest;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::World;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, arp_request, ipv4, set_eth_dst, to};
use crate::pipeline::legacy::MOST_PAIRED;
use crate::pipeline::legacy::priorities::integration::{
    ASK, ASTRAY, FIXED, FORGED, FORGED_MAC, GATEWAY, INSIDE, NOBODY, NOT_IPV4,
};

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let (ip, gateway) = (guest.interface.ip, guest.network.gateway);
    // The controller answers for the gateway and for the other instances. A probe for a duplicate address has no sender
    // address yet (RFC 5227, section 2.1.1).
    for sender in [ip, Ipv4Addr::UNSPECIFIED] {
        let asks = guest.own(ASK, guest.owner(Feature::Arp)).on(arp()).on(arp_request());
        flows.push(asks.on(MatchField::ArpSpa(sender.into())).apply([Action::controller()]));
    }
    let lost = |priority, reason| guest.own_ip(priority, Owner::dropping(reason));
    let by_gateway = MatchField::EthDst(guest.network.gateway_mac.into());
    flows.push(lost(GATEWAY, DropReason::ToGateway).on(MatchField::Ipv4Dst(gateway.into())));
    flows.push(lost(NOBODY, DropReason::UnknownInstance).on(to(guest.network.cidr)));
    flows.push(lost(FIXED, DropReason::NoFloatingIp).on(by_gateway));
    flows.push(lost(ASTRAY, DropReason::UnknownInstance));

    let forged = |priority, reason| guest.own(priority, Owner::dropping(reason));
    flows.push(forged(ASTRAY, DropReason::UnknownArpTarget).on(arp()).on(MatchField::ArpSpa(ip.into())));
    flows.push(forged(FORGED, DropReason::ForgedAddress).on(ipv4()));
    flows.push(forged(FORGED, DropReason::ForgedArp).on(arp()));
    flows.push(forged(NOT_IPV4, DropReason::NotIpv4));
    flows.push(guest.flow(FORGED_MAC, Owner::dropping(DropReason::ForgedMac)));
}

/// To each other instance of the network on this bridge: a flow per pair, as one table can tell source and destination
/// only together. Where that would be too many there are none.
pub(super) fn neighbours(world: World<'_>, guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let here = world.site.instances().filter(|own| own.bridge == world.bridge.name);
    let interfaces = here.flat_map(|own| &own.interfaces).filter(|own| own.network == guest.interface.network);
    let all: Vec<_> = interfaces.filter_map(|own| Guest::of(world, own)).collect();
    if all.len() > MOST_PAIRED {
        return;
    }
    for other in all.into_iter().filter(|other| other.interface.id != guest.interface.id) {
        let inside = guest.own_ip(INSIDE, guest.owner(Feature::Switching));
        let inside = inside.on(MatchField::Ipv4Dst(other.interface.ip.into()));
        let actions = guest.untag().into_iter().chain([set_eth_dst(other.interface.mac)]);
        flows.push(inside.apply(actions.chain(other.deliver(guest.port))));
    }
}
