//! What clients read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::pipeline::{Entity, Role};
use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{FloatingIpState, Instance, MacPolicy, Name, NeighbourKey, Network, Pool, PortName, Provider};
use serde::Serialize;
use serde_json::Value;

use super::Core;
use super::plan::Subject;
use super::resolver::State;
use super::switches::Switch;
use crate::api::views::{
    FloatingIpView, InstanceView, InterfaceView, NetworkView, Outcome, PoolView, ProviderView, StatusView, SwitchView,
};
use crate::api::{ApiError, ErrorKind, FipList, Request};
use crate::rpc::Ask;

impl Core {
    /// Answers a request that changes nothing.
    pub(super) fn answer_read(&mut self, ask: Ask) {
        let switches: BTreeSet<_> = match &ask.call.request {
            Request::DropsShow => self.connected().map(|(id, _)| id).collect(),
            Request::SwitchFlows(by) => {
                self.connected().filter(|(_, switch)| is_named(switch, &by.bridge)).map(|(id, _)| id).collect()
            }
            _ => {
                let answer = self.read(&ask.call.request);
                // Who hung up needs no answer.
                let _ = ask.reply.send(answer);
                return;
            }
        };
        match &ask.call.request {
            Request::SwitchFlows(by) if switches.is_empty() => {
                let _ = ask.reply.send(Err(no_switch(&by.bridge)));
            }
            _ => self.inquire(ask, switches),
        }
    }

    fn read(&self, request: &Request) -> Result<Value, ApiError> {
        if self.is_safe_mode() && !matches!(request, Request::StatusShow | Request::SwitchList | Request::SwitchShow(_))
        {
            let problem = self.problem.clone().unwrap_or_default();
            return Err(ApiError {
                kind: ErrorKind::Storage,
                message: format!("the daemon is in safe mode: {problem}"),
            });
        }
        let unknown = |noun, name: &Name| OpError::Unknown { noun, name: name.clone() };
        match request {
            Request::ProviderList => json(self.site.providers().map(|own| self.provider_view(own)).collect::<Vec<_>>()),
            Request::ProviderShow(by) => {
                json(self.provider_view(self.site.provider(&by.name).ok_or(unknown(Noun::Provider, &by.name))?))
            }
            Request::PoolList => json(self.site.pools().map(|own| self.pool_view(own)).collect::<Vec<_>>()),
            Request::PoolShow(by) => {
                json(self.pool_view(self.site.pool(&by.name).ok_or(unknown(Noun::Pool, &by.name))?))
            }
            Request::NetworkList => json(self.site.networks().map(|own| network_view(own)).collect::<Vec<_>>()),
            Request::NetworkShow(by) => {
                json(network_view(self.site.network(&by.name).ok_or(unknown(Noun::Network, &by.name))?))
            }
            Request::InstanceList => json(self.site.instances().map(|own| self.instance_view(own)).collect::<Vec<_>>()),
            Request::InstanceShow(by) => {
                json(self.instance_view(self.site.instance(&by.name).ok_or(unknown(Noun::Instance, &by.name))?))
            }
            Request::FipList(filter) => json(self.floating_ip_views(filter)?),
            Request::FipShow(by) => json(self.floating_ip_view(by.address)?),
            Request::SwitchList => json(self.switch_views()),
            Request::SwitchShow(by) => {
                let named = self.switch_views().into_iter().find(|own| own.bridge.as_ref() == Some(&by.bridge));
                json(named.ok_or(no_switch(&by.bridge))?)
            }
            Request::StatusShow => json(self.status_view()),
            _ => Err(ApiError { kind: ErrorKind::Invalid, message: "this method changes something".to_owned() }),
        }
    }

    /// The answer to a change.
    pub(super) fn outcome(
        &self,
        subject: &Subject,
        pending: &[PortName],
        notices: Vec<String>,
    ) -> Result<Value, ApiError> {
        fn wrap<T: Serialize>(view: T, pending: &[PortName], notices: Vec<String>) -> Result<Value, ApiError> {
            json(Outcome { view, applied: pending.is_empty(), pending: pending.to_vec(), notices })
        }
        let gone = |name: &Name| ApiError {
            kind: ErrorKind::NotFound,
            message: format!("{name} was removed by a later request"),
        };
        match subject {
            Subject::Provider(name) => {
                wrap(self.provider_view(self.site.provider(name).ok_or_else(|| gone(name))?), pending, notices)
            }
            Subject::Pool(name) => {
                wrap(self.pool_view(self.site.pool(name).ok_or_else(|| gone(name))?), pending, notices)
            }
            Subject::Network(name) => {
                wrap(network_view(self.site.network(name).ok_or_else(|| gone(name))?), pending, notices)
            }
            Subject::Instance(name) => {
                wrap(self.instance_view(self.site.instance(name).ok_or_else(|| gone(name))?), pending, notices)
            }
            Subject::FloatingIp(address) => {
                let mut view = self.floating_ip_view(*address)?;
                view.pending = pending.to_vec();
                view.applied = pending.is_empty() && view.error.is_none();
                json(view)
            }
            Subject::Removed(_) => {
                json(serde_json::json!({"applied": pending.is_empty(), "pending": pending, "notices": notices}))
            }
        }
    }

    fn provider_view(&self, provider: &Provider) -> ProviderView {
        let key = provider.gateway.map(|address| NeighbourKey { provider: provider.id, address });
        let learnt = key.and_then(|key| self.learnt.mac(key));
        let watched = key.and_then(|key| self.resolver.state(key, Instant::now()));
        let state = match (provider.gateway_mac, watched) {
            (Some(_), _) => Some("static"),
            (None, Some((State::Resolved, _))) => Some("resolved"),
            (None, Some((State::Failed, _))) => Some("failed"),
            (None, _) => provider.gateway.map(|_| "probing"),
        };
        ProviderView {
            name: provider.name.clone(),
            bridge: provider.bridge.clone(),
            uplink: provider.uplink.clone(),
            patch: provider.patch.clone(),
            gateway: provider.gateway,
            gateway_mac: provider.gateway_mac.or(learnt),
            gateway_state: state.map(str::to_owned),
            gateway_age_s: watched.and_then(|(_, age)| age).map(|age| age.as_secs()),
            arp_requests_sent: self.resolver.sent(provider.id),
            mac_policy: provider.mac_policy.word().to_owned(),
            router_mac: if let MacPolicy::Router(mac) = provider.mac_policy { Some(mac) } else { None },
            host_ips: provider.host_ips.clone(),
            onlink: provider.onlink.clone(),
            vlan: None,
            garp: provider.garp,
        }
    }

    fn pool_view(&self, pool: &Pool) -> PoolView {
        let spans = pool.addresses.spans();
        let records = || spans.iter().flat_map(|span| self.site.floating_ips_in(*span));
        let count = |state| records().filter(|fip| fip.state() == state).count() as u64;
        let (allocated, associated) = (count(FloatingIpState::Allocated), count(FloatingIpState::Associated));
        let reserved = self.site.kept_of(pool).count() as u64;
        let size = pool.addresses.size();
        PoolView {
            name: pool.name.clone(),
            provider: pool.provider.clone(),
            ranges: spans.iter().map(ToString::to_string).collect(),
            default: pool.default,
            size,
            free: size.saturating_sub(allocated + associated + reserved),
            allocated,
            associated,
            reserved,
        }
    }

    fn instance_view(&self, instance: &Instance) -> InstanceView {
        let port = |name: &PortName| {
            let mut bridges = self.switches.values().filter_map(|switch| switch.bridge.as_ref());
            bridges.find(|bridge| bridge.name == instance.bridge).and_then(|bridge| bridge.port(name))
        };
        let interfaces = instance.interfaces.iter().map(|own| InterfaceView {
            network: own.network.clone(),
            port: own.port.clone(),
            vlan: own.vlan,
            mac: own.mac,
            ip: own.ip,
            ofport: port(&own.port).map(|port| port.number.0),
            floating_ip: self.site.floating_ip_of(&instance.name, own.ip).map(|fip| fip.address),
        });
        InstanceView {
            name: instance.name.clone(),
            project: instance.project.clone(),
            bridge: instance.bridge.clone(),
            interfaces: interfaces.collect(),
        }
    }

    fn floating_ip_views(&self, filter: &FipList) -> Result<Vec<FloatingIpView>, ApiError> {
        if let Some(name) = filter.pool.as_ref().filter(|name| self.site.pool(name).is_none()) {
            return Err(OpError::Unknown { noun: Noun::Pool, name: name.clone() }.into());
        }
        let mut views = Vec::new();
        let pools = self.site.pools().filter(|pool| filter.pool.as_ref().is_none_or(|name| pool.name == *name));
        for pool in pools {
            for span in pool.addresses.spans() {
                if filter.state == Some(FloatingIpState::Available) {
                    let all = (span.first.to_bits()..=span.last.to_bits()).map(Ipv4Addr::from_bits);
                    let free = |address: &Ipv4Addr| {
                        let known = self.site.floating_ip(*address);
                        known.is_none_or(|fip| fip.project.is_none()) && !self.site.is_kept(pool, *address)
                    };
                    views.extend(all.filter(free).take(MOST_LISTED).filter_map(|own| self.floating_ip_view(own).ok()));
                    continue;
                }
                let records = self.site.floating_ips_in(*span).filter(|fip| fip.project.is_some());
                let wanted = records.filter(|fip| filter.state.is_none_or(|state| fip.state() == state));
                views.extend(wanted.filter_map(|fip| self.floating_ip_view(fip.address).ok()));
            }
        }
        views.retain(|view| filter.project.is_none() || view.project == filter.project);
        Ok(views)
    }

    fn floating_ip_view(&self, address: Ipv4Addr) -> Result<FloatingIpView, ApiError> {
        let pool = self.site.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        let fip = self.site.floating_ip(address);
        let binding = self.site.binding(address);
        let entity = Entity::Association(address);
        let refused = self.switches.values().find_map(|switch| switch.table.refusal(&entity));
        let pending = self.pending(&self.scope_of(address));
        Ok(FloatingIpView {
            address,
            pool: pool.name.clone(),
            provider: pool.provider.clone(),
            project: fip.and_then(|fip| fip.project.clone()),
            state: fip.map_or(FloatingIpState::Available, |fip| fip.state()),
            instance: binding.map(|binding| binding.instance.name.clone()),
            network: binding.map(|binding| binding.network.name.clone()),
            fixed_ip: binding.map(|binding| binding.interface.ip),
            mac: fip.and_then(|fip| self.mac_of(pool, fip)),
            applied: pending.is_empty() && refused.is_none(),
            pending,
            error: refused.map(str::to_owned),
        })
    }

    fn mac_of(&self, pool: &Pool, fip: &buoy_topology::FloatingIp) -> Option<buoy_topology::MacAddr> {
        let provider = self.site.provider(&pool.provider)?;
        match provider.mac_policy {
            MacPolicy::Vmac => fip.mac,
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Host => {
                let mut bridges = self.switches.values().filter_map(|switch| switch.bridge.as_ref());
                bridges.find(|own| own.name == provider.bridge)?.port(&provider.uplink).map(|port| port.mac)
            }
        }
    }

    fn switch_views(&self) -> Vec<SwitchView> {
        let connected = self.switches.values().map(|switch| self.switch_view(switch));
        let gone = self.gone.iter().map(|(datapath_id, gone)| SwitchView {
            datapath_id: Some(datapath_id.to_string()),
            bridge: Some(gone.bridge.clone()),
            role: role_word(gone.role),
            host: gone.host.to_string(),
            address: gone.address.clone(),
            connected: false,
            flows: None,
            foreign_flows: None,
            generation: None,
            applied: false,
            error: Some(gone.reason.clone()),
        });
        let mut views: Vec<_> = connected.chain(gone).collect();
        views.sort_by(|a, b| (&a.host, &a.bridge).cmp(&(&b.host, &b.bridge)));
        views
    }

    fn switch_view(&self, switch: &Switch) -> SwitchView {
        let synced = switch.table.is_synced();
        let bridge = switch.bridge.as_ref();
        let uplink = bridge.and_then(|own| {
            let provider = self.site.providers().find(|provider| provider.bridge == own.name)?;
            own.port(&provider.uplink).is_none().then(|| format!("has no port {}", provider.uplink))
        });
        SwitchView {
            datapath_id: bridge.map(|own| own.datapath_id.to_string()),
            bridge: bridge.map(|own| own.name.clone()),
            role: role_word(switch.role),
            host: switch.connection.host.to_string(),
            address: switch.connection.address.clone(),
            connected: true,
            flows: synced.then(|| switch.table.installed() as u64),
            foreign_flows: synced.then(|| switch.table.foreign() as u64),
            generation: synced.then_some(switch.generation.0),
            applied: switch.table.is_clean() && switch.table.any_refusal().is_none(),
            error: uplink.or_else(|| switch.failure.clone()).or_else(|| switch.table.any_refusal().map(str::to_owned)),
        }
    }

    fn status_view(&self) -> StatusView {
        let in_state = |state| self.site.floating_ips().filter(|fip| fip.state() == state).count();
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: if self.is_safe_mode() { "safe" } else { "normal" }.to_owned(),
            problem: self.problem.clone(),
            generation: self.site.generation().0,
            switches: self.connected().count(),
            providers: self.site.providers().count(),
            pools: self.site.pools().count(),
            networks: self.site.networks().count(),
            instances: self.site.instances().count(),
            allocated: in_state(FloatingIpState::Allocated),
            associated: in_state(FloatingIpState::Associated),
        }
    }

    fn connected(&self) -> impl Iterator<Item = (crate::switch::ConnectionId, &Switch)> {
        self.switches.iter().filter(|(_, switch)| switch.bridge.is_some()).map(|(id, switch)| (*id, switch))
    }
}

/// A result as JSON.
pub(super) fn json(view: impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(view).map_err(|error| ApiError { kind: ErrorKind::Storage, message: error.to_string() })
}

fn network_view(network: &Network) -> NetworkView {
    let Network { name, cidr, gateway, gateway_mac, .. } = network.clone();
    NetworkView { name, cidr, gateway, gateway_mac }
}

fn is_named(switch: &Switch, name: &PortName) -> bool {
    switch.bridge.as_ref().is_some_and(|bridge| bridge.name == *name)
}

fn no_switch(bridge: &PortName) -> ApiError {
    let message = format!("no switch is connected as {bridge}: `buoyctl switch list` shows those that are");
    ApiError { kind: ErrorKind::NotFound, message }
}

fn role_word(role: Role) -> Option<String> {
    match role {
        Role::External => Some("external".to_owned()),
        Role::Integration => Some("integration".to_owned()),
        Role::Unconfigured => None,
    }
}

/// Free addresses of one range that are listed.
const MOST_LISTED: usize = 65_536;
