//! br-int in one table: what an instance may say, to whom, and the rewriting of floating IPs.

mod guest;
mod nat;

use std::collections::BTreeSet;

use buoy_topology::{Interface, Network, PortNo};

use super::TABLE;
use super::priorities::integration::UNWRITABLE;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{in_port, ipv4, last_drop, on_vlan, output, push_vlan, untagged, unwritable_ipv4};
use crate::pipeline::{Entity, World};

pub(super) fn compile(world: World<'_>, entity: &Entity, flows: &mut Vec<Flow>) {
    let site = world.site;
    match entity {
        Entity::Base => {
            flows.push(last_drop(TABLE, DropReason::UnknownPort));
            flows.push(unwritable_ipv4(Flow::new(TABLE, UNWRITABLE, Owner::dropping(DropReason::Unwritable))));
            let patches: BTreeSet<_> = site.providers().map(|provider| provider.patch_peer()).collect();
            flows.extend(patches.iter().filter_map(|name| world.bridge.port(name)).map(nat::end));
        }
        Entity::Instance(name) => {
            let instance = site.instance(name).filter(|own| own.bridge == world.bridge.name);
            for guest in instance.into_iter().flat_map(|own| &own.interfaces).filter_map(|own| Guest::of(world, own)) {
                guest::interface(guest, flows);
                guest::neighbours(world, guest, flows);
            }
        }
        Entity::Association(address) => {
            let binding = site.binding(*address).filter(|own| own.instance.bridge == world.bridge.name);
            if let Some(binding) = binding {
                nat::association(world, binding, flows);
            }
        }
        Entity::Provider(_) | Entity::Pool(_) | Entity::Neighbour(_) | Entity::Network(_) | Entity::Direct(_) => {}
    }
}

/// An interface whose port is there.
#[derive(Clone, Copy, Debug)]
struct Guest<'a> {
    interface: &'a Interface,
    network: &'a Network,
    port: PortNo,
}

impl<'a> Guest<'a> {
    fn of(world: World<'a>, interface: &'a Interface) -> Option<Self> {
        let network = world.site.network(&interface.network)?;
        let port = world.bridge.port(&interface.port)?.number;
        Some(Self { interface, network, port })
    }

    fn owner(self, feature: Feature) -> Owner {
        Owner { feature, entity: self.interface.id.0 }
    }

    /// A flow for what comes from its port, under its VLAN.
    fn flow(self, priority: u16, owner: Owner) -> Flow {
        let tag = self.interface.vlan.map_or_else(untagged, on_vlan);
        Flow::new(TABLE, priority, owner).on(in_port(self.port)).on(tag)
    }

    /// The same, with its own MAC.
    fn own(self, priority: u16, owner: Owner) -> Flow {
        self.flow(priority, owner).on(MatchField::EthSrc(self.interface.mac.into()))
    }

    /// The same, with its own address in IPv4.
    fn own_ip(self, priority: u16, owner: Owner) -> Flow {
        self.own(priority, owner).on(ipv4()).on(MatchField::Ipv4Src(self.interface.ip.into()))
    }

    /// What takes its VLAN tag off.
    fn untag(self) -> Option<Action> {
        self.interface.vlan.map(|_| Action::PopVlan)
    }

    /// What hands a packet without tag to it, which came in on another port or on its own.
    fn deliver(self, came_in: PortNo) -> impl Iterator<Item = Action> {
        let tag = self.interface.vlan.map(push_vlan);
        let port = if came_in == self.port { PortNo::IN_PORT } else { self.port };
        tag.into_iter().flatten().chain([output(port)])
    }
}
