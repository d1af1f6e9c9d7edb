//! What switches have: dumps, bundles, and what others change in between.
//!
//! A switch is dumped when it connects, when the outcome of a bundle is not known, and now and then to make sure. Between
//! dumps its flow monitor tells what others change; that is put back at the next tick, so that one who insists costs
//! ten bundles a second and no more.

use std::time::{Duration, Instant};

use buoy_flows::openflow::{ControllerRole, FlowChange, FlowStats, FlowStatsRequest, MeterCommand};
use buoy_flows::pipeline::{Meter, Touched};
use tracing::{info, warn};

use super::Core;
use super::snat::is_for_want_of_tracker;
use super::switches::{InFlight, Switch};
use crate::switch::{BundleOutcome, Command, ConnectionId, Refusal};

impl Switch {
    /// Asks for everything that the switch has.
    pub(super) fn begin_dump(&mut self, now: Instant) {
        self.dump_at = now + if self.watched { AUDIT } else { AUDIT_UNWATCHED };
        self.table.begin_dump();
        if self.bridge.as_ref().is_some_and(|bridge| bridge.meters) {
            let meters = Meter::ALL.into_iter();
            // One that is there keeps its counters and gets the rate that it should have.
            for meter in
                meters.flat_map(|own| [MeterCommand::Add, MeterCommand::Modify].map(|how| own.to_meter_mod(how)))
            {
                let _ = self.connection.commands.try_send(Command::Meter(meter));
            }
        }
        if !self.begin(InFlight::Dump, Command::Dump(FlowStatsRequest::default())) {
            self.dump_at = now;
        }
    }

    /// The switch refused a bundle as a whole: what it has is not known. It is asked, but not at once again and again.
    fn back_off(&mut self, error: String, now: Instant) {
        self.table.lose_sync();
        self.failure = Some(error);
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.dump_at = now + pause;
    }
}

impl Core {
    pub(super) fn on_flows(&mut self, id: ConnectionId, part: Vec<FlowStats>) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        match switch.job {
            Some(InFlight::Dump) => part.iter().for_each(|stats| switch.table.reported(stats)),
            Some(InFlight::Inquiry) => self.on_inquiry_part(id, part),
            _ => {}
        }
    }

    pub(super) fn on_dump_done(&mut self, id: ConnectionId, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let bridge = switch.bridge.as_ref().map(|bridge| bridge.name.clone());
        match switch.job.take() {
            Some(InFlight::Dump) => {
                let was_synced = switch.table.is_synced();
                let surprises = switch.table.end_dump();
                if surprises > 0 {
                    warn!(
                        bridge = switch.name(),
                        flows = surprises,
                        "a switch had other flows than it said: they are put right"
                    );
                }
                if self.problem.is_some() {
                    self.protect_host(id);
                }
                self.fence_after_dump(id, was_synced, now);
            }
            Some(InFlight::Inquiry) => self.on_inquiry_done(id),
            job => switch.job = job,
        }
        if let Some(bridge) = bridge {
            self.heard_all_of(&bridge);
        }
        self.ask_neighbours(now);
        self.push_host_of(id);
    }

    pub(super) fn on_bundle(&mut self, id: ConnectionId, outcome: BundleOutcome, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let Some(InFlight::Bundle(batch) | InFlight::Prepared(batch)) = switch.job.take() else { return };
        switch.table.answered();
        if let Some(bridge) = &switch.bridge {
            self.awaited.heard_of(&bridge.name);
        }
        self.bundle_ended(id, now);
        let Some(switch) = self.switches.get_mut(&id) else { return };
        match outcome {
            BundleOutcome::Discarded => {}
            BundleOutcome::Applied => {
                switch.failure = None;
                switch.failures = 0;
                let cuts = switch.table.applied(batch);
                self.cut(id, cuts, now);
            }
            // Somebody took a meter away, and with it the flows that go through it: a dump brings the meters back.
            BundleOutcome::Refused(refusals) if refusals.iter().any(|own| own.error.starts_with(METER_ERROR)) => {
                warn!(bridge = switch.name(), "a switch lacks a meter");
                switch.back_off("lacks a meter that flows go through".to_owned(), now);
            }
            BundleOutcome::Refused(refusals) => {
                let (bridge, count) = (switch.name().to_owned(), refusals.len());
                if let Some(first) = refusals.first() {
                    let flow = batch.describe(first.index);
                    warn!(bridge, %flow, error = %first.error, flows = count, "a switch refused flows: this is the first");
                }
                let lacks_tracker = refusals.iter().any(|own| is_for_want_of_tracker(&own.error));
                for Refusal { index, error } in refusals {
                    if error == TABLE_FULL {
                        switch.table.refused_for_want_of_room(&batch, index, &error);
                    } else {
                        switch.table.refused(&batch, index, &error);
                    }
                }
                // A full table may have room by then.
                switch.dump_at = switch.dump_at.min(now + RETRY_REFUSED);
                if let Some(bridge) = switch.bridge.as_mut().filter(|own| lacks_tracker && own.tracks) {
                    bridge.tracks = false;
                    self.recompile(id, &Touched::Everything);
                }
            }
            BundleOutcome::Failed(error) => {
                warn!(bridge = switch.name(), %error, "a switch refused a bundle");
                switch.back_off(error, now);
            }
        }
        self.push_host_of(id);
    }

    /// Somebody else changed flows. What they undid is put back at the next tick.
    pub(super) fn on_changed(&mut self, id: ConnectionId, changes: &[FlowChange]) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        for change in changes {
            if switch.table.changed(change) {
                if switch.drifted == 0 {
                    let FlowChange { event, table, priority, matching, .. } = change;
                    warn!(bridge = switch.name(), ?event, table = table.0, priority, %matching, "somebody else changed a flow of ours");
                }
                switch.drifted += 1;
            }
        }
    }

    /// The flow monitor does not tell everything.
    pub(super) fn on_unwatched(&mut self, id: ConnectionId, is_over: bool, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        switch.watched = is_over;
        switch.dump_at = if is_over { now } else { switch.dump_at.min(now + AUDIT_UNWATCHED) };
        if !is_over {
            warn!(bridge = switch.name(), "a switch has no flow monitor: changes by others are found by audits");
        }
    }

    pub(super) fn on_role(&mut self, id: ConnectionId, role: ControllerRole, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let was = std::mem::replace(&mut switch.controller_role, role);
        info!(bridge = switch.name(), ?role, "the role of this controller changed");
        if was == ControllerRole::Secondary && role != ControllerRole::Secondary {
            switch.table.lose_sync();
            switch.dump_at = now;
        }
        self.push_host_of(id);
    }

    /// Puts back what others undid, and dumps the switches whose time has come.
    pub(super) fn tend_switches(&mut self, now: Instant) {
        let mut drifted = Vec::new();
        let fencing = self.fences.running();
        for switch in self.switches.values_mut() {
            if switch.drifted > 0 {
                info!(bridge = switch.name(), flows = switch.drifted, "putting back flows of ours");
                let flows = std::mem::take(&mut switch.drifted);
                switch.repaired += flows;
                drifted.extend(switch.bridge.as_ref().map(|bridge| (bridge.name.clone(), flows)));
            }
            if switch.bridge.is_some()
                && switch.job.is_none()
                && switch.dump_at <= now
                && !fencing.contains(&switch.connection.id)
            {
                switch.begin_dump(now);
            }
        }
        if !drifted.is_empty() {
            self.push_all();
        }
        for (bridge, flows) in drifted {
            self.tell_drift(&bridge, flows, now);
        }
    }
}

/// How often a switch is dumped to make sure, where its flow monitor tells what others change.
const AUDIT: Duration = Duration::from_secs(300);
/// The same where it has none.
const AUDIT_UNWATCHED: Duration = Duration::from_secs(10);
/// How long a flow that was refused waits until it is tried again.
const RETRY_REFUSED: Duration = Duration::from_secs(10);
/// How long to wait after a bundle that failed as a whole; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The table of a flow has no room for it. At a commit the switch names the first such flow alone.
const TABLE_FULL: &str = "OFPFMFC_TABLE_FULL";
/// How the names of errors about meters begin.
const METER_ERROR: &str = "OFPMMFC_";
