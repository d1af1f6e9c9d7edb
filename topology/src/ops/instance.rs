//! Instances: add, attach an interface, remove.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::network::check_host;
use super::provider::check_mac;
use super::{Noun, OpError};
use crate::{Change, EntityId, Instance, Interface, Key, MacAddr, Name, PortName, Record, Site, VlanId};

/// What an instance is to be, with its first interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSpec {
    /// The project that owns it.
    pub project: Name,
    /// The bridge that its ports are on.
    pub bridge: PortName,
    /// Its first interface.
    pub interface: InterfaceSpec,
}

/// What an interface is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Interface`")]
pub struct InterfaceSpec {
    pub network: Name,
    pub port: PortName,
    pub vlan: Option<VlanId>,
    pub mac: MacAddr,
    pub ip: Ipv4Addr,
}

impl Site {
    /// A new instance with one interface.
    pub fn add_instance(&self, name: Name, spec: InstanceSpec) -> Result<Change, OpError> {
        if self.instance(&name).is_some() {
            return Err(OpError::Exists { noun: Noun::Instance, name });
        }
        let mut change = Change::default();
        let id = self.number(&mut change);
        let interface = self.check_interface(id, &spec.bridge, spec.interface)?;
        let instance = Instance { name, project: spec.project, bridge: spec.bridge, interfaces: vec![interface] };
        change.put(Record::Instance(Arc::new(instance)));
        Ok(change)
    }

    /// An instance with a further interface.
    pub fn attach_interface(&self, name: &Name, spec: InterfaceSpec) -> Result<Change, OpError> {
        let mut instance = (**self.known_instance(name)?).clone();
        if instance.interface(spec.ip).is_some() {
            let (fixed_ip, network) = (spec.ip, spec.network);
            return Err(OpError::FixedIpTaken { fixed_ip, network, instance: name.clone() });
        }
        let mut change = Change::default();
        let id = self.number(&mut change);
        instance.interfaces.push(self.check_interface(id, &instance.bridge, spec)?);
        change.put(Record::Instance(Arc::new(instance)));
        Ok(change)
    }

    /// An instance less. None of its fixed IPs may have a floating IP.
    pub fn remove_instance(&self, name: &Name) -> Result<Change, OpError> {
        let instance = self.known_instance(name)?;
        let bound = instance.interfaces.iter().filter_map(|interface| self.floating_ip_of(name, interface.ip));
        let mut users = bound.map(|fip| format!("floating IP {}", fip.address)).peekable();
        if users.peek().is_some() {
            return Err(OpError::in_use(Noun::Instance, name, users));
        }
        let mut change = Change::default();
        change.remove(Key::Instance(name.clone()));
        Ok(change)
    }

    pub(super) fn known_instance(&self, name: &Name) -> Result<&Arc<Instance>, OpError> {
        self.instance(name).ok_or_else(|| OpError::Unknown { noun: Noun::Instance, name: name.clone() })
    }

    fn check_interface(&self, id: EntityId, bridge: &PortName, spec: InterfaceSpec) -> Result<Interface, OpError> {
        let InterfaceSpec { network, port, vlan, mac, ip } = spec;
        let segment = self.known_network(&network)?;
        check_mac(mac)?;
        check_host(segment.cidr, ip, "fixed IP")?;
        if ip == segment.gateway {
            return Err(OpError::invalid(format!("{ip} is the gateway of network {network}")));
        }
        if mac == segment.gateway_mac {
            return Err(OpError::invalid(format!("{mac} is the MAC of the gateway of network {network}")));
        }
        if let Some(instance) = self.instance_at(&network, ip) {
            return Err(OpError::FixedIpTaken { fixed_ip: ip, network, instance: instance.name.clone() });
        }
        if let Some(instance) = self.instance_with_mac(&network, mac) {
            return Err(OpError::MacTaken { mac, network, instance: instance.clone() });
        }
        if let Some(instance) = self.instance_on_port(bridge, &port, vlan) {
            return Err(OpError::PortTaken { port, bridge: bridge.clone(), instance: instance.clone() });
        }
        if self.providers().any(|provider| provider.patch_peer() == port) {
            return Err(OpError::invalid(format!("port {port} leads to a provider's bridge, not to an instance")));
        }
        Ok(Interface { id, network, port, vlan, mac, ip })
    }
}
