//! Providers: create, change, delete.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::{Noun, OpError, derived_mac};
use crate::{
    Change, Direct, GarpTiming, HookCommand, Key, MacAddr, MacPolicy, Mtu, Name, PortName, Provider, Record, Site,
    VlanId,
};

/// What a provider is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `Provider`")]
pub struct ProviderSpec {
    pub bridge: PortName,
    pub uplink: PortName,
    pub vlan: Option<VlanId>,
    /// `phy-<bridge>` where it is not given.
    pub patch: Option<PortName>,
    pub gateway: Option<Ipv4Addr>,
    pub gateway_mac: Option<MacAddr>,
    pub host_ips: Vec<Ipv4Addr>,
    pub mac_policy: PolicySpec,
    pub onlink: Vec<Ipv4Net>,
    pub no_snat: Vec<Ipv4Net>,
    pub mtu: Option<Mtu>,
    pub garp: bool,
    pub garp_timing: GarpTiming,
    pub hook: Option<HookCommand>,
}

/// A MAC policy as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySpec {
    /// The uplink's MAC.
    Host,
    /// A MAC per address.
    Vmac,
    /// A virtual router's MAC; one is derived where none is given.
    Router(Option<MacAddr>),
}

impl From<&Provider> for ProviderSpec {
    fn from(provider: &Provider) -> Self {
        Self {
            bridge: provider.bridge.clone(),
            uplink: provider.uplink.clone(),
            vlan: provider.vlan,
            patch: Some(provider.patch.clone()),
            gateway: provider.gateway,
            gateway_mac: provider.gateway_mac,
            host_ips: provider.host_ips.clone(),
            mac_policy: match provider.mac_policy {
                MacPolicy::Host => PolicySpec::Host,
                MacPolicy::Vmac => PolicySpec::Vmac,
                MacPolicy::Router(mac) => PolicySpec::Router(Some(mac)),
            },
            onlink: provider.onlink.clone(),
            no_snat: provider.no_snat.clone(),
            mtu: provider.mtu,
            garp: provider.garp,
            garp_timing: provider.garp_timing,
            hook: provider.hook.clone(),
        }
    }
}

impl Site {
    /// A new provider.
    pub fn create_provider(&self, name: Name, spec: ProviderSpec) -> Result<Change, OpError> {
        if self.provider(&name).is_some() {
            return Err(OpError::Exists { noun: Noun::Provider, name });
        }
        let mut change = Change::default();
        let id = self.number(&mut change);
        change.put(Record::Provider(Arc::new(self.check_provider(id, name, spec)?)));
        Ok(change)
    }

    /// A provider with other properties. What its pools hold must not become the provider's own.
    pub fn set_provider(&self, name: &Name, spec: ProviderSpec) -> Result<Change, OpError> {
        let old = self.known_provider(name)?;
        let new = self.check_provider(old.id, name.clone(), spec)?;
        let taken = self
            .pools_of(name)
            .flat_map(|pool| pool.addresses.spans())
            .find_map(|span| self.floating_ips_in(*span).find(|fip| new.keeps(fip.address) && fip.project.is_some()));
        if let Some((address, project)) = taken.and_then(|fip| Some((fip.address, fip.project.clone()?))) {
            return Err(OpError::Allocated { address, project });
        }
        let kept = self.directs_of(name).find_map(|own| own.ips.iter().find(|ip| new.keeps(**ip)).map(|ip| (*ip, own)));
        if let Some((address, direct)) = kept {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        if let Some(snat) = new.snat.filter(|own| new.keeps(own.address())) {
            return Err(OpError::Shared { address: snat.address(), provider: name.clone() });
        }
        if new.mac_policy == MacPolicy::Vmac && old.mac_policy != MacPolicy::Vmac {
            self.check_macs(name)?;
        }
        let mut change = Change::default();
        if new != **old {
            change.put(Record::Provider(Arc::new(new)));
        }
        Ok(change)
    }

    /// Whether every address of a provider that is in use has a MAC, so that it is still served under the policy `vmac`.
    fn check_macs(&self, name: &Name) -> Result<(), OpError> {
        let records =
            self.pools_of(name).flat_map(|pool| pool.addresses.spans()).flat_map(|span| self.floating_ips_in(*span));
        let bound = records.filter(|fip| fip.association.is_some()).map(|fip| fip.address);
        let direct = self.directs_of(name).flat_map(|own| own.ips.iter().copied());
        let lacks = |address: &Ipv4Addr| self.floating_ip(*address).is_none_or(|fip| fip.mac.is_none());
        let shared = self.provider(name).and_then(|own| Some(self.snat_of(own)?.address()));
        match bound.chain(direct).chain(shared).find(lacks) {
            Some(address) => Err(OpError::NoMac { address, provider: name.clone() }),
            None => Ok(()),
        }
    }

    /// A provider less. Its pools and direct ports must be gone.
    pub fn delete_provider(&self, name: &Name) -> Result<Change, OpError> {
        self.known_provider(name)?;
        let pools = self.pools_of(name).map(|pool| format!("pool {}", pool.name));
        let mut users = pools.chain(self.directs_of(name).map(|own| format!("direct port {}", own.name))).peekable();
        if users.peek().is_some() {
            return Err(OpError::in_use(Noun::Provider, name, users));
        }
        let mut change = Change::default();
        change.remove(Key::Provider(name.clone()));
        Ok(change)
    }

    pub(super) fn known_provider(&self, name: &Name) -> Result<&Arc<Provider>, OpError> {
        self.provider(name).ok_or_else(|| OpError::Unknown { noun: Noun::Provider, name: name.clone() })
    }

    fn directs_of<'a>(&'a self, provider: &'a Name) -> impl Iterator<Item = &'a Arc<Direct>> {
        self.directs().filter(move |own| own.provider == *provider)
    }

    /// Whether the ports that a provider is to have on its bridge are not those of direct ports there.
    fn check_ports(&self, id: crate::EntityId, bridge: &PortName, ports: [&PortName; 2]) -> Result<(), OpError> {
        let on_bridge = |own: &&Arc<Direct>| {
            self.provider(&own.provider).is_some_and(|provider| provider.id == id || provider.bridge == *bridge)
        };
        let mut seen = BTreeSet::new();
        let is_taken =
            |own: &&Arc<Direct>| ports.contains(&&own.port) || own.port == *bridge || !seen.insert(own.port.clone());
        match self.directs().filter(on_bridge).find(is_taken) {
            Some(own) => Err(OpError::DirectPortTaken { port: own.port.clone(), direct: own.name.clone() }),
            None => Ok(()),
        }
    }

    fn check_provider(&self, id: crate::EntityId, name: Name, spec: ProviderSpec) -> Result<Provider, OpError> {
        let patch = spec.patch.unwrap_or_else(|| spec.bridge.prefixed("phy-"));
        if [&spec.bridge, &patch].contains(&&spec.uplink) {
            return Err(OpError::invalid(format!(
                "{} cannot be the uplink and the bridge or patch port too",
                spec.uplink
            )));
        }
        self.check_ports(id, &spec.bridge, [&spec.uplink, &patch])?;
        for other in self.providers_on(&spec.bridge).filter(|other| other.id != id) {
            if (&other.uplink, other.vlan) == (&spec.uplink, spec.vlan) {
                let (uplink, vlan, provider) = (spec.uplink, spec.vlan, other.name.clone());
                return Err(OpError::UplinkTaken { uplink, vlan, provider });
            }
            if other.patch != patch || other.uplink == patch || other.patch == spec.uplink {
                let name = &other.name;
                let text = format!(
                    "provider {name} is on {} too: both need the same patch port {}",
                    other.bridge, other.patch
                );
                return Err(OpError::invalid(text));
            }
            if let Some(shared) = spec.host_ips.iter().find(|address| other.host_ips.contains(address)) {
                let text = format!("{shared} is an address of the host at provider {} already", other.name);
                return Err(OpError::invalid(text));
            }
        }
        if spec.gateway.is_none() && spec.onlink.is_empty() {
            return Err(OpError::invalid("a provider needs a --gateway, or --onlink for a LAN without one"));
        }
        if spec.gateway.is_none() && spec.gateway_mac.is_some() {
            return Err(OpError::invalid("--gateway-mac needs the --gateway that it is the MAC of"));
        }
        if let Some(gateway) = spec.gateway.filter(|gateway| spec.host_ips.contains(gateway)) {
            return Err(OpError::invalid(format!("{gateway} cannot be the gateway and an address of the host")));
        }
        let GarpTiming { count, interval_ms } = spec.garp_timing;
        if !(1..=10).contains(&count) || !(100..=60_000).contains(&interval_ms) {
            return Err(OpError::invalid("an address is announced 1 to 10 times, 100 to 60000 ms apart"));
        }
        for address in spec.gateway.iter().chain(&spec.host_ips) {
            check_station(*address)?;
        }
        spec.onlink.iter().copied().try_for_each(check_block)?;
        self.check_no_snat(id, &name, &spec.no_snat)?;
        let mac_policy = match spec.mac_policy {
            PolicySpec::Host => MacPolicy::Host,
            PolicySpec::Vmac => MacPolicy::Vmac,
            PolicySpec::Router(mac) => MacPolicy::Router(mac.unwrap_or_else(|| derived_mac(id))),
        };
        let router_mac = if let MacPolicy::Router(mac) = mac_policy { Some(mac) } else { None };
        for mac in spec.gateway_mac.into_iter().chain(router_mac) {
            check_mac(mac)?;
        }
        let shared_by = name.clone();
        let new = Provider {
            id,
            name,
            bridge: spec.bridge,
            uplink: spec.uplink,
            vlan: spec.vlan,
            patch,
            gateway: spec.gateway,
            gateway_mac: spec.gateway_mac,
            host_ips: spec.host_ips,
            mac_policy,
            onlink: spec.onlink,
            no_snat: spec.no_snat,
            mtu: spec.mtu,
            garp: spec.garp,
            garp_timing: spec.garp_timing,
            hook: spec.hook,
            snat: self.provider(&shared_by).and_then(|old| old.snat),
        };
        self.check_host_apart(&new)?;
        Ok(new)
    }
}

/// An address that one station can have (RFC 1122, section 3.2.1.3).
pub(super) fn check_station(address: Ipv4Addr) -> Result<(), OpError> {
    let [first, ..] = address.octets();
    if first == 0 || address.is_loopback() || address.is_multicast() || address.is_broadcast() {
        return Err(OpError::invalid(format!("{address} is no address that a station can have")));
    }
    Ok(())
}

/// A subnet, and not an address in it.
pub(super) fn check_block(block: Ipv4Net) -> Result<(), OpError> {
    if block.trunc() == block {
        return Ok(());
    }
    Err(OpError::invalid(format!("{block} has host bits set: did you mean {}?", block.trunc())))
}

/// A MAC that one interface can have.
pub(super) fn check_mac(mac: MacAddr) -> Result<(), OpError> {
    if !mac.is_unicast() {
        return Err(OpError::invalid(format!("{mac} is a group address or all zeros: an interface cannot have it")));
    }
    if mac.is_reserved() {
        let text = format!(
            "{mac} is one of 02:b0:07:80:00:00 to 02:b0:07:ff:ff:ff, which the daemon asks Open vSwitch with: give another"
        );
        return Err(OpError::invalid(text));
    }
    Ok(())
}
