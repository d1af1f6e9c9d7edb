//! Bundles that a switch checks before they may be committed: while the store keeps the change that they are of, and while
//! the host's other bridge has to go first. What is left to do then is one message each way.
//!
//! A bundle is prepared where nothing may be committed at once. When all of it may be, it is committed. When something
//! else may be, or it is not what is wanted any more, it is given up.

use std::time::Instant;

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::{Entity, Touched};
use buoy_topology::Dialect;

use super::Core;
use super::switches::{InFlight, Switch};
use crate::reconcile::order::{is_due, is_due_after};
use crate::reconcile::{Batch, Lane};
use crate::switch::{Command, ConnectionId};

impl Switch {
    /// Whether bundles may be sent to it, and committed.
    pub(super) fn may_change(&self) -> bool {
        self.table.is_synced() && self.controller_role != ControllerRole::Secondary
    }

    /// Whether flows are on their way to it.
    fn is_busy(&self) -> bool {
        matches!(self.job, Some(InFlight::Bundle(_) | InFlight::Prepared(_)))
    }

    fn speaks_legacy(&self) -> bool {
        self.bridge.as_ref().is_some_and(|bridge| bridge.dialect == Dialect::OpenFlow10)
    }
}

impl Core {
    /// What a switch may have now: of what is on disk, what is its turn.
    pub(super) fn due(&self, switch: &Switch) -> Batch {
        // Whose strays are is not known, and in OpenFlow 1.0 more hangs together than what a change touches.
        if self.unkept().is_some() && (switch.table.has_strays() || switch.speaks_legacy()) {
            return Batch::default();
        }
        switch.table.due(|entity, lane| self.is_kept(entity) && self.is_in_turn(switch, entity, lane))
    }

    /// A change is on its way to the store: switches that lack little check what they are to have of it.
    pub(super) fn prepare_all(&mut self) {
        let lacks_little = |switch: &Switch| switch.table.lacks_up_to(MOST_PREPARED);
        let ids: Vec<_> = self.switches.iter().filter(|(_, own)| lacks_little(own)).map(|(id, _)| *id).collect();
        self.prepare(&ids);
    }

    /// Has switches check what they may have soon. What its own order lets a bridge have comes first, so that no two wait
    /// for each other.
    pub(super) fn prepare(&mut self, ids: &[ConnectionId]) {
        for id in ids {
            self.prepare_one(*id, |core, switch| {
                switch.table.due(|entity, lane| core.is_in_turn(switch, entity, lane))
            });
        }
        for id in ids {
            self.prepare_one(*id, Self::due_after_others);
        }
    }

    fn prepare_one(&mut self, id: ConnectionId, batch: impl Fn(&Self, &Switch) -> Batch) {
        let Some(switch) = self.switches.get(&id) else { return };
        let is_open = switch.job.is_none() && switch.may_change() && !switch.speaks_legacy() && !self.is_safe_mode();
        if !is_open || !switch.table.lacks_up_to(MOST_PREPARED) {
            return;
        }
        let batch = batch(self, switch);
        if let Some(switch) = self.switches.get_mut(&id).filter(|_| !batch.is_empty()) {
            let command = Command::Prepare(batch.flow_mods());
            // One that has no room for it is sent it when it may have it.
            switch.begin(InFlight::Prepared(batch), command);
        }
    }

    /// Commits what a switch has prepared, where all of it may be in force now, or gives it up.
    pub(super) fn decide(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get(&id) else { return };
        let Some(InFlight::Prepared(batch)) = &switch.job else { return };
        // Where much has become due meanwhile, all of that goes out in a bundle of its own.
        let is_small = switch.may_change() && switch.table.lacks_up_to(MOST_PREPARED);
        let due = if is_small { self.due(switch) } else { Batch::default() };
        let is_due = batch.is_within(&due);
        let may_wait = due.is_empty() && is_small && batch.is_within(&self.due_after_others(switch));
        if may_wait && !is_due {
            return;
        }
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let command = if is_due { Command::Commit } else { Command::Discard };
        // What has no room now is decided at the next turn, or the session gives it up.
        if switch.connection.commands.try_send(command).is_ok()
            && let Some(InFlight::Prepared(batch)) = switch.job.take()
        {
            if is_due {
                switch.table.sends(&batch);
            }
            switch.job_since = Instant::now();
            switch.job = Some(InFlight::Bundle(batch));
        }
    }

    /// What a switch may have when the store has what it is keeping, and its host's other bridges what is on its way to
    /// them.
    fn due_after_others(&self, switch: &Switch) -> Batch {
        let others = || self.others(switch).map(|other| (other.role, &other.table, other.is_busy()));
        switch.table.due(|entity, lane| is_due_after(switch.role, entity, lane, others()))
    }

    fn is_in_turn(&self, switch: &Switch, entity: &Entity, lane: Lane) -> bool {
        is_due(switch.role, entity, lane, self.others(switch).map(|other| (other.role, &other.table)))
    }

    /// The other switches of a switch's host.
    fn others(&self, switch: &Switch) -> impl Iterator<Item = &Switch> {
        let id = switch.connection.id;
        let others = self.switches.of_host(&switch.connection.host).filter(move |other| *other != id);
        others.filter_map(|other| self.switches.get(&other))
    }

    /// Whether an entity's flows follow from what no crash takes back.
    fn is_kept(&self, entity: &Entity) -> bool {
        match self.unkept() {
            None => true,
            Some(Touched::Everything) => false,
            Some(Touched::Entities(entities)) => !entities.contains(entity),
        }
    }
}

/// A bundle with more flow mods is worth its own time, and the switch does not keep it for long.
const MOST_PREPARED: usize = 256;
