//! Lookups that would otherwise walk over the whole site. Derived from the records, never stored.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use crate::{Direct, FloatingIp, Instance, MacAddr, Name, Pool, PortName, Span, VlanId};

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    spans: BTreeMap<Ipv4Addr, (Ipv4Addr, Name)>,
    fixed: HashMap<(Name, Ipv4Addr), Name>,
    macs: HashMap<(Name, MacAddr), Name>,
    ports: HashMap<(PortName, PortName), BTreeMap<Option<VlanId>, Name>>,
    bound: HashMap<(Name, Ipv4Addr), Ipv4Addr>,
    /// Which direct port has an address.
    directs: BTreeMap<Ipv4Addr, Name>,
    /// How many instances each bridge has.
    bridges: HashMap<PortName, usize>,
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
        self.ports.get(&(bridge.clone(), port.clone()))?.get(&vlan)
    }

    pub(super) fn on_port(&self, bridge: &PortName, port: &PortName) -> impl Iterator<Item = &Name> {
        self.ports.get(&(bridge.clone(), port.clone())).into_iter().flat_map(BTreeMap::values)
    }

    /// Every bridge that has instances.
    pub(super) fn bridges(&self) -> impl Iterator<Item = &PortName> {
        self.bridges.keys()
    }

    pub(super) fn has_instances_on(&self, bridge: &PortName) -> bool {
        self.bridges.contains_key(bridge)
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
        *self.bridges.entry(instance.bridge.clone()).or_default() += 1;
        for interface in &instance.interfaces {
            let network = &interface.network;
            self.fixed.insert((network.clone(), interface.ip), name.clone());
            self.macs.insert((network.clone(), interface.mac), name.clone());
            let port = (instance.bridge.clone(), interface.port.clone());
            self.ports.entry(port).or_default().insert(interface.vlan, name.clone());
        }
    }

    pub(super) fn remove_instance(&mut self, instance: &Instance) {
        if let Some(count) = self.bridges.get_mut(&instance.bridge) {
            *count -= 1;
            if *count == 0 {
                self.bridges.remove(&instance.bridge);
            }
        }
        for interface in &instance.interfaces {
            let network = &interface.network;
            self.fixed.remove(&(network.clone(), interface.ip));
            self.macs.remove(&(network.clone(), interface.mac));
            let port = (instance.bridge.clone(), interface.port.clone());
            if let Some(vlans) = self.ports.get_mut(&port) {
                vlans.remove(&interface.vlan);
                if vlans.is_empty() {
                    self.ports.remove(&port);
                }
            }
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
