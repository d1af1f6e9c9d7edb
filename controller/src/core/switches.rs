//! What switches report: connections and ports that come and go. What they have is in [`super::installed`].

use std::collections::BTreeMap;
use std::time::Instant;

use buoy_flows::openflow::{ControllerRole, Port as WirePort, PortReason, PortStatus};
use buoy_flows::pipeline::{Role, Touched};
use buoy_topology::{Bridge, Dialect, Generation, Port, PortName, PortNo};
use tracing::info;

use super::Core;
use super::cuts::Cuts;
use super::observed::is_up;
use crate::reconcile::{Batch, FlowTable};
use crate::switch::{CloseReason, Command, Connection, ConnectionId, Event, Ready, Report};

/// One connected switch.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) connection: Connection,
    /// Known once the handshake is over.
    pub(super) bridge: Option<Bridge>,
    pub(super) role: Role,
    pub(super) table: FlowTable,
    pub(super) job: Option<InFlight>,
    /// When that began.
    pub(super) job_since: Instant,
    /// What it acknowledged to have taken away, and the datapath may not have followed yet.
    pub(super) cuts: Cuts,
    /// The generation whose flows it has acknowledged.
    pub(super) generation: Generation,
    /// Why the last bundle failed as a whole.
    pub(super) failure: Option<String>,
    /// How many bundles failed as a whole since the last that did not.
    pub(super) failures: u32,
    /// When it is to be dumped next.
    pub(super) dump_at: Instant,
    /// Whether it tells what others change.
    pub(super) watched: bool,
    /// What this controller is to it.
    pub(super) controller_role: ControllerRole,
    /// Flows of ours that others changed since the last tick.
    pub(super) drifted: u64,
    /// Flows of ours that others changed, and that were put back.
    pub(super) repaired: u64,
    /// Whether each of its ports can be used.
    pub(super) links: BTreeMap<PortName, bool>,
    /// Whether it has had everything since it connected.
    pub(super) has_had_everything: bool,
}

/// What a switch was asked and has not answered yet.
#[derive(Debug)]
pub(super) enum InFlight {
    /// A dump that tells what is installed.
    Dump,
    /// A dump for somebody who asked.
    Inquiry,
    /// A bundle.
    Bundle(Batch),
    /// A bundle that it may check, and not commit yet.
    Prepared(Batch),
}

impl Switch {
    fn new(connection: Connection, now: Instant) -> Self {
        Self {
            connection,
            bridge: None,
            role: Role::Unconfigured,
            table: FlowTable::default(),
            job: None,
            job_since: now,
            cuts: Cuts::default(),
            generation: Generation::default(),
            failure: None,
            failures: 0,
            dump_at: now,
            watched: true,
            controller_role: ControllerRole::Equal,
            drifted: 0,
            repaired: 0,
            links: BTreeMap::new(),
            has_had_everything: false,
        }
    }

    /// Sends a job; the switch has none under way. Tells whether it was taken.
    pub(super) fn begin(&mut self, job: InFlight, command: Command) -> bool {
        let is_taken = self.connection.commands.try_send(command).is_ok();
        if is_taken {
            if let InFlight::Bundle(batch) = &job {
                self.table.sends(batch);
            }
            (self.job, self.job_since) = (Some(job), Instant::now());
        }
        is_taken
    }

    /// Whether all that is wanted is in force.
    pub(super) fn has_everything(&self) -> bool {
        self.table.is_clean() && self.cuts.is_empty()
    }

    /// Its name, for logs.
    pub(super) fn name(&self) -> &str {
        self.bridge.as_ref().map_or("?", |bridge| bridge.name.as_str())
    }
}

impl Core {
    pub(super) fn on_report(&mut self, report: Report, now: Instant) {
        match report {
            Report::Opened(connection) => {
                self.switches.insert(Switch::new(connection, now));
            }
            Report::Closed(id, reason) => self.on_closed(id, &reason),
            Report::Said(id, event) => self.on_event(id, event, now),
        }
    }

    fn on_event(&mut self, id: ConnectionId, event: Event, now: Instant) {
        match event {
            Event::Ready(ready) => self.on_ready(id, ready, now),
            Event::Port(status) => self.on_port(id, status),
            Event::Flows(part) => self.on_flows(id, part),
            Event::DumpDone => self.on_dump_done(id, now),
            Event::Bundle(outcome) => self.on_bundle(id, outcome, now),
            Event::Packets(packets) => packets.into_iter().for_each(|packet| self.on_packet(id, packet, now)),
            Event::Changed(changes) => self.on_changed(id, &changes),
            Event::Unwatched { is_over } => self.on_unwatched(id, is_over, now),
            Event::Role(role) => self.on_role(id, role, now),
            Event::Fenced(end) => self.on_fenced(id, end, now),
        }
    }

    fn on_ready(&mut self, id: ConnectionId, ready: Ready, now: Instant) {
        let Ready { features, ports, dialect, meters, measures } = ready;
        let datapath_id = features.datapath_id;
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let local = ports.iter().find(|port| port.number == PortNo::LOCAL);
        let Some(name) = local.and_then(|port| port.name.parse::<PortName>().ok()) else {
            self.on_closed(id, &CloseReason::Nameless);
            return;
        };
        let link = |port: &WirePort| Some((port.name.parse().ok()?, is_up(port)));
        switch.links = ports.iter().filter_map(link).collect();
        let ports: BTreeMap<_, _> = ports.into_iter().filter_map(named).collect();
        let host = switch.connection.host.clone();
        // What it really has shows when it refuses a flow.
        let tracks = dialect == Dialect::OpenFlow13;
        let bridge = Bridge { datapath_id, host, name, dialect, meters, measures, tracks, ports };
        self.switches.know(id, bridge.clone());
        if let Some(reason) = self.displace(id, &bridge) {
            self.on_closed(id, &reason);
            return;
        }
        self.gone.forget(&bridge);
        let primary = self.primary;
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let (name, ports) = (&bridge.name, bridge.ports.len());
        info!(bridge = %name, %datapath_id, %dialect, address = %switch.connection.address, ports, "switch connected");
        if primary {
            // The queue of a connection that has just begun has room.
            let _ = switch.connection.commands.try_send(Command::ClaimPrimary);
        }
        switch.begin_dump(now);
        let address = switch.connection.address.clone();
        self.tell_connected(&bridge, &address);
        if !self.is_safe_mode() {
            let kept = self.keep_host_addresses(&bridge);
            self.recompile(id, &Touched::Everything);
            self.heard_all_of(&bridge.name);
            if !kept.is_empty() {
                self.roll_out(&Touched::Entities(kept));
            }
            self.watch_neighbours();
        }
    }

    /// Closes the older connection of a bridge that connected anew. Where another bridge has the datapath id, the newer
    /// one has to go: returns why.
    fn displace(&mut self, id: ConnectionId, bridge: &Bridge) -> Option<CloseReason> {
        let is_older = |(switch, other): &(&Switch, &Bridge)| switch.connection.id != id && other.host == bridge.host;
        let older = self.switches.named(&bridge.name).find(is_older).map(|(switch, _)| switch.connection.id);
        if let Some(older) = older {
            self.on_closed(older, &CloseReason::Replaced);
            return None;
        }
        let others = self.switches.iter().filter(|(other, _)| **other != id);
        let mut others = others.filter_map(|(_, switch)| switch.bridge.as_ref());
        let other = others.find(|other| other.datapath_id == bridge.datapath_id)?;
        Some(CloseReason::SameDatapath {
            datapath_id: bridge.datapath_id.to_string(),
            bridge: other.name.to_string(),
            host: other.host.to_string(),
        })
    }

    fn on_port(&mut self, id: ConnectionId, status: PortStatus) {
        let Some(bridge) = self.switches.get_mut(&id).and_then(|switch| switch.bridge.as_mut()) else { return };
        let gone = status.reason == PortReason::Delete;
        let Some((name, port)) = named(status.port.clone()) else { return };
        let before = bridge.ports.get(&name).copied();
        if gone {
            // A port that changes its number may come back before it goes.
            if before.is_some_and(|before| before.number == port.number) {
                bridge.ports.remove(&name);
            }
        } else if bridge.ports.len() < MOST_PORTS || before.is_some() {
            bridge.ports.insert(name.clone(), port);
        }
        let after = bridge.ports.get(&name).copied();
        let bridge_name = bridge.name.clone();
        self.observe_port(id, &name, &status.port, after.is_some());
        if before == after {
            return;
        }
        info!(bridge = %bridge_name, port = %name, ofport = %port.number, gone, "port changed");
        if !self.is_safe_mode() {
            let touched = self.touched_by_port(&bridge_name, &name);
            self.recompile(id, &touched);
            self.heard_all_of(&bridge_name);
            self.push_host_of(id);
        }
    }

    fn on_closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        let Some(switch) = self.switches.remove(id) else { return };
        self.abandon_inquiries(id);
        match &switch.bridge {
            Some(bridge) => info!(bridge = %bridge.name, %reason, "switch disconnected"),
            None => info!(address = %switch.connection.address, %reason, "a connection ended before its handshake"),
        }
        self.gone.add(&switch, reason);
        if let Some(bridge) = &switch.bridge {
            self.heard_all_of(&bridge.name);
            self.tell_disconnected(bridge, reason);
        }
        self.fencer_left(id, &switch.connection.host, Instant::now());
        self.push_host(&switch.connection.host);
    }

    /// In safe mode an empty bridge gets the form that does not cut its host off; any other is left as it is.
    pub(super) fn protect_host(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get(&id) else { return };
        if switch.table.installed() == 0 && switch.table.foreign() == 0 {
            self.recompile(id, &Touched::Everything);
        }
    }
}

fn named(port: WirePort) -> Option<(PortName, Port)> {
    Some((port.name.parse().ok()?, Port { number: port.number, mac: port.hw_addr }))
}

/// OpenFlow has no more port numbers than these for OVS (OFPP_MAX in 16 bits).
const MOST_PORTS: usize = 0xff00;
