//! br-ex, the provider's side: MAC-NAT, ARP and the guard.
//!
//! Read the stages in a packet's order: [`admit`] ([`alone`] for a host beside VLANs), [`arp`], [`inbound`], [`outbound`],
//! [`next_hop`], [`guard`]; [`no_snat`] is all of it for fixed addresses, and [`direct`] is all of it for stations that have provider addresses themselves.

mod admit;
mod alone;
mod arp;
mod direct;
mod guard;
mod inbound;
mod next_hop;
mod no_snat;
mod outbound;

use std::net::Ipv4Addr;

use std::collections::BTreeSet;

use buoy_topology::{
    Dialect, EntityId, FloatingIp, MacAddr, MacPolicy, NeighbourKey, Pool, Port, PortNo, Provider, VlanId,
};

use super::drops::DropReason;
use super::fields::{last_drop, output, push_vlan};
use super::registers::PROVIDER;
use super::tables::external as tables;
use super::{Entity, World, fence, legacy};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};

/// A provider's bridge as the flows of one provider see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(in crate::pipeline) world: World<'a>,
    pub(in crate::pipeline) provider: &'a Provider,
    pub(in crate::pipeline) uplink: Port,
    pub(in crate::pipeline) local: Port,
    pub(in crate::pipeline) patch: Option<Port>,
}

/// The flows that an entity puts on the bridge, for each of its providers. None while the uplinks of all are missing:
/// the bridge then keeps the form that cannot cut the host off.
pub(super) fn compile(world: World<'_>, entity: &Entity, flows: &mut Vec<Flow>) -> Option<()> {
    let mut views = View::all(world).peekable();
    views.peek()?;
    if *entity == Entity::Base {
        flows.extend(tables::NAMES.map(|(table, _)| last_drop(table, end_of(table))));
        let patches: BTreeSet<PortNo> = views.filter_map(|view| Some(view.patch?.number)).collect();
        patches.into_iter().for_each(|patch| flows.push(admit::patch(patch)));
        flows.push(admit::unwritable());
        flows.push(fence::late_answers_of_host());
    } else {
        views.for_each(|view| view.compile(entity, flows));
    }
    Some(())
}

/// The ports of a bridge whose uplinks are missing that the host may send to meanwhile: those that are there and that lead
/// to no other bridge. An uplink that comes is not among them until the bridge has its guard.
pub(super) fn ports_without_uplink(world: World<'_>) -> Vec<PortNo> {
    let patches: BTreeSet<_> = world.site.providers().map(|provider| &provider.patch).collect();
    let others = world.bridge.ports.iter().filter(|(name, _)| **name != world.bridge.name && !patches.contains(name));
    others.map(|(_, port)| port.number).collect()
}

impl<'a> View<'a> {
    /// The view of a provider on a bridge that has the provider's uplink, and whose form serves it.
    pub fn of(world: World<'a>, provider: &'a Provider) -> Option<Self> {
        match world.bridge.dialect {
            Dialect::OpenFlow13 => Self::at(world, provider),
            Dialect::OpenFlow10 => legacy::served(world).filter(|view| view.provider.id == provider.id),
        }
    }

    fn at(world: World<'a>, provider: &'a Provider) -> Option<Self> {
        let uplink = world.bridge.port(&provider.uplink).filter(|_| provider.bridge == world.bridge.name)?;
        let local = world.bridge.local()?;
        Some(Self { world, provider, uplink, local, patch: world.bridge.port(&provider.patch) })
    }

    /// The views of all providers of the bridge whose uplinks are there.
    pub(in crate::pipeline) fn all(world: World<'a>) -> impl Iterator<Item = Self> {
        world.site.providers_on(&world.bridge.name).filter_map(move |provider| Self::at(world, provider))
    }

    /// Whether this provider takes what the host sends untagged from addresses that no provider declares; or, where all
    /// are on VLANs, whether that passes by its uplink.
    fn is_default(&self) -> bool {
        let untagged = Self::all(self.world).filter(|view| view.provider.vlan.is_none());
        let first = untagged.min_by_key(|view| view.provider.id).or_else(|| Self::all(self.world).next());
        first.is_some_and(|view| view.provider.id == self.provider.id)
    }

    /// The provider.
    pub fn provider(&self) -> &'a Provider {
        self.provider
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
    pub(in crate::pipeline) fn shared_mac(&self) -> Option<MacAddr> {
        match self.provider.mac_policy {
            MacPolicy::Host => Some(self.uplink.mac),
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Vmac => None,
        }
    }

    /// The MAC that the provider expects of an address, whoever has it on this side.
    pub fn address_mac(&self, address: Ipv4Addr) -> Option<MacAddr> {
        self.shared_mac().or_else(|| self.world.site.floating_ip(address)?.mac)
    }

    /// The flows that an entity puts on the bridge.
    fn compile(&self, entity: &Entity, flows: &mut Vec<Flow>) {
        let site = self.world.site;
        match entity {
            Entity::Provider(name) if *name == self.provider.name => {
                admit::provider(self, flows);
                if self.provider.vlan.is_some() && self.is_default() {
                    alone::provider(self, flows);
                }
                arp::provider(self, flows);
                inbound::provider(self, flows);
                next_hop::provider(self, flows);
                guard::provider(self, flows);
                let shared = site.snat_of(self.provider).map(|snat| snat.address());
                if let Some((address, mac)) = shared.and_then(|own| Some((own, self.address_mac(own)?))) {
                    self.address(self.provider.id, address, mac, flows);
                }
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
                    self.address(binding.fip.id, *address, mac, flows);
                }
            }
            Entity::Network(name) => {
                if let Some(network) = site.network(name) {
                    no_snat::network(self, network, flows);
                }
            }
            Entity::Base | Entity::Provider(_) | Entity::Neighbour(_) | Entity::Instance(_) => {}
            Entity::Direct(name) => {
                let direct = site.direct(name).filter(|direct| direct.provider == self.provider.name);
                if let Some(direct) = direct {
                    direct::Station::of(self, direct).compile(flows);
                }
            }
        }
    }

    /// An address that is answered for, and that leaves with its MAC.
    fn address(&self, entity: EntityId, address: Ipv4Addr, mac: MacAddr, flows: &mut Vec<Flow>) {
        let owner = |feature| Owner { feature, entity: entity.0 };
        arp::address(self, owner(Feature::Arp), address, mac, flows);
        guard::address(self, owner(Feature::Guard), address, mac, flows);
    }

    pub(in crate::pipeline) fn station(&self, key: NeighbourKey) -> Station {
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

    /// Out by the uplink, with the provider's tag. Only the guard may do that.
    fn uplink_output(&self) -> Vec<Action> {
        tagged(self.provider.vlan, self.uplink.number)
    }

    /// To the host, which has the provider's VLAN tagged as the provider has.
    fn host_output(&self) -> Vec<Action> {
        tagged(self.provider.vlan, PortNo::LOCAL)
    }

    /// Back to the host that sent the packet.
    fn return_output(&self) -> Vec<Action> {
        tagged(self.provider.vlan, PortNo::IN_PORT)
    }

    /// Whether stations on this bridge have addresses of the provider themselves.
    fn has_directs(&self) -> bool {
        self.world.site.directs().any(|direct| direct.provider == self.provider.name)
    }

    pub(in crate::pipeline) fn is_host(&self, address: Ipv4Addr) -> bool {
        self.provider.host_ips.contains(&address)
    }

    /// Whether the provider must not see the host's own MAC, because the NIC has another one.
    pub(in crate::pipeline) fn translates_host(&self) -> bool {
        self.local.mac != self.uplink.mac
    }

    pub(in crate::pipeline) fn owner(&self, feature: Feature) -> Owner {
        Owner { feature, entity: self.provider.id.0 }
    }

    fn ours(&self) -> MatchField {
        PROVIDER.is(self.provider.id.0)
    }
}

/// What a neighbour entity stands for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) enum Station {
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

fn tagged(vlan: Option<VlanId>, port: PortNo) -> Vec<Action> {
    vlan.map(push_vlan).into_iter().flatten().chain([output(port)]).collect()
}

pub(in crate::pipeline) fn owned_by(pool: &Pool, feature: Feature) -> Owner {
    Owner { feature, entity: pool.id.0 }
}
