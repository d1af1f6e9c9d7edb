//! The destination MAC towards the provider: the host itself, an on-link neighbour, or else the gateway.

use buoy_topology::{Pool, PortNo};

use super::{Station, View};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{MatchField, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, output, set_eth_dst, to, to_controller};
use crate::pipeline::tables::external::{GATEWAY, GUARD, NEXT_HOP};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    for address in &view.provider.host_ips {
        flows.push(to_host(view, *address));
    }
    for block in &view.provider.onlink {
        flows.push(flow(view, NEXT_HOP, UNRESOLVED).on(ipv4()).on(to(*block)).apply([to_controller()]).goto(GATEWAY));
    }
    flows.push(flow(view, NEXT_HOP, FAR).goto(GATEWAY));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    for block in view.world.site.blocks(pool) {
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
            flows.push(Flow::new(GATEWAY, KNOWN, owner).on(view.ours()).apply([to_controller()]));
        }
        Station::OnLink { address, mac } => {
            let neighbour = flow(view, NEXT_HOP, NEIGHBOUR).on(ipv4()).on(MatchField::Ipv4Dst(address.into()));
            flows.push(neighbour.apply([set_eth_dst(mac)]).goto(GUARD));
        }
        Station::Host { address } if !view.is_host(address) => flows.push(to_host(view, address)),
        Station::Host { .. } | Station::Unknown => {}
    }
}

fn to_host(view: &View<'_>, address: std::net::Ipv4Addr) -> Flow {
    let flow = flow(view, NEXT_HOP, HOST).on(ipv4()).on(MatchField::Ipv4Dst(address.into()));
    flow.apply([set_eth_dst(view.local.mac), output(PortNo::LOCAL)])
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
