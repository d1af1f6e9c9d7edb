//! A bundle in OpenFlow 1.0, which has none: flow mods in phases, with a barrier after each.
//!
//! Drops and the guard come first, then what forwards, then deletes. Whatever the switch does between two phases, it
//! forwards nothing that it should not. Deletes go from low priorities to high ones: what a flow stands before is gone
//! when the flow goes. A phase of which something was refused is the last.

use std::collections::VecDeque;

use buoy_flows::flow::Owner;
use buoy_flows::flow::owner::Feature;
use buoy_flows::legacy::ErrorMsg;
use buoy_flows::openflow::{FlowMod, FlowModCommand, Message, Xid};
use bytes::BytesMut;

use super::job::{FlowMods, Job};
use super::{BundleOutcome, Event, Refusal, Session, legacy};

/// Flow mods that are under way.
#[derive(Debug)]
pub(super) struct Phases {
    /// The flow mods have the xids from here on, by their place in the bundle.
    first: Xid,
    count: u32,
    /// The phase under way, and those after it.
    rest: VecDeque<VecDeque<(Xid, FlowMod)>>,
    /// The barrier that the phase under way waits for.
    barrier: Option<Xid>,
    refused: Vec<Refusal>,
}

impl Session {
    pub(super) fn begin_phases(&mut self, flow_mods: FlowMods) {
        let first = self.next_xid();
        let count = u32::try_from(flow_mods.len()).unwrap_or(u32::MAX);
        self.xid = self.xid.wrapping_add(count);
        let numbered: Vec<_> =
            (0..).map(|place| Xid(first.0.wrapping_add(place))).zip(flow_mods.map(|step| step.to_flow_mod())).collect();
        let refused: Vec<_> = numbered.iter().enumerate().filter_map(|(index, (_, own))| refusal(index, own)).collect();
        // What has no words is known before anything is sent; the barrier alone then ends the job.
        let rest = if refused.is_empty() { in_order(numbered) } else { VecDeque::new() };
        self.begin(Job::Phases(Phases { first, count, rest, barrier: None, refused }));
    }

    pub(super) fn next_of_phase(&mut self) -> Option<(Xid, Message)> {
        let Some(Job::Phases(phases)) = &mut self.job else { return None };
        if phases.barrier.is_some() {
            return None;
        }
        self.job_moved = None;
        if let Some((xid, flow_mod)) = phases.rest.front_mut().and_then(VecDeque::pop_front) {
            return Some((xid, Message::FlowMod(flow_mod)));
        }
        let barrier = self.next_xid();
        if let Some(Job::Phases(phases)) = &mut self.job {
            phases.barrier = Some(barrier);
        }
        Some((barrier, Message::BarrierRequest))
    }

    /// A barrier was answered: all errors of its phase are known.
    pub(super) fn on_phase_barrier(&mut self, xid: Xid) {
        let Some(Job::Phases(phases)) = &mut self.job else { return };
        if phases.barrier != Some(xid) {
            return;
        }
        phases.barrier = None;
        phases.rest.pop_front();
        self.job_moved = None;
        if phases.refused.is_empty() && !phases.rest.is_empty() {
            return;
        }
        let refused = std::mem::take(&mut phases.refused);
        self.job = None;
        let outcome = if refused.is_empty() { BundleOutcome::Applied } else { BundleOutcome::Refused(refused) };
        self.events.push_back(Event::Bundle(outcome));
    }

    /// Takes an error that belongs to the flow mods under way; tells whether it did.
    pub(super) fn on_phase_error(&mut self, xid: Xid, error: &ErrorMsg) -> bool {
        let Some(Job::Phases(phases)) = &mut self.job else { return false };
        let place = xid.0.wrapping_sub(phases.first.0);
        match usize::try_from(place) {
            Ok(index) if place < phases.count => phases.refused.push(Refusal { index, error: error.to_string() }),
            _ if phases.barrier == Some(xid) => {
                // Without barriers there is no saying when what is in force.
                self.job = None;
                self.events.push_back(Event::Bundle(BundleOutcome::Failed(error.to_string())));
            }
            _ => return false,
        }
        true
    }
}

/// Why 1.0 cannot say a flow mod.
fn refusal(index: usize, flow_mod: &FlowMod) -> Option<Refusal> {
    let message = Message::FlowMod(flow_mod.clone());
    let error = legacy::encode(&message, Xid(0), &mut BytesMut::new()).err()?;
    Some(Refusal { index, error: error.to_string() })
}

fn in_order(numbered: Vec<(Xid, FlowMod)>) -> VecDeque<VecDeque<(Xid, FlowMod)>> {
    let (deletes, adds): (Vec<_>, Vec<_>) =
        numbered.into_iter().partition(|(_, own)| own.command == FlowModCommand::DeleteStrict);
    let (walls, doors): (Vec<_>, Vec<_>) = adds.into_iter().partition(|(_, own)| is_wall(own));
    let mut deletes = deletes;
    deletes.sort_by_key(|(_, own)| own.priority);
    [walls, doors, deletes].into_iter().filter(|phase| !phase.is_empty()).map(VecDeque::from).collect()
}

/// Whether a flow only drops, or lets out what is registered.
fn is_wall(flow_mod: &FlowMod) -> bool {
    Owner::of(flow_mod.cookie).is_some_and(|owner| matches!(owner.feature, Feature::Drop | Feature::Guard))
}
