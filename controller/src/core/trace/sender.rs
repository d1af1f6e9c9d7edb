//! Where a packet comes in, and which addresses it has there.

use std::net::Ipv4Addr;
use std::sync::Arc;

use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{Interface, MacAddr, MacPolicy, Name, NeighbourKey, PortName, PortNo, Provider, VlanId};

use super::bridges::{ASSUMED_MAC, Bridges};
use super::{Scene, invalid, not_found};
use crate::api::trace::TraceFrom;
use crate::api::{ApiError, TraceShow};
use crate::core::nearest::nearest;

/// Who sends a packet, as the packet shows it.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    pub(super) bridge: PortName,
    pub(super) port: PortNo,
    /// The tag that its packets carry on that port.
    pub(super) vlan: Option<VlanId>,
    pub(super) mac: MacAddr,
    /// None where nobody knows it.
    pub(super) address: Option<Ipv4Addr>,
    /// The MAC that it sends the packet to.
    pub(super) next_hop: MacAddr,
    /// What had to be assumed.
    pub(super) notices: Vec<String>,
}

impl Scene {
    pub(super) fn sender(&self, params: &TraceShow, bridges: &Bridges) -> Result<Sender, ApiError> {
        let to = params.to.map(Ipv4Addr::from);
        let source = params.source.map(Ipv4Addr::from);
        match &params.from {
            TraceFrom::Instance(name) => {
                let unknown = || OpError::Unknown { noun: Noun::Instance, name: name.clone() };
                let instance = self.site.instance(name).ok_or_else(unknown)?;
                let interfaces: Vec<_> = instance.interfaces.iter().collect();
                let own = choose(&interfaces, params.fixed_ip.map(Ipv4Addr::from), &format!("instance {name}"))?;
                let port = number(bridges, &instance.bridge, own.port.as_str())?;
                self.guest(&instance.bridge, port, own, source, to)
            }
            TraceFrom::Host(provider) => self.host(self.upstream(provider.as_ref())?, bridges, source, to),
            TraceFrom::Uplink(provider) => self.outside(self.upstream(provider.as_ref())?, bridges, source, to),
            TraceFrom::Port(bridge, port) => {
                let port = number(bridges, bridge, port)?;
                self.whoever(bridge, port, bridges, params)
            }
        }
    }

    /// The provider with this name, or the only one.
    fn upstream(&self, name: Option<&Name>) -> Result<&Arc<Provider>, ApiError> {
        match name {
            Some(name) => {
                let unknown = OpError::Unknown { noun: Noun::Provider, name: name.clone() };
                Ok(self.site.provider(name).ok_or(unknown)?)
            }
            None => {
                let mut all = self.site.providers();
                match (all.next(), all.next()) {
                    (Some(only), None) => Ok(only),
                    (None, _) => Err(not_found("there is no provider: buoyctl provider create --help")),
                    _ => {
                        let names: Vec<_> = self.site.providers().map(|own| own.name.to_string()).collect();
                        Err(invalid(format!(
                            "there are several providers: say which, like uplink:{}",
                            names.join(", uplink:")
                        )))
                    }
                }
            }
        }
    }

    /// Whoever is at a port.
    fn whoever(
        &self,
        bridge: &PortName,
        port: PortNo,
        bridges: &Bridges,
        params: &TraceShow,
    ) -> Result<Sender, ApiError> {
        let (source, to) = (params.source.map(Ipv4Addr::from), params.to.map(Ipv4Addr::from));
        let named =
            |name: &PortName| bridges.get(bridge).and_then(|own| own.port(name)).map(|own| own.number) == Some(port);
        let here = || self.site.providers().filter(|own| own.bridge == *bridge);
        if port == PortNo::LOCAL
            && let Some(provider) = here().next()
        {
            return self.host(provider, bridges, source, to);
        }
        if let Some(provider) = here().find(|own| named(&own.uplink)) {
            return self.outside(provider, bridges, source, to);
        }
        let instances = self.site.instances().filter(|own| own.bridge == *bridge);
        let guests: Vec<_> = instances.flat_map(|own| &own.interfaces).filter(|own| named(&own.port)).collect();
        if !guests.is_empty() {
            let own = choose(
                &guests,
                params.fixed_ip.map(Ipv4Addr::from),
                &format!("port {}", bridges.port_name(bridge, port)),
            )?;
            return self.guest(bridge, port, own, source, to);
        }
        let station = self.site.directs().find(|own| named(&own.port));
        let mut notices = Vec::new();
        if station.is_none() {
            notices.push(format!("nobody is known at this port: the sender's MAC is taken to be {ASSUMED_MAC}"));
        }
        let provider = self.site.providers().find(|own| own.bridge == *bridge);
        let next_hop = provider.and_then(|own| self.towards(own, to)).unwrap_or(MacAddr::BROADCAST);
        Ok(Sender {
            bridge: bridge.clone(),
            port,
            vlan: None,
            mac: station.map_or(ASSUMED_MAC, |own| own.mac),
            address: source.or_else(|| station.and_then(|own| own.ips.first().copied())),
            next_hop,
            notices,
        })
    }

    fn guest(
        &self,
        bridge: &PortName,
        port: PortNo,
        own: &Interface,
        source: Option<Ipv4Addr>,
        to: Option<Ipv4Addr>,
    ) -> Result<Sender, ApiError> {
        let network = self.site.network(&own.network);
        let network = network.ok_or(OpError::Unknown { noun: Noun::Network, name: own.network.clone() })?;
        let near = to.filter(|to| network.cidr.contains(to) && *to != network.gateway);
        let neighbour = near.and_then(|to| self.site.instance_at(&network.name, to)?.interface(to));
        let mut notices = Vec::new();
        if let (Some(to), None) = (near, neighbour) {
            notices.push(format!(
                "nobody in network {} has {to}: a guest asks for it by ARP and gets no answer; here it is sent to the gateway",
                network.name
            ));
        }
        Ok(Sender {
            bridge: bridge.clone(),
            port,
            vlan: own.vlan,
            mac: own.mac,
            address: Some(source.unwrap_or(own.ip)),
            next_hop: neighbour.map_or(network.gateway_mac, |own| own.mac),
            notices,
        })
    }

    fn host(
        &self,
        provider: &Provider,
        bridges: &Bridges,
        source: Option<Ipv4Addr>,
        to: Option<Ipv4Addr>,
    ) -> Result<Sender, ApiError> {
        let local = bridges.get(&provider.bridge).and_then(|own| own.local());
        let seen = |(address, mac): (Ipv4Addr, MacAddr)| (Some(mac) == local.map(|own| own.mac)).then_some(address);
        let own = provider.host_ips.first().copied().or_else(|| self.learnt.of(provider.id).find_map(seen));
        let mut notices = Vec::new();
        let next_hop = self.towards(provider, to).unwrap_or_else(|| {
            notices.push(format!(
                "no next hop is known at provider {}: the packet is sent to {ASSUMED_MAC}",
                provider.name
            ));
            ASSUMED_MAC
        });
        Ok(Sender {
            bridge: provider.bridge.clone(),
            port: PortNo::LOCAL,
            vlan: provider.vlan,
            mac: local.map_or(ASSUMED_MAC, |own| own.mac),
            address: source.or(own),
            next_hop,
            notices,
        })
    }

    fn outside(
        &self,
        provider: &Provider,
        bridges: &Bridges,
        source: Option<Ipv4Addr>,
        to: Option<Ipv4Addr>,
    ) -> Result<Sender, ApiError> {
        let port = number(bridges, &provider.bridge, provider.uplink.as_str())?;
        let uplink = bridges.get(&provider.bridge).and_then(|own| own.port(&provider.uplink));
        let uplink = uplink.map_or(ASSUMED_MAC, |own| own.mac);
        let expected = match provider.mac_policy {
            MacPolicy::Host => None,
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Vmac => to.and_then(|to| self.site.floating_ip(to)?.mac),
        };
        let is_ours = to.is_some_and(|to| self.site.pool_at(to).is_some());
        let mut notices = Vec::new();
        let mac = self.towards(provider, source).unwrap_or_else(|| {
            notices.push(format!("the gateway's MAC is not known: the packet is taken to come from {ASSUMED_MAC}"));
            ASSUMED_MAC
        });
        Ok(Sender {
            bridge: provider.bridge.clone(),
            port,
            vlan: provider.vlan,
            mac,
            address: source.or(provider.gateway),
            next_hop: expected.filter(|_| is_ours).unwrap_or(uplink),
            notices,
        })
    }

    /// The MAC by which an address outside is reached: the neighbour's, or the gateway's.
    fn towards(&self, provider: &Provider, address: Option<Ipv4Addr>) -> Option<MacAddr> {
        let known = |address| self.learnt.mac(NeighbourKey { provider: provider.id, address });
        address.and_then(known).or(provider.gateway_mac).or_else(|| known(provider.gateway?))
    }
}

/// The number of a port, given by name or number.
fn number(bridges: &Bridges, name: &PortName, port: &str) -> Result<PortNo, ApiError> {
    let unknown = || {
        let near = meant(name.as_str(), bridges.names());
        not_found(format!("no bridge {name} is connected or named by a provider or an instance{near}"))
    };
    let bridge = bridges.get(name).ok_or_else(unknown)?;
    if port == "LOCAL" {
        return Ok(PortNo::LOCAL);
    }
    let named = port.parse::<PortName>().ok().and_then(|port| bridge.port(&port));
    let numbered =
        port.parse().ok().and_then(|number| bridge.ports.values().find(|own| own.number == PortNo(number)).copied());
    let found = named.or(numbered).map(|own| own.number);
    found.ok_or_else(|| {
        let near = meant(port, bridge.ports.keys());
        let near =
            if near.is_empty() { format!(": `ovs-vsctl list-ports {name}` shows those that it has") } else { near };
        not_found(format!("bridge {name} has no port {port}{near}"))
    })
}

/// The one that was probably meant, as a refusal asks.
fn meant<'a>(text: &str, names: impl Iterator<Item = &'a PortName>) -> String {
    nearest(text, names.map(PortName::as_str)).map(|near| format!(": did you mean {near}?")).unwrap_or_default()
}

/// The interface with this fixed IP, or the only one.
fn choose<'a>(all: &[&'a Interface], fixed_ip: Option<Ipv4Addr>, what: &str) -> Result<&'a Interface, ApiError> {
    let list = || all.iter().map(|own| own.ip.to_string()).collect::<Vec<_>>().join(", ");
    match (fixed_ip, all) {
        (Some(ip), all) => {
            let found = all.iter().find(|own| own.ip == ip).copied();
            found.ok_or_else(|| not_found(format!("{what} has no fixed IP {ip}: it has {}", list())))
        }
        (None, [only]) => Ok(only),
        (None, _) => Err(invalid(format!("{what} has several fixed IPs: choose one of {} with --fixed-ip", list()))),
    }
}
