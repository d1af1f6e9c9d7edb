//! Lookups that would otherwise walk over the whole site. Derived from the records, never stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use crate::{Direct, EntityId, FloatingIp, Instance, MacAddr, Name, Network, Pool, PortName, Provider, Span, VlanId};

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    spans: BTreeMap<Ipv4Addr, (Ipv4Addr, Name)>,
    fixed: HashMap<(Name, Ipv4Addr), Name>,
    macs: HashMap<(Name, MacAddr), Name>,
    /// By bridge and port. Nearly every port has one: a list in order is its smallest form.
    ports: HashMap<(PortName, PortName), OnPort>,
    bound: HashMap<(Name, Ipv4Addr), Ipv4Addr>,
    /// Which direct port has an address.
    directs: BTreeMap<Ipv4Addr, Name>,
    /// The instances of each bridge.
    bridges: HashMap<PortName, BTreeSet<Name>>,
    /// The networks of each bridge, with the number of interfaces that are in each.
    networks: HashMap<PortName, BTreeMap<Name, usize>>,
    providers: Providers,
    /// Networks by number.
    network_ids: HashMap<EntityId, Name>,
}

/// The instances on one port, by VLAN.
type OnPort = Vec<(Option<VlanId>, Name)>;

/// Providers by what else names them.
#[derive(Clone, Debug, Default)]
struct Providers {
    ids: HashMap<EntityId, Name>,
    bridges: HashMap<PortName, BTreeSet<Name>>,
    /// By the port of br-int that leads to them.
    peers: HashMap<PortName, BTreeSet<Name>>,
}

impl Index {
    pub(super) fn pool_at(&self, address: Ipv4Addr) -> Option<&Name> {
        let (_, (last, name)) = self.spans.range(..=address).next_back()?;
        (address <= *last).then_some(name)
    }

    pub(super) fn fixed(&self, network: &Name, ip: Ipv4Addr) -> Option<&Name> {
        self.fixed.get(&(network.clone(), ip))
    }

    pub(super) fn mac(&self, network: &Name, mac: MacAddr) -> Option<&Name> {
        self.macs.get(&(network.clone(), mac))
    }

    pub(super) fn port(&self, bridge: &PortName, port: &PortName, vlan: Option<VlanId>) -> Option<&Name> {
        let own = self.ports.get(&(bridge.clone(), port.clone()))?;
        let place = own.binary_search_by_key(&vlan, |own| own.0).ok()?;
        own.get(place).map(|own| &own.1)
    }

    pub(super) fn on_port(&self, bridge: &PortName, port: &PortName) -> impl Iterator<Item = &Name> {
        let own = self.ports.get(&(bridge.clone(), port.clone()));
        own.into_iter().flatten().map(|own| &own.1)
    }

    /// The name of a port that has instances, as it is kept here.
    pub(super) fn known_port(&self, bridge: &PortName, port: &PortName) -> Option<&PortName> {
        let known = self.ports.get_key_value(&(bridge.clone(), port.clone()));
        known.map(|((_, port), _)| port)
    }

    /// Every bridge that has instances.
    pub(super) fn bridges(&self) -> impl Iterator<Item = &PortName> {
        self.bridges.keys()
    }

    /// The instances of a bridge, by name.
    pub(super) fn instances_on(&self, bridge: &PortName) -> impl Iterator<Item = &Name> {
        self.bridges.get(bridge).into_iter().flatten()
    }

    /// The networks that interfaces of a bridge are in, by name.
    pub(super) fn networks_on(&self, bridge: &PortName) -> impl Iterator<Item = &Name> {
        self.networks.get(bridge).into_iter().flat_map(BTreeMap::keys)
    }

    pub(super) fn has_network_on(&self, bridge: &PortName, network: &Name) -> bool {
        self.networks.get(bridge).is_some_and(|own| own.contains_key(network))
    }

    pub(super) fn provider(&self, id: EntityId) -> Option<&Name> {
        self.providers.ids.get(&id)
    }

    pub(super) fn network(&self, id: EntityId) -> Option<&Name> {
        self.network_ids.get(&id)
    }

    pub(super) fn add_network(&mut self, network: &Network) {
        self.network_ids.insert(network.id, network.name.clone());
    }

    pub(super) fn remove_network(&mut self, network: &Network) {
        self.network_ids.remove(&network.id);
    }

    /// The providers of a bridge, by name.
    pub(super) fn providers_on(&self, bridge: &PortName) -> impl Iterator<Item = &Name> {
        self.providers.bridges.get(bridge).into_iter().flatten()
    }

    /// The providers that a port of br-int leads to, by name.
    pub(super) fn providers_behind(&self, port: &PortName) -> impl Iterator<Item = &Name> {
        self.providers.peers.get(port).into_iter().flatten()
    }

    pub(super) fn add_provider(&mut self, provider: &Provider) {
        let Providers { ids, bridges, peers } = &mut self.providers;
        ids.insert(provider.id, provider.name.clone());
        bridges.entry(provider.bridge.clone()).or_default().insert(provider.name.clone());
        peers.entry(provider.patch_peer()).or_default().insert(provider.name.clone());
    }

    pub(super) fn remove_provider(&mut self, provider: &Provider) {
        let Providers { ids, bridges, peers } = &mut self.providers;
        ids.remove(&provider.id);
        take_out(bridges, &provider.bridge, &provider.name);
        take_out(peers, &provider.patch_peer(), &provider.name);
    }

    pub(super) fn bound(&self, instance: &Name, fixed_ip: Ipv4Addr) -> Option<Ipv4Addr> {
        self.bound.get(&(instance.clone(), fixed_ip)).copied()
    }

    pub(super) fn direct(&self, address: Ipv4Addr) -> Option<&Name> {
        self.directs.get(&address)
    }

    /// The addresses of direct ports in a span.
    pub(super) fn direct_in(&self, span: Span) -> impl Iterator<Item = Ipv4Addr> {
        self.directs.range(span.first..=span.last).map(|(address, _)| *address)
    }

    pub(super) fn add_pool(&mut self, pool: &Pool) {
        for span in pool.addresses.spans() {
            self.spans.insert(span.first, (span.last, pool.name.clone()));
        }
    }

    pub(super) fn remove_pool(&mut self, pool: &Pool) {
        for span in pool.addresses.spans() {
            self.spans.remove(&span.first);
        }
    }

    pub(super) fn add_instance(&mut self, instance: &Instance) {
        let name = &instance.name;
        self.bridges.entry(instance.bridge.clone()).or_default().insert(name.clone());
        for interface in &instance.interfaces {
            let network = &interface.network;
            let networks = self.networks.entry(instance.bridge.clone()).or_default();
            *networks.entry(network.clone()).or_default() += 1;
            self.fixed.insert((network.clone(), interface.ip), name.clone());
            self.macs.insert((network.clone(), interface.mac), name.clone());
            let port = (instance.bridge.clone(), interface.port.clone());
            let own = self.ports.entry(port).or_insert_with(|| Vec::with_capacity(1));
            match own.binary_search_by_key(&interface.vlan, |own| own.0) {
                Ok(place) => own.splice(place..=place, [(interface.vlan, name.clone())]).for_each(drop),
                Err(place) => own.insert(place, (interface.vlan, name.clone())),
            }
        }
    }

    pub(super) fn remove_instance(&mut self, instance: &Instance) {
        take_out(&mut self.bridges, &instance.bridge, &instance.name);
        for interface in &instance.interfaces {
            let network = &interface.network;
            self.leave_network(&instance.bridge, network);
            self.fixed.remove(&(network.clone(), interface.ip));
            self.macs.remove(&(network.clone(), interface.mac));
            let port = (instance.bridge.clone(), interface.port.clone());
            if let Some(own) = self.ports.get_mut(&port) {
                own.retain(|own| own.0 != interface.vlan);
                if own.is_empty() {
                    self.ports.remove(&port);
                }
            }
        }
    }

    fn leave_network(&mut self, bridge: &PortName, network: &Name) {
        let Some(networks) = self.networks.get_mut(bridge) else { return };
        if let Some(count) = networks.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                networks.remove(network);
            }
        }
        if networks.is_empty() {
            self.networks.remove(bridge);
        }
    }

    pub(super) fn add_direct(&mut self, direct: &Direct) {
        self.directs.extend(direct.ips.iter().map(|address| (*address, direct.name.clone())));
    }

    pub(super) fn remove_direct(&mut self, direct: &Direct) {
        for address in &direct.ips {
            self.directs.remove(address);
        }
    }

    pub(super) fn add_floating_ip(&mut self, fip: &FloatingIp) {
        if let Some(association) = &fip.association {
            self.bound.insert((association.instance.clone(), association.fixed_ip), fip.address);
        }
    }

    pub(super) fn remove_floating_ip(&mut self, fip: &FloatingIp) {
        if let Some(association) = &fip.association {
            self.bound.remove(&(association.instance.clone(), association.fixed_ip));
        }
    }
}

fn take_out(sets: &mut HashMap<PortName, BTreeSet<Name>>, key: &PortName, name: &Name) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(name);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
