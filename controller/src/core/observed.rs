//! What is told of switches, ports and gateways.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{Port as WirePort, PortConfig, PortState};
use buoy_topology::{Bridge, EntityId, MacAddr, Name, PortName};
use serde_json::json;

use super::Core;
use crate::events::{Bursts, Kind};
use crate::switch::{CloseReason, ConnectionId};

/// What was told of things that go on and on.
#[derive(Debug)]
pub(super) struct Observed {
    /// Flows that were put back, by bridge.
    drift: Bursts<PortName>,
    /// What was last seen of gateways.
    gateways: BTreeMap<EntityId, Gateway>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Gateway {
    address: std::net::Ipv4Addr,
    state: String,
    mac: Option<MacAddr>,
}

impl Default for Observed {
    fn default() -> Self {
        Self { drift: Bursts::new(DRIFT_PAUSE), gateways: BTreeMap::new() }
    }
}

impl Core {
    /// A switch is ready to be told what it should have.
    pub(super) fn tell_connected(&mut self, bridge: &Bridge, address: &str) {
        let detail = json!({
            "datapath_id": bridge.datapath_id.to_string(), "host": bridge.host, "address": address,
            "dialect": bridge.dialect.to_string(), "ports": bridge.ports.len(),
        });
        self.tell(Kind::SwitchConnected, bridge.name.as_str(), detail);
    }

    /// A switch is connected no more.
    pub(super) fn tell_disconnected(&mut self, bridge: &Bridge, reason: &CloseReason) {
        let detail = json!({
            "datapath_id": bridge.datapath_id.to_string(), "host": bridge.host, "reason": reason.to_string(),
        });
        self.tell(Kind::SwitchDisconnected, bridge.name.as_str(), detail);
    }

    /// A switch has everything; told once for each connection.
    pub(super) fn tell_in_sync(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        if std::mem::replace(&mut switch.has_had_everything, true) {
            return;
        }
        let detail = json!({"generation": switch.generation, "flows": switch.table.installed()});
        let name = switch.name().to_owned();
        self.tell(Kind::SwitchApplied, name, detail);
    }

    /// A port came or went, or its carrier did: `is_there` after that. Tells whether it can be used, where that is new.
    pub(super) fn observe_port(&mut self, id: ConnectionId, name: &PortName, port: &WirePort, is_there: bool) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let was_up = if is_there { switch.links.insert(name.clone(), is_up(port)) } else { switch.links.remove(name) };
        let is_now_up = is_there && is_up(port);
        if was_up.unwrap_or(false) == is_now_up {
            return;
        }
        let reason = match (was_up.is_some(), is_there) {
            (false, _) => "added",
            (true, true) => "link",
            (true, false) => "removed",
        };
        let bridge = switch.name().to_owned();
        let kind = if is_now_up { Kind::PortUp } else { Kind::PortDown };
        let detail = json!({"bridge": bridge, "ofport": port.number, "mac": port.hw_addr, "reason": reason});
        self.tell(kind, name.as_str(), detail);
    }

    /// Flows of ours that others changed were put back.
    pub(super) fn tell_drift(&mut self, bridge: &PortName, flows: u64, now: Instant) {
        if self.observed.drift.heard(bridge.clone(), flows, now) {
            self.tell(Kind::DriftRepaired, bridge.as_str(), json!({"flows": flows}));
        }
    }

    /// Tells what follows from the clock: how often what was told went on, and what became of gateways.
    pub(super) fn tell_at_tick(&mut self, now: Instant) {
        if self.is_safe_mode() {
            return;
        }
        for (bridge, flows) in self.observed.drift.over(now) {
            self.tell(Kind::DriftRepaired, bridge.as_str(), json!({"flows": flows}));
        }
        self.tell_alarms(now);
        self.tell_claims(now);
        self.tell_gateways(now);
        self.record(now);
    }

    fn tell_gateways(&mut self, now: Instant) {
        let providers = self.site.providers().filter_map(|provider| {
            let (state, mac) = self.gateway_state(provider, now)?;
            let gateway = Gateway { address: provider.gateway?, state: state.to_owned(), mac };
            Some((provider.id, provider.name.clone(), gateway))
        });
        let seen: Vec<(EntityId, Name, Gateway)> = providers.collect();
        self.observed.gateways.retain(|id, _| seen.iter().any(|(own, ..)| own == id));
        for (id, name, gateway) in seen {
            let before = self.observed.gateways.insert(id, gateway.clone());
            let Some(before) = before.filter(|before| *before != gateway) else { continue };
            let detail = json!({
                "address": gateway.address, "state": gateway.state, "mac": gateway.mac,
                "previous_state": before.state, "previous_mac": before.mac,
            });
            self.tell(Kind::GatewayChanged, name.as_str(), detail);
        }
    }
}

/// Whether a port can be used: it has a carrier and is not shut.
pub(super) fn is_up(port: &WirePort) -> bool {
    !port.state.contains(PortState::LINK_DOWN) && !port.config.contains(PortConfig::PORT_DOWN)
}

/// How long a bridge's drift is summed up after it was told.
const DRIFT_PAUSE: Duration = Duration::from_secs(10);
