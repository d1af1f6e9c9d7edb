//! What is sent to the switch, and what becomes of it.

use std::collections::HashSet;
use std::sync::Arc;

use buoy_flows::flow::{FlowBody, FlowKey, FlowSet, Step};
use buoy_flows::pipeline::Entity;

use super::batch::{Piece, What};
use super::groups::Slot;
use super::{Batch, FlowTable};
use crate::reconcile::Lane;

impl FlowTable {
    /// The changes that may be made now. A flow that nobody wants any more stays while a flow of the same origin has to
    /// wait, for it may be the one that serves until then: so a new layout of flows never leaves a gap.
    pub fn due(&self, is_due: impl Fn(&Entity, Lane) -> bool) -> Batch {
        let lane = |entity: &Entity| if self.has_flows_of(entity) { Lane::Install } else { Lane::Remove };
        let (mut pieces, mut stale, mut waiting) = (Vec::new(), Vec::new(), HashSet::new());
        let owner = |entity: &Entity| entity.is_ordered().then(|| Arc::new(entity.clone()));
        for (slot, group) in self.groups.lacking() {
            let what = What::Group { slot, flows: group.flows.clone(), bits: group.lacks() };
            let piece = Piece { owner: owner(&group.entity), what };
            if is_due(&group.entity, Lane::Install) {
                pieces.push(piece);
            } else if self.has_strays() {
                waiting.extend(piece.steps().iter().filter_map(|step| step.body.as_ref()?.entity()));
            }
        }
        for (key, row) in self.dirty.iter().filter_map(|key| Some((key, self.rows.get(key)?))) {
            let owner = row.entity.as_deref().and_then(owner);
            let what = What::Single(Step { key: key.clone(), body: row.want.clone() });
            let piece = Piece { owner, what };
            let in_place = row.want.is_some() && row.have.is_some();
            let lane = |entity| if in_place { Lane::Replace } else { lane(entity) };
            match &row.entity {
                Some(entity) if is_due(entity, lane(entity)) => pieces.push(piece),
                Some(_) => waiting.extend(row.want.as_ref().and_then(FlowBody::entity)),
                None => stale.push((row.have.as_ref().and_then(FlowBody::entity), piece)),
            }
        }
        let served = stale.into_iter().filter(|(origin, _)| origin.is_none_or(|origin| !waiting.contains(&origin)));
        pieces.extend(served.map(|(_, piece)| piece));
        Batch::new(pieces)
    }

    /// A batch is on its way, to be committed. Until that is over, what is in it may come into force, whatever is wanted by
    /// then.
    pub fn sends(&mut self, batch: &Batch) {
        self.sent = batch.owners().cloned().collect();
    }

    /// The switch has answered what was sent, or never will.
    pub fn answered(&mut self) {
        self.sent = HashSet::new();
    }

    /// The switch has applied a batch. Returns whose flows were taken away or do something else now; none stands for a flow
    /// that belonged to nobody any more.
    pub fn applied(&mut self, batch: Batch) -> HashSet<Option<Arc<Entity>>> {
        let (mut cuts, mut entities) = (HashSet::new(), HashSet::new());
        for piece in batch.pieces() {
            if !self.foreign.is_empty() {
                // What stood there of somebody else's has given way.
                piece.steps().iter().for_each(|step| _ = self.foreign.remove(&step.key));
            }
            match &piece.what {
                What::Group { slot, flows, bits } if self.is_still(*slot, flows) => {
                    self.groups.note(*slot, *bits, true, self.synced);
                }
                _ => {
                    for Step { key, body } in piece.steps() {
                        if self.is_other_than(&key, body.as_ref()) {
                            cuts.insert(self.owner(&key).map(Arc::new));
                        }
                        if !self.note_in_group(&key, body.as_ref()) {
                            self.edit(&key, |row| {
                                // What nobody wants any more is still of the one that it was sent for.
                                if row.want.is_none() && row.entity.is_none() {
                                    row.entity.clone_from(&piece.owner);
                                }
                                row.have = body;
                            });
                        }
                        entities.extend(self.rows.get(&key).and_then(|row| row.entity.clone()));
                    }
                }
            }
        }
        entities.iter().for_each(|entity| self.tighten(entity));
        cuts
    }

    /// Whether the switch has something else under this identity.
    fn is_other_than(&self, key: &FlowKey, body: Option<&FlowBody>) -> bool {
        match self.rows.get(key) {
            Some(row) => row.have.is_some() && row.have.as_ref() != body,
            None => self.groups.find(key, body).is_some_and(|found| {
                let is_there = self.groups.get(found.slot).is_some_and(|group| group.have & found.bit != 0);
                is_there && !(found.same_body && body.is_some())
            }),
        }
    }

    /// Whether the group there is still the one that was sent.
    fn is_still(&self, slot: Slot, flows: &FlowSet) -> bool {
        self.groups.get(slot).is_some_and(|group| group.flows.is_clone_of(flows))
    }

    /// Notes what the switch has under an identity, where a group can say that. Tells whether it can.
    fn note_in_group(&mut self, key: &FlowKey, body: Option<&FlowBody>) -> bool {
        let found = self.groups.find(key, body).filter(|found| found.same_body || body.is_none());
        found.is_some_and(|found| {
            self.groups.note(found.slot, found.bit, body.is_some(), self.synced);
            true
        })
    }

    /// The switch has refused a step of a batch, and so has applied none of it.
    pub fn refused(&mut self, batch: &Batch, index: usize, error: &str) {
        if let Some(step) = batch.step(index) {
            self.refuse(&step, error);
        }
    }

    /// A table of the switch is full: what a batch was to add there is not tried again one by one.
    pub fn refused_for_want_of_room(&mut self, batch: &Batch, index: usize, error: &str) {
        let Some((full, _)) = batch.step(index).map(|step| step.key.place()) else { return };
        for step in batch.steps() {
            if step.key.place().0 == full && step.body.is_some() && !self.is_there(&step.key) {
                self.refuse(&step, error);
            }
        }
    }

    fn refuse(&mut self, step: &Step, error: &str) {
        let mut is_wanted = false;
        self.edit(&step.key, |row| {
            is_wanted = row.want == step.body;
            row.refused |= is_wanted;
        });
        if is_wanted {
            self.refusals.insert(step.key.clone(), format!("{error}: {step}").into());
        }
    }

    /// Whether the switch has a flow of ours under this identity, or nothing is known of it.
    fn is_there(&self, key: &FlowKey) -> bool {
        match self.rows.get(key) {
            Some(row) => row.have.is_some(),
            None => self
                .groups
                .find(key, None)
                .is_none_or(|found| self.groups.get(found.slot).is_some_and(|group| group.have & found.bit != 0)),
        }
    }
}
