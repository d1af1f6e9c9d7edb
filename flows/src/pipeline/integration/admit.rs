//! Which interface a packet comes from, and whether that interface speaks with its own addresses; or which provider's
//! bridge it comes from.

use std::net::Ipv4Addr;

use buoy_topology::PortNo;

use super::Guest;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fence::late_answers;
use crate::pipeline::fields::{arp, arp_request, in_port, ipv4, on_vlan, untagged, unwritable_ipv4};
use crate::pipeline::registers::{INTERFACE, NETWORK, ORIGIN, Origin};
use crate::pipeline::tables::integration::{ADMIT, ANTI_SPOOF, ARP, DESTINATION_NAT, L2};

pub(super) fn base(flows: &mut Vec<Flow>) {
    let end = |reason| Flow::new(ANTI_SPOOF, FORGED, Owner::dropping(reason));
    flows.push(end(DropReason::ForgedAddress).on(ipv4()));
    flows.push(end(DropReason::ForgedArp).on(arp()));
    flows.push(late_answers());
    flows.push(unwritable_ipv4(Flow::new(ADMIT, UNWRITABLE, Owner::dropping(DropReason::Unwritable))));
}

/// From a provider's bridge comes IPv4 only, routed: this is where its time to live counts down.
pub(super) fn patch(patch: PortNo) -> Flow {
    let owner = Owner { feature: Feature::Admit, entity: 0 };
    let inward = Flow::new(ADMIT, OWN, owner).on(in_port(patch)).on(ipv4()).on(untagged());
    inward.apply([ORIGIN.set(Origin::Provider), Action::DecNwTtl]).goto(DESTINATION_NAT)
}

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let mac = guest.interface.mac;
    let tag = guest.interface.vlan.map_or_else(untagged, on_vlan);
    let on_port = |priority, owner| Flow::new(ADMIT, priority, owner).on(in_port(guest.port)).on(tag.clone());
    let marks = [NETWORK.set(guest.network.id.0), INTERFACE.set(guest.interface.id.0), ORIGIN.set(Origin::Instance)];
    let untag = guest.interface.vlan.map(|_| Action::PopVlan);
    let own = on_port(OWN, guest.owner(Feature::Admit)).on(MatchField::EthSrc(mac.into()));
    flows.push(own.apply(untag.into_iter().chain(marks)).goto(ANTI_SPOOF));
    flows.push(on_port(FORGED_MAC, Owner::dropping(DropReason::ForgedMac)));

    let spoken = || Flow::new(ANTI_SPOOF, TRUE, guest.owner(Feature::Admit)).on(INTERFACE.is(guest.interface.id.0));
    let ip = guest.interface.ip;
    flows.push(spoken().on(ipv4()).on(MatchField::Ipv4Src(ip.into())).goto(L2));
    let asks = || spoken().on(arp()).on(MatchField::ArpSha(mac.into()));
    flows.push(asks().on(MatchField::ArpSpa(ip.into())).goto(ARP));
    // A probe for a duplicate address has no sender address yet (RFC 5227, section 2.1.1).
    let probe = asks().on(arp_request()).on(MatchField::ArpSpa(Ipv4Addr::UNSPECIFIED.into()));
    flows.push(probe.goto(ARP));
}

// ADMIT
const UNWRITABLE: u16 = 200;
const OWN: u16 = 100;
const FORGED_MAC: u16 = 50;
// ANTI_SPOOF
const TRUE: u16 = 100;
const FORGED: u16 = 10;
