//! To instances by the patch port, and from them to the provider.
//!
//! What comes from br-int has a floating IP as its source, since br-int lets nothing else through; a fixed one is dropped
//! here all the same. Where all floating IPs share a MAC the destination says the next hop; where each has its own, the
//! source says the MAC, and the next hop is the gateway.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use buoy_topology::{FloatingIp, MacAddr, NeighbourKey, Pool, Port, PortNo};
use ipnet::Ipv4Net;

use super::flow;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::{Station, View, owned_by};
use crate::pipeline::fields::{from, ipv4, output, set_eth_dst, set_eth_src, to, untagged};
use crate::pipeline::legacy::priorities::external::{
    ADDRESS, END, FAR, FIXED, HAIRPIN, INSTANCES, NEIGHBOUR, TO_HOST, UNRESOLVED,
};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let Some(patch) = view.patch else { return };
    let dropped = |priority, reason| sent(patch, priority, Owner::dropping(reason));
    let fixed: BTreeSet<_> = view.world.site.networks().map(|network| network.cidr).collect();
    flows.extend(fixed.into_iter().map(|cidr| dropped(FIXED, DropReason::NotFloating).on(from(cidr))));
    flows.extend(view.provider.host_ips.iter().map(|address| to_host(view, patch, *address)));
    if view.provider.gateway.is_none() {
        let asks = |block: &Ipv4Net| unresolved(view, patch).on(to(*block)).apply([Action::controller()]);
        flows.extend(view.provider.onlink.iter().map(asks));
    }
    flows.push(flow(patch.number, END, Owner::dropping(DropReason::NotFloating)));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    let owner = owned_by(pool, Feature::Inbound);
    for block in view.world.site.closed_blocks(pool) {
        for port in [view.uplink.number, PortNo::LOCAL] {
            let inward = |owner| flow(port, INSTANCES, owner).on(ipv4()).on(untagged()).on(to(block));
            flows.push(match view.patch {
                Some(patch) => inward(owner).apply([output(patch.number)]),
                None => inward(Owner::dropping(DropReason::NoPatchPort)),
            });
        }
        // br-int has rewritten the source and now rewrites the destination: it drops what is not associated, and sends
        // nothing back that came from here.
        flows
            .extend(view.patch.map(|patch| sent(patch, HAIRPIN, owner).on(to(block)).apply([output(PortNo::IN_PORT)])));
    }
}

pub(super) fn neighbour(view: &View<'_>, station: Station, flows: &mut Vec<Flow>) {
    let Some(patch) = view.patch else { return };
    match station {
        Station::Gateway { mac: Some(mac), .. } => {
            let Some(source) = view.shared_mac() else { return };
            let onward = [set_eth_src(source), set_eth_dst(mac), output(view.uplink.number)];
            flows.push(sent(patch, FAR, view.owner(Feature::NextHop)).apply(onward.clone()));
            for block in &view.provider.onlink {
                let copied = onward.iter().cloned().chain([Action::controller()]);
                flows.push(unresolved(view, patch).on(to(*block)).apply(copied));
            }
        }
        // Nothing can be sent yet: the controller keeps a few packets until it has found the gateway.
        Station::Gateway { mac: None, .. } => {
            let lost = Owner::dropping(DropReason::UnresolvedGateway);
            flows.push(sent(patch, FAR, lost).apply([Action::controller()]));
            for block in &view.provider.onlink {
                flows.push(unresolved(view, patch).on(to(*block)).apply([Action::controller()]));
            }
        }
        Station::OnLink { address, mac } => {
            let Some(source) = view.shared_mac() else { return };
            let neighbour = sent(patch, NEIGHBOUR, view.owner(Feature::NextHop));
            let onward = [set_eth_src(source), set_eth_dst(mac), output(view.uplink.number)];
            flows.push(neighbour.on(MatchField::Ipv4Dst(address.into())).apply(onward));
        }
        Station::Host { address } if !view.is_host(address) => flows.push(to_host(view, patch, address)),
        Station::Host { .. } | Station::Unknown => {}
    }
}

/// An address with a MAC of its own leaves with that MAC, through the gateway.
pub(super) fn association(view: &View<'_>, fip: &FloatingIp, mac: MacAddr, flows: &mut Vec<Flow>) {
    let (Some(patch), Some(address)) = (view.patch, view.provider.gateway) else { return };
    let Station::Gateway { mac: Some(gateway), .. } =
        view.station(NeighbourKey { provider: view.provider.id, address })
    else {
        return;
    };
    if view.shared_mac().is_none() {
        let owner = Owner { feature: Feature::Outbound, entity: fip.id.0 };
        let own = sent(patch, ADDRESS, owner).on(MatchField::Ipv4Src(fip.address.into()));
        flows.push(own.apply([set_eth_src(mac), set_eth_dst(gateway), output(view.uplink.number)]));
    }
}

fn to_host(view: &View<'_>, patch: Port, address: Ipv4Addr) -> Flow {
    let flow = sent(patch, TO_HOST, view.owner(Feature::NextHop)).on(MatchField::Ipv4Dst(address.into()));
    flow.apply([set_eth_dst(view.local.mac), output(PortNo::LOCAL)])
}

fn unresolved(view: &View<'_>, patch: Port) -> Flow {
    sent(patch, UNRESOLVED, view.owner(Feature::NextHop))
}

/// What br-int sends.
fn sent(patch: Port, priority: u16, owner: Owner) -> Flow {
    flow(patch.number, priority, owner).on(ipv4()).on(untagged())
}
