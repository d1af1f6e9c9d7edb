//! br-ex, the provider's side: MAC-NAT, ARP and the guard.
//!
//! Read the stages in a packet's order: [`admit`], [`arp`], [`inbound`], [`outbound`], [`next_hop`], [`guard`].

mod admit;
mod arp;
mod guard;
mod inbound;
mod next_hop;
mod outbound;

use std::net::Ipv4Addr;

use buoy_topology::{FloatingIp, MacAddr, MacPolicy, NeighbourKey, Pool, Port, Provider};

use super::drops::DropReason;
use super::fields::last_drop;
use super::registers::PROVIDER;
use super::tables::external as tables;
use super::{Entity, World};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;

/// A provider's bridge as its flows see it. There is none while the uplink is missing: the bridge then keeps the form
/// that cannot cut the host off.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    world: World<'a>,
    provider: &'a Provider,
    uplink: Port,
    local: Port,
    patch: Option<Port>,
}

impl<'a> View<'a> {
    /// The view of a bridge that a provider names and that has the provider's uplink.
    pub fn of(world: World<'a>) -> Option<Self> {
        let provider = world.site.providers().find(|provider| provider.bridge == world.bridge.name)?;
        let uplink = world.bridge.port(&provider.uplink)?;
        let local = world.bridge.local()?;
        Some(Self { world, provider, uplink, local, patch: world.bridge.port(&provider.patch) })
    }

    /// The MAC that the provider knows the host by.
    pub fn uplink_mac(&self) -> MacAddr {
        self.uplink.mac
    }

    /// The MAC that a floating IP has towards the provider; none where the provider gave it none yet.
    pub fn source_mac(&self, fip: &FloatingIp) -> Option<MacAddr> {
        match self.provider.mac_policy {
            MacPolicy::Host => Some(self.uplink.mac),
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Vmac => fip.mac,
        }
    }

    /// The one MAC that all floating IPs have towards the provider, where the policy gives them one.
    fn shared_mac(&self) -> Option<MacAddr> {
        match self.provider.mac_policy {
            MacPolicy::Host => Some(self.uplink.mac),
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Vmac => None,
        }
    }

    /// The flows that an entity puts on the bridge.
    pub(super) fn compile(&self, entity: &Entity, flows: &mut Vec<Flow>) {
        let site = self.world.site;
        match entity {
            Entity::Base => {
                flows.extend(tables::NAMES.map(|(table, _)| last_drop(table, end_of(table))));
            }
            Entity::Provider(name) if *name == self.provider.name => {
                admit::provider(self, flows);
                arp::provider(self, flows);
                inbound::provider(self, flows);
                next_hop::provider(self, flows);
                guard::provider(self, flows);
            }
            Entity::Pool(name) => {
                let Some(pool) = site.pool(name).filter(|pool| pool.provider == self.provider.name) else { return };
                arp::pool(self, pool, flows);
                inbound::pool(self, pool, flows);
                outbound::pool(self, pool, flows);
                next_hop::pool(self, pool, flows);
            }
            Entity::Neighbour(key) if key.provider == self.provider.id => {
                let station = self.station(*key);
                arp::neighbour(self, station, flows);
                next_hop::neighbour(self, station, flows);
            }
            Entity::Association(address) => {
                let Some(binding) = site.binding(*address) else { return };
                let Some(mac) = self.source_mac(binding.fip) else { return };
                if binding.provider.id == self.provider.id {
                    arp::association(self, binding.fip, mac, flows);
                    outbound::association(self, binding.fip, mac, flows);
                    guard::association(self, binding.fip, mac, flows);
                }
            }
            Entity::Provider(_) | Entity::Neighbour(_) | Entity::Network(_) | Entity::Instance(_) => {}
        }
    }

    fn station(&self, key: NeighbourKey) -> Station {
        let learnt = self.world.learnt.mac(key);
        let address = key.address;
        if self.provider.gateway == Some(address) {
            Station::Gateway { address, mac: self.provider.gateway_mac.or(learnt) }
        } else {
            match learnt {
                Some(mac) if mac == self.local.mac => Station::Host { address },
                Some(mac) => Station::OnLink { address, mac },
                None => Station::Unknown,
            }
        }
    }

    fn is_host(&self, address: Ipv4Addr) -> bool {
        self.provider.host_ips.contains(&address)
    }

    /// Whether the provider must not see the host's own MAC, because the NIC has another one.
    fn translates_host(&self) -> bool {
        self.local.mac != self.uplink.mac
    }

    fn owner(&self, feature: Feature) -> Owner {
        Owner { feature, entity: self.provider.id.0 }
    }

    fn ours(&self) -> MatchField {
        PROVIDER.is(self.provider.id.0)
    }
}

/// What a neighbour entity stands for.
#[derive(Clone, Copy, Debug)]
enum Station {
    Gateway { address: Ipv4Addr, mac: Option<MacAddr> },
    OnLink { address: Ipv4Addr, mac: MacAddr },
    Host { address: Ipv4Addr },
    Unknown,
}

/// What it means that a packet comes to the end of a table.
fn end_of(table: crate::openflow::TableId) -> DropReason {
    match table {
        tables::ADMIT => DropReason::UnknownPort,
        tables::OUTBOUND => DropReason::NotFloating,
        tables::GATEWAY => DropReason::UnresolvedGateway,
        tables::GUARD => DropReason::UnregisteredMac,
        _ => DropReason::NoMatch,
    }
}

fn owned_by(pool: &Pool, feature: Feature) -> Owner {
    Owner { feature, entity: pool.id.0 }
}
