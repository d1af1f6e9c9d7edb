//! What switches report: connections that come and go, ports, dumps, bundles.

use std::collections::BTreeMap;
use std::time::Instant;

use buoy_flows::openflow::{Features, FlowStats, Port as WirePort, PortReason, PortStatus};
use buoy_flows::pipeline::{Role, Touched};
use buoy_topology::{Bridge, Generation, HostName, Port, PortName};
use tracing::{info, warn};

use super::Core;
use crate::reconcile::{Batch, FlowTable};
use crate::switch::{BundleOutcome, CloseReason, Command, Connection, ConnectionId, Event, Report};

/// One connected switch.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) connection: Connection,
    /// Known once the handshake is over.
    pub(super) bridge: Option<Bridge>,
    pub(super) role: Role,
    pub(super) table: FlowTable,
    pub(super) job: Option<InFlight>,
    /// The generation whose flows it has acknowledged.
    pub(super) generation: Generation,
    /// Why the last bundle failed as a whole.
    pub(super) failure: Option<String>,
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
}

/// A switch that is not connected any more.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) bridge: PortName,
    pub(super) host: HostName,
    pub(super) address: String,
    pub(super) role: Role,
    pub(super) reason: String,
}

impl Switch {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            bridge: None,
            role: Role::Unconfigured,
            table: FlowTable::default(),
            job: None,
            generation: Generation::default(),
            failure: None,
        }
    }

    /// Sends a job; the switch has none under way.
    pub(super) fn begin(&mut self, job: InFlight, command: Command) {
        if self.connection.commands.try_send(command).is_ok() {
            self.job = Some(job);
        }
    }
}

impl Core {
    pub(super) fn on_report(&mut self, report: Report, now: Instant) {
        match report {
            Report::Opened(connection) => {
                self.switches.insert(connection.id, Switch::new(connection));
            }
            Report::Closed(id, reason) => self.on_closed(id, &reason),
            Report::Said(id, event) => self.on_event(id, event, now),
        }
    }

    fn on_event(&mut self, id: ConnectionId, event: Event, now: Instant) {
        match event {
            Event::Ready(features, ports) => self.on_ready(id, &features, ports),
            Event::Port(status) => self.on_port(id, status),
            Event::Flows(part) => self.on_flows(id, part),
            Event::DumpDone => self.on_dump_done(id, now),
            Event::Bundle(outcome) => self.on_bundle(id, outcome),
            Event::Packet(packet) => self.on_packet(id, &packet, now),
        }
    }

    fn on_ready(&mut self, id: ConnectionId, features: &Features, ports: Vec<WirePort>) {
        let datapath_id = features.datapath_id;
        let older = self.switches.iter().find(|(other, switch)| {
            **other != id && switch.bridge.as_ref().is_some_and(|bridge| bridge.datapath_id == datapath_id)
        });
        if let Some(older) = older.map(|(older, _)| *older) {
            self.on_closed(older, &CloseReason::Replaced);
        }
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let local = ports.iter().find(|port| port.number == buoy_topology::PortNo::LOCAL);
        let Some(name) = local.and_then(|port| port.name.parse::<PortName>().ok()) else {
            warn!(%datapath_id, address = %switch.connection.address, "a switch has no LOCAL port that names it");
            self.switches.remove(&id);
            return;
        };
        let ports: BTreeMap<_, _> = ports.into_iter().filter_map(named).collect();
        info!(bridge = %name, %datapath_id, address = %switch.connection.address, ports = ports.len(), "switch connected");
        self.gone.remove(&datapath_id);
        switch.bridge = Some(Bridge { datapath_id, host: switch.connection.host.clone(), name, ports });
        switch.table.begin_dump();
        switch.begin(InFlight::Dump, Command::Dump);
        if !self.is_safe_mode() {
            self.recompile(id, &Touched::Everything);
            self.watch_neighbours();
        }
    }

    fn on_port(&mut self, id: ConnectionId, status: PortStatus) {
        let Some(bridge) = self.switches.get_mut(&id).and_then(|switch| switch.bridge.as_mut()) else { return };
        let gone = status.reason == PortReason::Delete;
        let Some((name, port)) = named(status.port) else { return };
        let before = bridge.ports.get(&name).copied();
        if gone {
            bridge.ports.remove(&name);
        } else {
            bridge.ports.insert(name.clone(), port);
        }
        if before == (!gone).then_some(port) {
            return;
        }
        info!(bridge = %bridge.name, port = %name, ofport = %port.number, gone, "port changed");
        let bridge_name = bridge.name.clone();
        if !self.is_safe_mode() {
            let touched = self.touched_by_port(&bridge_name, &name);
            self.recompile(id, &touched);
            self.push_all();
        }
    }

    fn on_flows(&mut self, id: ConnectionId, part: Vec<FlowStats>) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        match switch.job {
            Some(InFlight::Dump) => part.iter().for_each(|stats| switch.table.reported(stats)),
            Some(InFlight::Inquiry) => self.on_inquiry_part(id, part),
            _ => {}
        }
    }

    fn on_dump_done(&mut self, id: ConnectionId, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        match switch.job.take() {
            Some(InFlight::Dump) => {
                switch.table.end_dump();
                if self.problem.is_some() {
                    self.protect_host(id);
                }
            }
            Some(InFlight::Inquiry) => self.on_inquiry_done(id),
            job => switch.job = job,
        }
        self.ask_neighbours(now);
        self.push_all();
    }

    fn on_bundle(&mut self, id: ConnectionId, outcome: BundleOutcome) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let Some(InFlight::Bundle(batch)) = switch.job.take() else { return };
        let bridge = switch.bridge.as_ref().map(|bridge| bridge.name.clone());
        switch.failure = None;
        match outcome {
            BundleOutcome::Applied => switch.table.applied(batch),
            BundleOutcome::Refused(refusals) => {
                for refusal in refusals {
                    warn!(?bridge, flow = %batch.describe(refusal.index), error = %refusal.error, "a switch refused a flow");
                    switch.table.refused(&batch, refusal.index, &refusal.error);
                }
            }
            // What is in force is not known: ask.
            BundleOutcome::Failed(error) => {
                warn!(?bridge, %error, "a switch refused a bundle");
                switch.failure = Some(error);
                switch.table.begin_dump();
                switch.begin(InFlight::Dump, Command::Dump);
            }
        }
        self.push_all();
    }

    fn on_closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        let Some(switch) = self.switches.remove(&id) else { return };
        self.abandon_inquiries(id);
        let Some(bridge) = switch.bridge else {
            info!(address = %switch.connection.address, %reason, "a connection ended before its handshake");
            return;
        };
        info!(bridge = %bridge.name, %reason, "switch disconnected");
        let Bridge { datapath_id, host, name, .. } = bridge;
        let address = switch.connection.address;
        self.gone
            .insert(datapath_id, Gone { bridge: name, host, address, role: switch.role, reason: reason.to_string() });
        while self.gone.len() > MOST_GONE {
            self.gone.pop_first();
        }
        self.push_all();
    }

    /// In safe mode an empty bridge gets the form that does not cut its host off; any other is left as it is.
    fn protect_host(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get(&id) else { return };
        if switch.table.installed() == 0 && switch.table.foreign() == 0 {
            self.recompile(id, &Touched::Everything);
        }
    }
}

fn named(port: WirePort) -> Option<(PortName, Port)> {
    Some((port.name.parse().ok()?, Port { number: port.number, mac: port.hw_addr }))
}

/// Switches that are remembered after they went, for `switch list`.
const MOST_GONE: usize = 1024;
