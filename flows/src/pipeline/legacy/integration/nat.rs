//! The stateless 1:1 rewrite: two flows per floating IP. From one instance to the floating IP of another both rewrites
//! are needed, which are two passes: br-ex sends such a packet back.

use buoy_topology::Port;
use buoy_topology::site::Binding;

use super::{Guest, TABLE};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::World;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{in_port, ipv4, output, set_eth_dst, set_eth_src, untagged};
use crate::pipeline::legacy::priorities::integration::{FLOATING, INWARD, UNASSOCIATED};

/// What comes from a provider's bridge and is for nobody.
pub(super) fn end(patch: Port) -> Flow {
    Flow::new(TABLE, UNASSOCIATED, Owner::dropping(DropReason::Unassociated)).on(in_port(patch.number))
}

pub(super) fn association(world: World<'_>, binding: Binding<'_>, flows: &mut Vec<Flow>) {
    let Binding { fip, provider, interface, network, .. } = binding;
    let Some(patch) = world.bridge.port(&provider.patch_peer()).map(|port| port.number) else { return };
    let Some(guest) = Guest::of(world, interface) else { return };
    let owner = Owner { feature: Feature::Nat, entity: fip.id.0 };
    let outward = guest.own_ip(FLOATING, owner).on(MatchField::EthDst(network.gateway_mac.into()));
    let rewrite = [Action::SetField(MatchField::Ipv4Src(fip.address.into())), output(patch)];
    flows.push(outward.apply(guest.untag().into_iter().chain(rewrite)));

    let inward = Flow::new(TABLE, INWARD, owner).on(in_port(patch)).on(ipv4()).on(untagged());
    let inward = inward.on(MatchField::Ipv4Dst(fip.address.into()));
    let rewrite = [
        Action::SetField(MatchField::Ipv4Dst(interface.ip.into())),
        set_eth_src(network.gateway_mac),
        set_eth_dst(interface.mac),
    ];
    flows.push(inward.apply(rewrite.into_iter().chain(guest.deliver(patch))));
}
