//! What clients read.

use std::collections::BTreeSet;
use std::time::Instant;

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::Role;
use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{
    FloatingIpState, Instance, MacAddr, MacPolicy, Name, NeighbourKey, Network, Pool, Port, PortName, Provider,
};
use serde::Serialize;
use serde_json::Value;

use super::Core;
use super::legacy::limits;
use super::resolver::State;
use super::snat::explained;
use super::switches::Switch;
use crate::api::views::{InstanceView, InterfaceView, NetworkView, PoolView, ProviderView, StatusView, SwitchView};
use crate::api::{ApiError, Call, ErrorKind, Request, discover};
use crate::rpc::{Answer, Ask};

impl Core {
    /// Answers a request that changes nothing.
    pub(super) fn answer_read(&mut self, ask: Ask) {
        if let Err(refusal) = self.admit(&ask.call) {
            // Who hung up needs no answer.
            let _ = ask.reply.send(Err(self.taught(&ask.call, refusal)));
            return;
        }
        let switches: BTreeSet<_> = match &ask.call.request {
            Request::BackupCreate => return self.back_up(ask),
            Request::DropsShow | Request::MetricsShow => self.connected().map(|(id, _)| id).collect(),
            Request::TraceShow(params) if params.installed && !self.is_safe_mode() => {
                self.connected().map(|(id, _)| id).collect()
            }
            Request::TraceShow(_) if !self.is_safe_mode() => return self.trace(ask, None),
            Request::SwitchFlows(by) => {
                self.connected().filter(|(_, switch)| is_named(switch, &by.bridge)).map(|(id, _)| id).collect()
            }
            _ => {
                let answer = self.read(&ask.call).map_err(|error| self.taught(&ask.call, error));
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

    fn read(&self, call: &Call) -> Result<Answer, ApiError> {
        let (request, caller) = (&call.request, call.project.as_ref());
        let is_served = matches!(
            request,
            Request::StatusShow | Request::SwitchList | Request::SwitchShow(_) | Request::RpcDiscover
        );
        if self.is_safe_mode() && !is_served {
            let problem = self.problem.clone().unwrap_or_default();
            return Err(ApiError::new(ErrorKind::Storage, format!("the daemon is in safe mode: {problem}")));
        }
        let unknown = |noun, name: &Name| OpError::Unknown { noun, name: name.clone() };
        match request {
            Request::ProviderList => text(self.site.providers().map(|own| self.provider_view(own)).collect::<Vec<_>>()),
            Request::ProviderShow(by) => {
                text(self.provider_view(self.site.provider(&by.name).ok_or(unknown(Noun::Provider, &by.name))?))
            }
            Request::PoolList => text(self.site.pools().map(|own| self.pool_view(own)).collect::<Vec<_>>()),
            Request::PoolShow(by) => {
                text(self.pool_view(self.site.pool(&by.name).ok_or(unknown(Noun::Pool, &by.name))?))
            }
            Request::NetworkList => {
                let seen = self.site.networks().filter(|own| Self::sees(caller, own.project.as_ref()));
                text(seen.map(|own| network_view(own)).collect::<Vec<_>>())
            }
            Request::NetworkShow(by) => {
                text(network_view(self.site.network(&by.name).ok_or(unknown(Noun::Network, &by.name))?))
            }
            Request::InstanceList(filter) => {
                let seen = self.site.instances().filter(|own| Self::sees(caller, Some(&own.project)));
                let wanted = seen.filter(|own| filter.label.iter().all(|label| own.labels.has(label)));
                text(wanted.map(|own| self.instance_view(own)).collect::<Vec<_>>())
            }
            Request::InstanceShow(by) => {
                text(self.instance_view(self.site.instance(&by.name).ok_or(unknown(Noun::Instance, &by.name))?))
            }
            Request::DirectList => text(self.direct_views()),
            Request::DirectShow(by) => text(self.direct_view(self.known_direct(&by.name)?)),
            Request::FipList(filter) => text(self.floating_ip_views(filter)?),
            Request::FipShow(by) => text(self.floating_ip_view(by.address.0)?.told_to(caller)),
            Request::ProjectList => text(self.project_views(caller)),
            Request::ProjectShow(by) => text(self.known_project(&by.name)?),
            Request::SwitchList => text(self.switch_views()),
            Request::SwitchShow(by) => text(self.one_switch_view(&by.bridge)?),
            Request::SiteExport(_) => Ok(Answer::Site(self.site_export())),
            Request::StatusShow => text(self.status_view()),
            Request::RpcDiscover => Ok(Answer::Value(discover::document())),
            _ => Err(ApiError::new(ErrorKind::Invalid, "this method changes something")),
        }
    }

    pub(super) fn provider_view(&self, provider: &Provider) -> ProviderView {
        let now = Instant::now();
        let key = provider.gateway.map(|address| NeighbourKey { provider: provider.id, address });
        let watched = key.and_then(|key| self.resolver.state(key, now));
        let (state, mac) = self.gateway_state(provider, now).unzip();
        let counts = self.alarms.counts(provider.id);
        ProviderView {
            name: provider.name.clone(),
            bridge: provider.bridge.clone(),
            uplink: provider.uplink.clone(),
            patch: provider.patch.clone(),
            gateway: provider.gateway,
            gateway_mac: provider.gateway_mac.or(mac.flatten()),
            gateway_state: state.map(str::to_owned),
            gateway_age_s: watched.and_then(|(_, age)| age).map(|age| age.as_secs()),
            arp_requests_sent: self.resolver.sent(provider.id),
            mac_policy: provider.mac_policy.word().to_owned(),
            router_mac: if let MacPolicy::Router(mac) = provider.mac_policy { Some(mac) } else { None },
            host_ips: provider.host_ips.clone(),
            onlink: provider.onlink.clone(),
            no_snat: provider.no_snat.clone(),
            mtu: provider.mtu,
            vlan: provider.vlan,
            garp: provider.garp,
            garp_count: provider.garp_timing.count,
            garp_interval_ms: provider.garp_timing.interval_ms,
            hook: provider.hook.clone(),
            snat: provider.snat,
            guard_alarms: counts.refused(),
            conflicts: counts.claims,
        }
    }

    /// What is known of a provider's gateway, where it has one: how, and its MAC.
    pub(super) fn gateway_state(&self, provider: &Provider, now: Instant) -> Option<(&'static str, Option<MacAddr>)> {
        let key = NeighbourKey { provider: provider.id, address: provider.gateway? };
        let state = match (provider.gateway_mac, self.resolver.state(key, now)) {
            (Some(_), _) => "static",
            (None, Some((State::Resolved, _))) => "resolved",
            (None, Some((State::Failed, _))) => "failed",
            (None, _) => "probing",
        };
        Some((state, provider.gateway_mac.or_else(|| self.learnt.mac(key))))
    }

    pub(super) fn pool_view(&self, pool: &Pool) -> PoolView {
        let spans = pool.addresses.spans();
        let records = || spans.iter().flat_map(|span| self.site.floating_ips_in(*span));
        let count = |state| records().filter(|fip| fip.state() == state).count() as u64;
        let (allocated, associated) = (count(FloatingIpState::Allocated), count(FloatingIpState::Associated));
        let kept = self.site.kept_of(pool).filter(|own| !pool.reserved.contains(*own)).count() as u64;
        let snat = self.site.shared_of(pool);
        let shared = snat.filter(|own| !pool.reserved.contains(*own)).is_some();
        let reserved = kept.saturating_add(pool.reserved.size()) + u64::from(shared);
        let size = pool.addresses.size();
        PoolView {
            name: pool.name.clone(),
            provider: pool.provider.clone(),
            ranges: spans.iter().map(ToString::to_string).collect(),
            withdrawn: pool.withdrawn.spans().iter().map(ToString::to_string).collect(),
            default: pool.default,
            warn_at: pool.warn_at,
            size,
            free: size.saturating_sub(allocated + associated + reserved),
            allocated,
            associated,
            snat,
            reserved,
            cooling: self.site.cooling_of(pool),
            cool_down_s: pool.cool_down.seconds(),
        }
    }

    pub(super) fn instance_view(&self, instance: &Instance) -> InstanceView {
        let interfaces = instance.interfaces.iter().map(|own| InterfaceView {
            network: own.network.clone(),
            port: own.port.clone(),
            vlan: own.vlan,
            mac: own.mac,
            ip: own.ip,
            ofport: self.port(&instance.bridge, &own.port).map(|port| port.number.0),
            floating_ip: self.site.floating_ip_of(&instance.name, own.ip).map(|fip| fip.address),
        });
        InstanceView {
            name: instance.name.clone(),
            project: instance.project.clone(),
            bridge: instance.bridge.clone(),
            interfaces: interfaces.collect(),
            labels: instance.labels.clone(),
            note: instance.note.clone(),
        }
    }

    /// A port as its switch reports it now.
    pub(super) fn port(&self, bridge: &PortName, port: &PortName) -> Option<Port> {
        self.switches.bridge(bridge)?.port(port)
    }

    pub(super) fn switch_views(&self) -> Vec<SwitchView> {
        let connected = self.switches.values().map(|switch| self.switch_view(switch));
        let gone = self.gone.iter().map(|gone| SwitchView {
            datapath_id: gone.datapath_id.map(|own| own.to_string()),
            bridge: gone.bridge.clone(),
            role: gone.role.and_then(role_word),
            host: gone.host.to_string(),
            address: gone.address.clone(),
            connected: false,
            controller_role: None,
            flows: None,
            foreign_flows: None,
            dialect: None,
            limits: Vec::new(),
            repaired_flows: None,
            generation: None,
            applied: false,
            error: Some(gone.reason.clone()),
            fence: None,
            warnings: None,
        });
        let mut views: Vec<_> = connected.chain(gone).collect();
        views.sort_by(|a, b| (&a.host, &a.bridge).cmp(&(&b.host, &b.bridge)));
        views
    }

    /// One switch, with the warnings that take a look at every flow.
    fn one_switch_view(&self, bridge: &PortName) -> Result<SwitchView, ApiError> {
        let named = self.switch_views().into_iter().find(|own| own.bridge.as_ref() == Some(bridge));
        let mut view = named.ok_or_else(|| no_switch(bridge))?;
        view.warnings = self.switches.named(bridge).next().map(|(switch, _)| switch.table.shadows());
        Ok(view)
    }

    fn switch_view(&self, switch: &Switch) -> SwitchView {
        let synced = switch.table.is_synced();
        let bridge = switch.bridge.as_ref();
        let uplink = bridge.and_then(|own| {
            let providers = || self.site.providers_on(&own.name);
            let without = providers().find(|provider| own.port(&provider.uplink).is_none());
            let missing = without.map(|own| format!("has no port {}, the uplink of provider {}", own.uplink, own.name));
            missing.or_else(|| providers().find_map(|provider| self.unserved(provider)))
        });
        let is_secondary = (switch.controller_role == ControllerRole::Secondary).then(|| SECONDARY.to_owned());
        SwitchView {
            datapath_id: bridge.map(|own| own.datapath_id.to_string()),
            bridge: bridge.map(|own| own.name.clone()),
            role: role_word(switch.role),
            host: switch.connection.host.to_string(),
            address: switch.connection.address.clone(),
            connected: true,
            controller_role: bridge.map(|_| controller_word(switch.controller_role).to_owned()),
            flows: synced.then(|| switch.table.installed() as u64),
            foreign_flows: synced.then(|| switch.table.foreign() as u64),
            dialect: bridge.map(|own| own.dialect.to_string()),
            limits: bridge.map(limits).unwrap_or_default(),
            repaired_flows: bridge.map(|_| switch.repaired),
            generation: synced.then_some(switch.generation.0),
            applied: switch.has_everything() && switch.table.any_refusal().is_none(),
            fence: self.fences.word_of(&switch.connection.host).map(str::to_owned),
            warnings: None,
            error: is_secondary
                .or(uplink)
                .or_else(|| switch.failure.clone())
                .or_else(|| switch.table.any_refusal().map(explained)),
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
    serde_json::to_value(view).map_err(|error| ApiError::new(ErrorKind::Storage, error.to_string()))
}

/// A result as the text of it: a list of all that there is takes many times as much memory in any other form.
pub(super) fn text(view: impl Serialize) -> Result<Answer, ApiError> {
    let text = serde_json::to_string(&view).map_err(|error| ApiError::new(ErrorKind::Storage, error.to_string()))?;
    Ok(Answer::Text(text))
}

pub(super) fn network_view(network: &Network) -> NetworkView {
    let Network { name, cidr, gateway, gateway_mac, project, auto_assign, snat, .. } = network.clone();
    NetworkView { name, cidr, gateway, gateway_mac, project, auto_assign, snat }
}

fn is_named(switch: &Switch, name: &PortName) -> bool {
    switch.bridge.as_ref().is_some_and(|bridge| bridge.name == *name)
}

pub(super) fn no_switch(bridge: &PortName) -> ApiError {
    let message = format!("no switch is connected as {bridge}: `buoyctl switch list` shows those that are");
    ApiError::new(ErrorKind::NotFound, message)
}

fn role_word(role: Role) -> Option<String> {
    match role {
        Role::External => Some("external".to_owned()),
        Role::Integration => Some("integration".to_owned()),
        Role::Unconfigured => None,
    }
}

fn controller_word(role: ControllerRole) -> &'static str {
    match role {
        ControllerRole::Primary => "primary",
        ControllerRole::Secondary => "secondary",
        ControllerRole::Equal | ControllerRole::NoChange => "equal",
    }
}

/// What is wrong where another controller has made itself primary.
const SECONDARY: &str = concat!(
    "another controller has made itself primary: nothing is changed until the bridge connects anew ",
    "or buoyd is restarted, which claims the role again"
);
