//! br-ex in one table: the host, ARP, what goes to instances, what comes from them, and the controller's own packets.
//!
//! Only flows that name the source MAC in their match, or write a registered one, output to the uplink.

mod arp;
mod direct;
mod guard;
mod host;
mod instances;

use buoy_topology::PortNo;

use super::TABLE;
use crate::flow::Flow;
use crate::flow::owner::Owner;
use crate::pipeline::Entity;
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::View;
use crate::pipeline::fields::{in_port, last_drop};

pub(super) fn compile(view: &View<'_>, entity: &Entity, flows: &mut Vec<Flow>) {
    let site = view.world.site;
    match entity {
        Entity::Base => flows.push(last_drop(TABLE, DropReason::UnknownPort)),
        Entity::Provider(name) if *name == view.provider.name => {
            host::provider(view, flows);
            arp::provider(view, flows);
            instances::provider(view, flows);
            guard::provider(view, flows);
        }
        Entity::Pool(name) => {
            let Some(pool) = site.pool(name).filter(|pool| pool.provider == view.provider.name) else { return };
            arp::pool(view, pool, flows);
            instances::pool(view, pool, flows);
        }
        Entity::Neighbour(key) if key.provider == view.provider.id => {
            let station = view.station(*key);
            arp::neighbour(view, station, flows);
            instances::neighbour(view, station, flows);
        }
        Entity::Association(address) => {
            let Some(binding) = site.binding(*address) else { return };
            let Some(mac) = view.source_mac(binding.fip) else { return };
            if binding.provider.id == view.provider.id {
                arp::association(view, binding.fip, flows);
                instances::association(view, binding.fip, mac, flows);
                guard::association(view, binding.fip, mac, flows);
            }
        }
        Entity::Direct(name) => {
            let direct = site.direct(name).filter(|direct| direct.provider == view.provider.name);
            direct.into_iter().for_each(|direct| direct::addresses(view, direct, flows));
        }
        Entity::Provider(_) | Entity::Neighbour(_) | Entity::Network(_) | Entity::Instance(_) => {}
    }
}

/// A flow for what comes in on a port.
fn flow(port: PortNo, priority: u16, owner: Owner) -> Flow {
    Flow::new(TABLE, priority, owner).on(in_port(port))
}
