//! Instances: add, attach an interface, remove.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::network::check_host;
use super::provider::check_mac;
use super::{Leaving, Noun, OpError};
use crate::{
    Change, EntityId, Instance, Interface, Key, Labels, MacAddr, Name, Note, PortName, Provider, Record, Relabel, Site,
    VlanId, Write,
};

/// What an instance is to be, with its first interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSpec {
    /// The project that owns it.
    pub project: Name,
    /// The bridge that its ports are on.
    pub bridge: PortName,
    /// Its first interface.
    pub interface: InterfaceSpec,
    /// What its project sorts it by.
    pub labels: Relabel,
    /// A line for whoever reads the list.
    pub note: Option<Note>,
}

/// What is to be other about an instance; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceChange {
    /// Labels to put on and to take off.
    pub labels: Relabel,
    /// The note, or none.
    pub note: Option<Option<Note>>,
}

/// Whether a new instance gets a floating IP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AutoAssign {
    /// From the pool that its network names, if it names one.
    #[default]
    AsNetwork,
    /// None.
    Never,
    /// From the network's pool, or else from the default one.
    Auto,
    /// From this pool.
    From(Name),
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
        let interface = self.check_interface(id, &spec.bridge, &spec.project, spec.interface)?;
        let InstanceSpec { project, bridge, labels, note, .. } = spec;
        let labels = Labels::default().with(&labels)?;
        let mut instance = Instance { name, project, bridge, interfaces: vec![interface], labels, note };
        self.share_names(&mut instance);
        change.put(Record::Instance(Arc::new(instance)));
        Ok(change)
    }

    /// A new instance with one interface, and a floating IP for it where one is due. Where there is none, there is no
    /// instance either.
    pub fn add_instance_with_address(
        &self,
        name: Name,
        spec: InstanceSpec,
        assign: &AutoAssign,
        leaving: Leaving<'_>,
    ) -> Result<(Option<Ipv4Addr>, Change), OpError> {
        let network = self.network(&spec.interface.network);
        let of_network = network.and_then(|network| network.auto_assign.clone());
        let pool = match assign {
            AutoAssign::AsNetwork => of_network.map(Some),
            AutoAssign::Never => None,
            AutoAssign::Auto => Some(of_network),
            AutoAssign::From(pool) => Some(Some(pool.clone())),
        };
        let mut change = self.add_instance(name, spec)?;
        let made = change.writes().iter().find_map(|write| match write {
            Write::Put(Record::Instance(instance)) => Some(Arc::clone(instance)),
            _ => None,
        });
        let (Some(pool), Some(instance)) = (pool, made) else { return Ok((None, change)) };
        let address = self.auto_assign(pool.as_ref(), &instance, leaving, &mut change)?;
        Ok((Some(address), change))
    }

    /// An instance with other labels or another note.
    pub fn set_instance(&self, name: &Name, spec: &InstanceChange) -> Result<Change, OpError> {
        let old = self.known_instance(name)?;
        let labels = old.labels.with(&spec.labels)?;
        let note = spec.note.clone().unwrap_or_else(|| old.note.clone());
        let new = Instance { labels, note, ..(**old).clone() };
        let mut change = Change::default();
        if new != **old {
            change.put(Record::Instance(Arc::new(new)));
        }
        Ok(change)
    }

    /// An instance with an interface less, but never without any. With `force` its floating IP is disassociated and stays
    /// with the project; else there may be none.
    pub fn detach_interface(&self, name: &Name, fixed_ip: Ipv4Addr, force: bool) -> Result<Change, OpError> {
        let mut instance = (**self.known_instance(name)?).clone();
        if instance.interface(fixed_ip).is_none() {
            let has = instance.interfaces.iter().map(|own| own.ip).collect();
            return Err(OpError::NoSuchFixedIp { instance: name.clone(), fixed_ip, has });
        }
        if instance.interfaces.len() == 1 {
            return Err(OpError::LastInterface { instance: name.clone(), interface: fixed_ip });
        }
        let mut change = self.loosen_all(name, &[fixed_ip], force)?;
        instance.interfaces.retain(|own| own.ip != fixed_ip);
        change.put(Record::Instance(Arc::new(instance)));
        Ok(change)
    }

    /// Takes the floating IPs of some fixed IPs away where that may be, and is refused where there are any else.
    fn loosen_all(&self, name: &Name, fixed_ips: &[Ipv4Addr], force: bool) -> Result<Change, OpError> {
        let bound = fixed_ips.iter().filter_map(|ip| self.floating_ip_of(name, *ip)).map(|fip| fip.address);
        let bound: Vec<_> = bound.collect();
        if !force && !bound.is_empty() {
            let users = bound.iter().map(|address| format!("floating IP {address}"));
            return Err(OpError::in_use(Noun::Instance, name, users));
        }
        let mut change = Change::default();
        for address in bound {
            change.extend(self.disassociate(address)?);
        }
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
        instance.interfaces.push(self.check_interface(id, &instance.bridge, &instance.project, spec)?);
        self.share_names(&mut instance);
        change.put(Record::Instance(Arc::new(instance)));
        Ok(change)
    }

    /// An instance less. None of its fixed IPs may have a floating IP.
    pub fn remove_instance(&self, name: &Name) -> Result<Change, OpError> {
        self.remove_instance_anyway(name, false)
    }

    /// An instance less. With `force` its floating IPs are disassociated and stay with the project.
    pub fn remove_instance_anyway(&self, name: &Name, force: bool) -> Result<Change, OpError> {
        let instance = self.known_instance(name)?;
        let fixed_ips: Vec<_> = instance.interfaces.iter().map(|own| own.ip).collect();
        let mut change = self.loosen_all(name, &fixed_ips, force)?;
        change.remove(Key::Instance(name.clone()));
        Ok(change)
    }

    pub(super) fn known_instance(&self, name: &Name) -> Result<&Arc<Instance>, OpError> {
        self.instance(name).ok_or_else(|| OpError::Unknown { noun: Noun::Instance, name: name.clone() })
    }

    fn check_interface(
        &self,
        id: EntityId,
        bridge: &PortName,
        project: &Name,
        spec: InterfaceSpec,
    ) -> Result<Interface, OpError> {
        let InterfaceSpec { network, port, vlan, mac, ip } = spec;
        let segment = self.known_network(&network)?;
        if let Some(owner) = segment.project.as_ref().filter(|owner| *owner != project) {
            return Err(OpError::OtherProjectsNetwork { network, project: owner.clone(), other: project.clone() });
        }
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
        if self.providers_behind(&port).next().is_some() {
            return Err(OpError::invalid(format!("port {port} leads to a provider's bridge, not to an instance")));
        }
        let is_wiring = |own: &Provider| own.uplink == port || own.patch == port;
        if port == *bridge || self.providers_on(bridge).any(|own| is_wiring(own)) {
            let text = format!("port {port} of bridge {bridge} is the host's or a provider's, not an instance's");
            return Err(OpError::invalid(text));
        }
        Ok(Interface { id, network, port, vlan, mac, ip })
    }
}
