//! All of the stored state together, with the indexes that lookups need.

mod apply;
mod free;
mod index;
mod names;
mod owners;
mod snat;
mod spans;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use crate::{
    AddressSet, Direct, EntityId, FloatingIp, Generation, Instance, Interface, Name, Network, Pool, PortName, Project,
    Provider, Quota, Record, Span, Time,
};
use free::FreeAddresses;
use index::Index;

/// Everything that an admin has declared. It changes only by [`Site::apply`].
#[derive(Clone, Debug, Default)]
pub struct Site {
    generation: Generation,
    now: Time,
    next_entity: u32,
    providers: BTreeMap<Name, Arc<Provider>>,
    pools: BTreeMap<Name, Arc<Pool>>,
    networks: BTreeMap<Name, Arc<Network>>,
    instances: BTreeMap<Name, Arc<Instance>>,
    floating_ips: BTreeMap<Ipv4Addr, Arc<FloatingIp>>,
    directs: BTreeMap<Name, Arc<Direct>>,
    projects: BTreeMap<Name, Arc<Project>>,
    default_quota: Option<Quota>,
    kept: BTreeSet<Ipv4Addr>,
    index: Index,
    free: FreeAddresses,
}

impl Site {
    /// The site that a store held.
    pub fn load(generation: Generation, records: impl IntoIterator<Item = Record>) -> Self {
        let mut site = Self { generation, ..Self::default() };
        for record in records {
            let record = site.with_shared_names(record);
            site.put(record);
        }
        site
    }

    /// The number of the last commit.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Notes that what was applied since is committed under this number.
    pub fn set_generation(&mut self, generation: Generation) {
        self.generation = generation;
    }

    /// All providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// The provider with this name.
    pub fn provider(&self, name: &Name) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// The provider with this number.
    pub fn provider_by_id(&self, id: EntityId) -> Option<&Arc<Provider>> {
        self.index.provider(id).and_then(|name| self.providers.get(name))
    }

    /// The providers whose uplinks are on a bridge, by name.
    pub fn providers_on(&self, bridge: &PortName) -> impl Iterator<Item = &Arc<Provider>> {
        self.index.providers_on(bridge).filter_map(|name| self.providers.get(name))
    }

    /// The providers that a port of br-int with this name leads to, by name.
    pub fn providers_behind(&self, port: &PortName) -> impl Iterator<Item = &Arc<Provider>> {
        self.index.providers_behind(port).filter_map(|name| self.providers.get(name))
    }

    /// The provider that is declared to route fixed addresses to an address.
    pub fn routed_by(&self, address: Ipv4Addr) -> Option<&Arc<Provider>> {
        self.providers.values().find(|provider| provider.routes(address))
    }

    /// All pools, by name.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.values()
    }

    /// The pool with this name.
    pub fn pool(&self, name: &Name) -> Option<&Arc<Pool>> {
        self.pools.get(name)
    }

    /// The pools of a provider.
    pub fn pools_of(&self, provider: &Name) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.values().filter(move |pool| pool.provider == *provider)
    }

    /// The pool that an address belongs to.
    pub fn pool_at(&self, address: Ipv4Addr) -> Option<&Arc<Pool>> {
        self.index.pool_at(address).and_then(|name| self.pools.get(name))
    }

    /// The first pool that shares an address with a span, and the span where they meet.
    pub fn pool_overlapping(&self, span: Span) -> Option<(&Arc<Pool>, Span)> {
        self.pools.values().find_map(|pool| pool.addresses.overlap(span).map(|own| (pool, own)))
    }

    /// All networks, by name.
    pub fn networks(&self) -> impl Iterator<Item = &Arc<Network>> {
        self.networks.values()
    }

    /// The network with this name.
    pub fn network(&self, name: &Name) -> Option<&Arc<Network>> {
        self.networks.get(name)
    }

    /// The network with this number.
    pub fn network_by_id(&self, id: EntityId) -> Option<&Arc<Network>> {
        self.index.network(id).and_then(|name| self.networks.get(name))
    }

    /// All instances, by name.
    pub fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.values()
    }

    /// The instance with this name.
    pub fn instance(&self, name: &Name) -> Option<&Arc<Instance>> {
        self.instances.get(name)
    }

    /// The instance that has this fixed IP in a network.
    pub fn instance_at(&self, network: &Name, fixed_ip: Ipv4Addr) -> Option<&Arc<Instance>> {
        self.index.fixed(network, fixed_ip).and_then(|name| self.instances.get(name))
    }

    /// All addresses that somebody has touched, in ascending order.
    pub fn floating_ips(&self) -> impl Iterator<Item = &FloatingIp> {
        self.floating_ips.values().map(|fip| &**fip)
    }

    /// What is stored about an address.
    pub fn floating_ip(&self, address: Ipv4Addr) -> Option<&FloatingIp> {
        self.floating_ips.get(&address).map(|fip| &**fip)
    }

    /// The touched addresses of a span, in ascending order.
    pub fn floating_ips_in(&self, span: Span) -> impl Iterator<Item = &FloatingIp> {
        self.floating_ips.range(span.first..=span.last).map(|(_, fip)| &**fip)
    }

    /// The floating IP that is bound to a fixed IP of an instance.
    pub fn floating_ip_of(&self, instance: &Name, fixed_ip: Ipv4Addr) -> Option<&FloatingIp> {
        self.index.bound(instance, fixed_ip).and_then(|address| self.floating_ip(address))
    }

    /// All direct ports, by name.
    pub fn directs(&self) -> impl Iterator<Item = &Arc<Direct>> {
        self.directs.values()
    }

    /// The direct port with this name.
    pub fn direct(&self, name: &Name) -> Option<&Arc<Direct>> {
        self.directs.get(name)
    }

    /// The direct port that has an address.
    pub fn direct_at(&self, address: Ipv4Addr) -> Option<&Arc<Direct>> {
        self.index.direct(address).and_then(|name| self.directs.get(name))
    }

    /// The direct ports that have an address in a span, once for each such address.
    pub fn directs_in(&self, span: Span) -> impl Iterator<Item = (Ipv4Addr, &Arc<Direct>)> {
        self.index.direct_in(span).filter_map(|address| Some((address, self.direct_at(address)?)))
    }

    /// What a floating IP is bound to, with everything that its flows depend on.
    pub fn binding(&self, address: Ipv4Addr) -> Option<Binding<'_>> {
        let fip = self.floating_ips.get(&address)?;
        let association = fip.association.as_ref()?;
        let instance = self.instance(&association.instance)?;
        let interface = instance.interface(association.fixed_ip)?;
        let network = self.network(&interface.network)?;
        let provider = self.provider(&self.pool_at(address)?.provider)?;
        Some(Binding { fip, provider, instance, interface, network })
    }

    /// Whether the provider, the host or a direct port needs the address for itself, so that no pool may hand it out.
    pub fn is_kept(&self, pool: &Pool, address: Ipv4Addr) -> bool {
        let is_declared = || self.providers.get(&pool.provider).is_some_and(|own| own.keeps(address));
        self.kept.contains(&address) || self.index.direct(address).is_some() || is_declared()
    }

    /// Notes that the host was seen to use an address, declared or not; tells whether that is new.
    pub fn keep(&mut self, address: Ipv4Addr) -> bool {
        self.kept.insert(address)
    }

    /// The addresses of a span that the host was seen to use, in ascending order.
    pub(crate) fn seen_in(&self, span: Span) -> impl Iterator<Item = Ipv4Addr> {
        self.kept.range(span.first..=span.last).copied()
    }

    /// Whether instances are on a bridge.
    pub fn has_instances_on(&self, bridge: &PortName) -> bool {
        self.index.instances_on(bridge).next().is_some()
    }

    /// The networks that interfaces of a bridge's instances are in, by name.
    pub fn networks_on(&self, bridge: &PortName) -> impl Iterator<Item = &Arc<Network>> {
        self.index.networks_on(bridge).filter_map(|name| self.networks.get(name))
    }

    /// Whether an interface of a bridge's instances is in a network.
    pub fn has_network_on(&self, bridge: &PortName, network: &Name) -> bool {
        self.index.has_network_on(bridge, network)
    }

    /// The instances of a bridge, by name.
    pub fn instances_on(&self, bridge: &PortName) -> impl Iterator<Item = &Arc<Instance>> {
        self.index.instances_on(bridge).filter_map(|name| self.instances.get(name))
    }

    /// The addresses of a pool's ranges that it does not hand out.
    pub fn kept_of(&self, pool: &Pool) -> impl Iterator<Item = Ipv4Addr> {
        self.kept_among(pool, &pool.addresses)
    }

    /// The fewest CIDR blocks that cover what a pool hands out.
    pub fn blocks(&self, pool: &Pool) -> Vec<Ipv4Net> {
        self.blocks_of(pool, &pool.addresses)
    }

    /// The fewest CIDR blocks that cover what a pool keeps from host and gateway: what it hands out, and what was taken out
    /// of it, unless a provider says that its stations are there.
    pub fn closed_blocks(&self, pool: &Pool) -> Vec<Ipv4Net> {
        let mut withdrawn = pool.withdrawn.clone();
        if !withdrawn.spans().is_empty() {
            let onlink = self.providers.get(&pool.provider).into_iter().flat_map(|own| &own.onlink);
            let routed = self.providers().flat_map(|own| &own.no_snat);
            for block in onlink.chain(routed) {
                withdrawn.remove(Span { first: block.network(), last: block.broadcast() });
            }
        }
        let all = [&pool.addresses, &withdrawn].into_iter().flat_map(|own| own.spans());
        self.blocks_of(pool, &all.copied().collect())
    }

    /// The pool that an address was taken out of, while that is remembered.
    pub fn withdrawn_from(&self, address: Ipv4Addr) -> Option<&Arc<Pool>> {
        self.pools.values().find(|pool| pool.withdrawn.contains(address))
    }

    fn blocks_of(&self, pool: &Pool, addresses: &AddressSet) -> Vec<Ipv4Net> {
        let mut own = addresses.clone();
        for address in self.kept_among(pool, addresses) {
            own.remove(Span { first: address, last: address });
        }
        own.spans().iter().flat_map(Span::blocks).collect()
    }

    /// Those of some addresses of a pool that the provider, the host or a direct port needs for itself.
    fn kept_among(&self, pool: &Pool, addresses: &AddressSet) -> impl Iterator<Item = Ipv4Addr> + use<> {
        let provider = self.providers.get(&pool.provider);
        let declared = provider.into_iter().flat_map(|own| own.gateway.iter().chain(&own.host_ips));
        let mut kept: BTreeSet<_> =
            declared.chain(&self.kept).copied().filter(|kept| addresses.contains(*kept)).collect();
        kept.extend(addresses.spans().iter().flat_map(|span| self.index.direct_in(*span)));
        kept.into_iter()
    }

    /// The number that the next new entity gets.
    pub fn next_entity(&self) -> EntityId {
        EntityId(self.next_entity.max(1))
    }
}

/// An association with all that it depends on.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The floating IP.
    pub fip: &'a FloatingIp,
    /// The provider of its pool.
    pub provider: &'a Provider,
    /// The instance.
    pub instance: &'a Instance,
    /// The interface that has the fixed IP.
    pub interface: &'a Interface,
    /// The network of the interface.
    pub network: &'a Network,
}
