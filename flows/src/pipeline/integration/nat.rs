//! The stateless 1:1 rewrite: two flows per floating IP. A packet from an instance to a floating IP of this bridge passes
//! both, so that each instance reaches each floating IP, its own too; what no floating IP takes goes to the provider.

use buoy_topology::site::Binding;
use ipnet::Ipv4Net;

use super::within;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, set_eth_dst, set_eth_src, to};
use crate::pipeline::registers::{EXIT, NETWORK, ORIGIN, Origin};
use crate::pipeline::tables::integration::{DELIVER, DESTINATION_NAT, EGRESS, HAIRPIN, SOURCE_NAT};

pub(super) fn base(flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Nat, entity: 0 };
    let away = Flow::new(DESTINATION_NAT, AWAY, owner).on(ORIGIN.is(Origin::Instance));
    flows.push(away.goto(EGRESS));
}

/// What is for an address of a pool that no floating IP took leaves by no provider, also by none of the others.
pub(super) fn pool(blocks: &[Ipv4Net], flows: &mut Vec<Flow>) {
    for block in blocks {
        let nobody = Flow::new(DESTINATION_NAT, NOBODY, Owner::dropping(DropReason::Unassociated));
        flows.push(nobody.on(ORIGIN.is(Origin::Instance)).on(ipv4()).on(to(*block)));
    }
}

/// Where there is no tracker, what a floating IP leads to is delivered at once.
pub(super) fn association(binding: Binding<'_>, tracks: bool, flows: &mut Vec<Flow>) {
    let Binding { fip, provider, interface, network, .. } = binding;
    let owner = Owner { feature: Feature::Nat, entity: fip.id.0 };
    let outward = Flow::new(SOURCE_NAT, FLOATING, owner).on(within(network)).on(ipv4());
    let outward = outward.on(MatchField::Ipv4Src(interface.ip.into()));
    let rewrite = [Action::SetField(MatchField::Ipv4Src(fip.address.into())), EXIT.set(provider.id.0)];
    flows.push(outward.apply(rewrite).goto(DESTINATION_NAT));

    let inward = Flow::new(DESTINATION_NAT, FLOATING, owner).on(ipv4()).on(MatchField::Ipv4Dst(fip.address.into()));
    let rewrite = [
        Action::SetField(MatchField::Ipv4Dst(interface.ip.into())),
        NETWORK.set(network.id.0),
        set_eth_src(network.gateway_mac),
        set_eth_dst(interface.mac),
    ];
    flows.push(inward.apply(rewrite).goto(if tracks { HAIRPIN } else { DELIVER }));
}

// SOURCE_NAT, DESTINATION_NAT
const FLOATING: u16 = 100;
const NOBODY: u16 = 60;
const AWAY: u16 = 50;
