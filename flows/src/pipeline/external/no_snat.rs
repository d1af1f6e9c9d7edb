//! Fixed addresses at a provider that is declared to route them: out to its `no_snat` blocks alone, and back in from there.
//! A fixed address has no MAC of its own at the provider: under the policy `vmac` it leaves with that of the uplink.

use buoy_topology::Network;
use ipnet::Ipv4Net;

use super::View;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::icmp::quoted;
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{from, ipv4, output, set_eth_src, to, untagged};
use crate::pipeline::registers::{ORIGIN, Origin, PROVIDER};
use crate::pipeline::tables::external::{GUARD, INBOUND, NEXT_HOP, OUTBOUND};

/// The way of a network's addresses.
pub(super) fn network(view: &View<'_>, network: &Network, flows: &mut Vec<Flow>) {
    for block in view.provider.no_snat.iter().copied() {
        flows.push(inward(view, network, |flow| flow.on(from(block))));
        flows.push(outward(view, network, block));
        if view.shared_mac().is_none() {
            flows.push(past_the_guard(view, network, block));
        }
    }
    if view.provider.no_snat.is_empty() {
        return;
    }
    // A router on the way complains with an address of its own, wherever that is.
    for icmp_type in quoted::TYPES {
        flows.push(inward(view, network, |flow| {
            let error = flow.on(MatchField::IpProto(1)).on(MatchField::Icmpv4Type(icmp_type));
            error.on(ORIGIN.is(Origin::Provider))
        }));
    }
}

fn inward(view: &View<'_>, network: &Network, which: impl FnOnce(Flow) -> Flow) -> Flow {
    let flow = |owner| Flow::new(INBOUND, FIXED, owner).on(view.ours()).on(ipv4()).on(untagged()).on(to(network.cidr));
    match view.patch {
        Some(patch) => which(flow(owned_by(network, Feature::Inbound))).apply([output(patch.number)]),
        None => which(flow(Owner::dropping(DropReason::NoPatchPort))),
    }
}

fn outward(view: &View<'_>, network: &Network, block: Ipv4Net) -> Flow {
    let mac = view.shared_mac().unwrap_or(view.uplink.mac);
    let flow = Flow::new(OUTBOUND, ROUTED, owned_by(network, Feature::Outbound)).on(ipv4());
    let flow = flow.on(from(network.cidr)).on(to(block));
    flow.apply([PROVIDER.set(view.provider.id.0), set_eth_src(mac)]).goto(NEXT_HOP)
}

fn past_the_guard(view: &View<'_>, network: &Network, block: Ipv4Net) -> Flow {
    let flow = Flow::new(GUARD, ROUTED_VMAC, owned_by(network, Feature::Guard)).on(view.ours());
    let flow = flow.on(ipv4()).on(MatchField::EthSrc(view.uplink.mac.into()));
    flow.on(from(network.cidr)).on(to(block)).apply(view.uplink_output())
}

fn owned_by(network: &Network, feature: Feature) -> Owner {
    Owner { feature, entity: network.id.0 }
}

/// INBOUND: before what goes to the host.
const FIXED: u16 = 150;
/// OUTBOUND: beside the addresses of pools.
const ROUTED: u16 = 100;
/// GUARD: before the end of what instances send, under the policy `vmac`.
const ROUTED_VMAC: u16 = 107;
