//! Direct ports: add, remove.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::provider::{check_mac, check_station};
use super::{Noun, OpError};
use crate::{Change, Direct, Key, MacAddr, MacPolicy, Name, PortName, Provider, Record, Site};

/// What a direct port is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Direct`")]
pub struct DirectSpec {
    pub provider: Name,
    pub port: PortName,
    pub mac: MacAddr,
    pub ips: Vec<Ipv4Addr>,
}

impl Site {
    /// A new direct port. Its addresses are no pool's to hand out from now on. The same again changes nothing.
    pub fn add_direct(&self, name: Name, spec: DirectSpec) -> Result<Change, OpError> {
        let provider = self.known_provider(&spec.provider)?;
        if let Some(old) = self.direct(&name) {
            let same =
                (&old.provider, &old.port, old.mac, &old.ips) == (&spec.provider, &spec.port, spec.mac, &spec.ips);
            return if same { Ok(Change::default()) } else { Err(OpError::Exists { noun: Noun::Direct, name }) };
        }
        check_mac(spec.mac)?;
        if spec.ips.is_empty() {
            return Err(OpError::invalid("a direct port needs the addresses of its station: --ip, once for each"));
        }
        let neighbours = self.providers_on(&provider.bridge);
        let mut wiring = neighbours.flat_map(|own| [&own.uplink, &own.patch, &own.bridge]);
        if wiring.any(|own| *own == spec.port) {
            let text = format!("{} is an uplink, a patch port or the bridge itself", spec.port);
            return Err(OpError::invalid(text));
        }
        let on_bridge =
            |own: &&Arc<Direct>| self.provider(&own.provider).is_some_and(|own| own.bridge == provider.bridge);
        if let Some(other) = self.directs().filter(on_bridge).find(|own| own.port == spec.port) {
            return Err(OpError::DirectPortTaken { port: spec.port, direct: other.name.clone() });
        }
        let twice =
            spec.ips.iter().enumerate().find(|(at, own)| spec.ips.iter().skip(at + 1).any(|other| other == *own));
        if let Some((_, address)) = twice {
            return Err(OpError::invalid(format!("{address} is given twice")));
        }
        spec.ips.iter().try_for_each(|address| self.check_direct_address(provider, *address))?;
        let mut change = Change::default();
        let id = self.number(&mut change);
        let DirectSpec { provider, port, mac, ips } = spec;
        change.put(Record::Direct(Arc::new(Direct { id, name, provider, port, mac, ips })));
        Ok(change)
    }

    /// A direct port less. Its addresses are their pools' again.
    pub fn remove_direct(&self, name: &Name) -> Result<Change, OpError> {
        self.direct(name).ok_or_else(|| OpError::Unknown { noun: Noun::Direct, name: name.clone() })?;
        let mut change = Change::default();
        change.remove(Key::Direct(name.clone()));
        Ok(change)
    }

    fn check_direct_address(&self, provider: &Provider, address: Ipv4Addr) -> Result<(), OpError> {
        check_station(address)?;
        if provider.keeps(address) {
            return Err(OpError::invalid(format!("{address} is the gateway or an address of the host")));
        }
        let in_network = self.networks().find(|network| network.cidr.contains(&address));
        if let Some(network) = in_network {
            let text = format!("{address} is in network {} ({})", network.name, network.cidr);
            return Err(OpError::invalid(text));
        }
        if let Some(routing) = self.routed_by(address) {
            let text = format!("{address} is where fixed addresses are routed: --no-snat of provider {}", routing.name);
            return Err(OpError::invalid(text));
        }
        if let Some(other) = self.direct_at(address) {
            return Err(OpError::DirectAddressTaken { address, direct: other.name.clone() });
        }
        self.check_unshared(address)?;
        let fip = self.floating_ip(address);
        if let Some(project) = fip.and_then(|fip| fip.project.clone()) {
            return Err(OpError::Allocated { address, project });
        }
        if let Some(pool) = self.pool_at(address).filter(|pool| pool.provider != provider.name) {
            let text = format!("{address} is in pool {} of provider {}", pool.name, pool.provider);
            return Err(OpError::invalid(text));
        }
        if provider.mac_policy == MacPolicy::Vmac && fip.and_then(|fip| fip.mac).is_none() {
            self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
            return Err(OpError::NoMac { address, provider: provider.name.clone() });
        }
        Ok(())
    }
}
