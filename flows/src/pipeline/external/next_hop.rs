//! The destination MAC towards the provider: the host itself, an on-link neighbour, or else the gateway.

use std::net::Ipv4Addr;

use buoy_topology::Pool;

use super::{Station, View};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{MatchField, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, set_eth_dst, to};
use crate::pipeline::meters::Meter;
use crate::pipeline::tables::external::{GATEWAY, GUARD, NEXT_HOP};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let ask = Meter::Unresolved.to_controller(view.world.bridge);
    for address in &view.provider.host_ips {
        flows.push(to_host(view, *address));
    }
    // The host's addresses at the other providers of the bridge: it is the same host.
    for other in View::all(view.world).filter(|other| other.provider.id != view.provider.id) {
        let beside = other.provider.host_ips.iter().filter(|address| !view.is_host(**address));
        flows.extend(beside.map(|address| to_host_at(view, &other, *address)));
    }
    for block in &view.provider.onlink {
        flows.push(flow(view, NEXT_HOP, UNRESOLVED).on(ipv4()).on(to(*block)).apply([ask.clone()]).goto(GATEWAY));
    }
    flows.push(flow(view, NEXT_HOP, FAR).goto(GATEWAY));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    for block in view.world.site.closed_blocks(pool) {
        let ours = Flow::new(NEXT_HOP, OURS, Owner::dropping(DropReason::Unassociated)).on(view.ours());
        flows.push(ours.on(ipv4()).on(to(block)));
    }
}

pub(super) fn neighbour(view: &View<'_>, station: Station, flows: &mut Vec<Flow>) {
    match station {
        Station::Gateway { mac: Some(mac), .. } => {
            flows.push(flow(view, GATEWAY, KNOWN).apply([set_eth_dst(mac)]).goto(GUARD));
        }
        // Nothing can be sent yet: the controller keeps a few packets until it has found the gateway.
        Station::Gateway { mac: None, .. } => {
            let owner = Owner::dropping(DropReason::UnresolvedGateway);
            let ask = Meter::Unresolved.to_controller(view.world.bridge);
            flows.push(Flow::new(GATEWAY, KNOWN, owner).on(view.ours()).apply([ask]));
        }
        Station::OnLink { address, mac } => {
            let neighbour = flow(view, NEXT_HOP, NEIGHBOUR).on(ipv4()).on(MatchField::Ipv4Dst(address.into()));
            flows.push(neighbour.apply([set_eth_dst(mac)]).goto(GUARD));
        }
        Station::Host { address } if !view.is_host(address) => flows.push(to_host(view, address)),
        Station::Host { .. } | Station::Unknown => {}
    }
}

fn to_host(view: &View<'_>, address: Ipv4Addr) -> Flow {
    to_host_at(view, view, address)
}

/// To an address that the host has at a provider, with that provider's tag.
fn to_host_at(view: &View<'_>, provider: &View<'_>, address: Ipv4Addr) -> Flow {
    let flow = flow(view, NEXT_HOP, HOST).on(ipv4()).on(MatchField::Ipv4Dst(address.into()));
    flow.apply(std::iter::once(set_eth_dst(view.local.mac)).chain(provider.host_output()))
}

fn flow(view: &View<'_>, table: TableId, priority: u16) -> Flow {
    Flow::new(table, priority, view.owner(Feature::NextHop)).on(view.ours())
}

// NEXT_HOP
const HOST: u16 = 300;
const OURS: u16 = 250;
const NEIGHBOUR: u16 = 200;
const UNRESOLVED: u16 = 150;
const FAR: u16 = 1;
// GATEWAY
const KNOWN: u16 = 100;
