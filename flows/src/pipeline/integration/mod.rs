//! br-int, the instances' side: anti-spoofing, switching, routing and the rewriting of floating IPs.
//!
//! Read the stages in a packet's order: [`admit`], [`arp`], [`l2`], [`route`], [`nat`], [`size`], [`deliver`]; [`snat`] and
//! [`gateway`] are what instances without a floating IP have in place of [`nat`], towards the world and towards floating
//! IPs of their network; [`no_snat`] is what is not rewritten, and [`icmp`] what some of them leave to the controller.

mod admit;
mod arp;
mod deliver;
mod gateway;
mod icmp;
mod l2;
mod nat;
mod no_snat;
mod route;
mod size;
pub mod snat;

use std::collections::BTreeSet;

use buoy_topology::{Instance, Interface, Network, PortName, PortNo};

use super::drops::DropReason;
use super::fields::last_drop;
use super::registers::NETWORK;
use super::tables::integration as tables;
use super::{Entity, World};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{MatchField, TableId};

/// The instances' bridge as its flows see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    world: World<'a>,
}

impl<'a> View<'a> {
    /// The view of a bridge.
    pub fn of(world: World<'a>) -> Self {
        Self { world }
    }

    /// The flows that an entity puts on the bridge.
    pub(super) fn compile(&self, entity: &Entity, flows: &mut Vec<Flow>) {
        let site = self.world.site;
        match entity {
            Entity::Base => {
                flows.extend(tables::NAMES.map(|(table, _)| last_drop(table, end_of(table))));
                admit::base(flows);
                let ports = self.world.bridge.ports.iter();
                let leads_out = ports.filter(|(name, _)| site.providers_behind(name).next().is_some());
                let patches: BTreeSet<_> = leads_out.map(|(_, port)| port.number).collect();
                for patch in patches {
                    flows.push(admit::patch(patch));
                    flows.extend(icmp::patch(patch, self.world.bridge));
                }
                icmp::base(self.world.bridge, flows);
                l2::base(flows);
                route::base(flows);
                nat::base(flows);
                size::base(self.world.bridge, flows);
                snat::base(self, flows);
                if self.tracks() {
                    gateway::base(flows);
                    no_snat::base(flows);
                }
            }
            Entity::Provider(name) => {
                let Some(provider) = site.provider(name) else { return };
                // Where no patch port leads to it, it is another host's: what it routes is reached like the world.
                let Some(patch) = self.port(&provider.patch_peer()) else { return };
                no_snat::provider(provider, self.tracks(), flows);
                size::provider(provider, patch, self.world.bridge, flows);
                if let Some(snat) = site.snat_of(provider) {
                    snat::provider(provider, snat, flows);
                    if self.tracks() {
                        gateway::provider(self, provider, snat, flows);
                    }
                }
            }
            Entity::Network(name) => {
                let is_here = site.has_network_on(&self.world.bridge.name, name);
                let Some(network) = site.network(name).filter(|_| is_here) else { return };
                arp::network(network, flows);
                l2::network(network, flows);
                route::network(network, flows);
                let shared = self.shared_by(network);
                if let Some(snat) = shared {
                    snat::network(network, snat, flows);
                }
                if self.tracks() {
                    gateway::network(network, shared, flows);
                }
                let routing = site.providers().filter(|own| !own.no_snat.is_empty());
                let patches: BTreeSet<_> = routing.filter_map(|own| self.port(&own.patch_peer())).collect();
                flows.extend(patches.into_iter().map(|patch| no_snat::network(network, patch)));
            }
            Entity::Instance(name) => {
                let Some(instance) = site.instance(name).filter(|own| own.bridge == self.world.bridge.name) else {
                    return;
                };
                self.interfaces(instance, flows);
            }
            Entity::Association(address) => {
                let binding = site.binding(*address).filter(|own| own.instance.bridge == self.world.bridge.name);
                if let Some(binding) = binding {
                    nat::association(binding, self.tracks(), flows);
                }
            }
            Entity::Pool(name) => {
                let Some(pool) = site.pool(name) else { return };
                // What another host has is reached by the world.
                let provider = site.provider(&pool.provider);
                if provider.and_then(|own| self.port(&own.patch_peer())).is_none() {
                    return;
                }
                let blocks = site.closed_blocks(pool);
                nat::pool(&blocks, flows);
                if self.tracks() {
                    gateway::pool(&blocks, flows);
                }
            }
            Entity::Neighbour(_) | Entity::Direct(_) => {}
        }
    }

    /// An interface has flows while its port is there: what would refer to a missing port is left out.
    fn interfaces(&self, instance: &Instance, flows: &mut Vec<Flow>) {
        for interface in &instance.interfaces {
            let Some(network) = self.world.site.network(&interface.network) else { continue };
            let Some(port) = self.port(&interface.port) else { continue };
            let guest = Guest { interface, network, port };
            admit::interface(guest, flows);
            arp::interface(guest, flows);
            route::interface(guest, flows);
            deliver::interface(guest, flows);
            if self.shared_by(network).is_some() {
                snat::interface(guest, flows);
            }
            if self.tracks() {
                gateway::interface(guest, flows);
            }
        }
    }

    /// Whether the datapath is taken to have a connection tracker.
    fn tracks(&self) -> bool {
        self.world.bridge.tracks
    }

    fn port(&self, name: &PortName) -> Option<PortNo> {
        self.world.bridge.port(name).map(|port| port.number)
    }
}

/// An interface whose port is there.
#[derive(Clone, Copy, Debug)]
struct Guest<'a> {
    interface: &'a Interface,
    network: &'a Network,
    port: PortNo,
}

impl Guest<'_> {
    fn owner(self, feature: Feature) -> Owner {
        Owner { feature, entity: self.interface.id.0 }
    }

    /// A flow of the interface for packets inside its network.
    fn flow(self, table: TableId, priority: u16, feature: Feature) -> Flow {
        Flow::new(table, priority, self.owner(feature)).on(within(self.network))
    }
}

fn within(network: &Network) -> MatchField {
    NETWORK.is(network.id.0)
}

/// What it means that a packet comes to the end of a table.
fn end_of(table: TableId) -> DropReason {
    match table {
        tables::ADMIT => DropReason::UnknownPort,
        tables::ANTI_SPOOF => DropReason::NotIpv4,
        tables::ARP => DropReason::UnknownArpTarget,
        tables::GATEWAY_BACK => DropReason::ToGateway,
        tables::SOURCE_NAT | tables::HAIRPIN => DropReason::NoFloatingIp,
        tables::DESTINATION_NAT => DropReason::Unassociated,
        tables::HAIRPIN_OUT => DropReason::PortsExhausted,
        tables::EGRESS => DropReason::NoPatchPort,
        tables::DELIVER => DropReason::UnknownInstance,
        _ => DropReason::NoMatch,
    }
}
