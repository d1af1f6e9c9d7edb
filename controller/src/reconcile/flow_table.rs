//! One bridge: for each flow, what it should be and what it is. Only what the switch itself said moves the latter:
//! see [`told`]. What is sent is in [`sent`].
//!
//! An entity's flows are kept together ([`groups`]) while each of them is either as it should be or not there. Where
//! something else is there, where a flow was refused, and where two entities claim one, they are kept apart, as rows
//! ([`rows`]). An entity is in one of the two forms, and so is an identity.

mod batch;
mod groups;
mod rows;
mod sent;
mod told;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use buoy_flows::flow::{Flow, FlowKey};
use buoy_flows::pipeline::Entity;

pub use batch::Batch;
use groups::{Group, Groups};
use rows::Row;

/// The flows of one bridge, wanted and installed.
#[derive(Debug, Default)]
pub struct FlowTable {
    groups: Groups,
    rows: HashMap<FlowKey, Row>,
    /// The flows of the entities that are kept as rows.
    wanted: HashMap<Arc<Entity>, Box<[FlowKey]>>,
    dirty: BTreeSet<FlowKey>,
    pending: HashMap<Arc<Entity>, usize>,
    /// Why the switch did not take what is wanted.
    refusals: HashMap<FlowKey, Box<str>>,
    /// How many flows are to go that belong to nobody any more: what a switch had when it connected.
    strays: usize,
    /// Flows of others, and the last dump that told of each.
    foreign: HashMap<FlowKey, DumpNo>,
    /// Identities that an entity took from another one which may still claim them.
    contested: Vec<(FlowKey, Entity)>,
    /// Those whose flows are in a bundle that the switch may be committing.
    sent: HashSet<Arc<Entity>>,
    dump: DumpNo,
    /// How many flows the dump has shown to be other than they were known to be.
    surprises: usize,
    synced: bool,
}

/// Tells dumps of one switch apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DumpNo(u32);

impl DumpNo {
    fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    fn last(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }
}

impl FlowTable {
    /// Says what an entity's flows are to be; none take all of them away.
    pub fn want(&mut self, entity: &Entity, flows: &[Flow]) {
        let set = self.groups.pack(flows);
        if let Some(slot) = self.groups.of(entity) {
            let is_same = |group: &Group| set.as_ref() == Some(&group.flows);
            if self.groups.get(slot).is_some_and(is_same) {
                return;
            }
            self.loosen(slot);
        } else if let Some(flows) = set
            && !self.wanted.contains_key(entity)
            && (self.rows.is_empty() || flows.unpack().flows().all(|(key, _)| !self.rows.contains_key(&key)))
            && self.groups.add(Group { entity: entity.clone(), flows, have: 0 }, 0, self.synced)
        {
            return;
        }
        self.want_rows(entity, flows);
        self.tighten(entity);
    }

    fn want_rows(&mut self, entity: &Entity, flows: &[Flow]) {
        let (entity, old) =
            self.wanted.remove_entry(entity).unwrap_or_else(|| (Arc::new(entity.clone()), Box::default()));
        let keys: Box<[_]> = flows.iter().map(|flow| self.want_flow(&entity, flow)).collect();
        let kept: HashSet<&FlowKey> = keys.iter().collect();
        for key in old.into_iter().filter(|key| !kept.contains(key)) {
            // The identity may have gone over to another entity meanwhile.
            if self.rows.get(&key).is_some_and(|row| row.entity.as_ref() == Some(&entity)) {
                self.edit(&key, |row| {
                    row.want = None;
                    row.refused = false;
                });
            }
        }
        if !keys.is_empty() {
            self.wanted.insert(entity, keys);
        }
    }

    /// Returns the identity as it is kept here, so that its bytes are there once.
    fn want_flow(&mut self, entity: &Arc<Entity>, flow: &Flow) -> FlowKey {
        let (key, body) = flow.pack();
        let mut before = None;
        self.edit(&key, |row| {
            if row.entity.as_ref() != Some(entity) {
                before = row.entity.replace(Arc::clone(entity)).filter(|_| row.want.is_some());
            }
            if row.want.as_ref() != Some(&body) {
                let same = row.have.as_ref().filter(|have| **have == body).cloned();
                row.want = Some(same.unwrap_or(body));
                row.refused = false;
            }
        });
        let key = self.rows.get_key_value(&key).map_or(key, |(kept, _)| kept.clone());
        self.contested.extend(before.map(|before| (key.clone(), Entity::clone(&before))));
        key
    }

    /// The identities that two entities claim, with both: a mistake of the pipeline. To be asked when all that a change
    /// touches has been compiled.
    pub fn clashes(&mut self) -> Vec<(FlowKey, Entity, Entity)> {
        let contested = mem::take(&mut self.contested);
        let clash = |(key, before): (FlowKey, Entity)| {
            let now = self.owner(&key)?;
            let is_clash = before != now && self.claims(&before, &key) && self.claims(&now, &key);
            is_clash.then_some((key, before, now))
        };
        contested.into_iter().filter_map(clash).collect()
    }

    fn owner(&self, key: &FlowKey) -> Option<Entity> {
        match self.rows.get(key) {
            Some(row) => row.entity.as_deref().cloned(),
            None => Some(self.groups.get(self.groups.find(key, None)?.slot)?.entity.clone()),
        }
    }

    fn claims(&self, entity: &Entity, key: &FlowKey) -> bool {
        match self.wanted.get(entity) {
            Some(own) => own.contains(key),
            None => self.groups.find(key, None).is_some_and(|found| self.groups.of(entity) == Some(found.slot)),
        }
    }

    /// The entities that have flows here.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.groups.iter().map(|group| &group.entity).chain(self.wanted.keys().map(|entity| &**entity))
    }

    fn has_flows_of(&self, entity: &Entity) -> bool {
        self.wanted.contains_key(entity) || self.groups.of(entity).is_some()
    }

    /// Whether what the switch has is known.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Forgets that what the switch has is known: it has to say so anew.
    pub fn lose_sync(&mut self) {
        self.synced = false;
        self.groups.forget_what_is_there();
        for row in self.rows.values_mut() {
            row.have = None;
        }
    }

    /// Whether the switch has yet to acknowledge something of an entity, or what it has is not known.
    pub fn is_pending(&self, entity: &Entity) -> bool {
        let lacks =
            || self.groups.of(entity).and_then(|slot| self.groups.get(slot)).is_some_and(|own| own.lacks() != 0);
        !self.synced || self.sent.contains(entity) || self.pending.contains_key(entity) || lacks()
    }

    /// Whether the switch still has flows that belong to nobody any more: of whom they were is not known.
    pub fn has_strays(&self) -> bool {
        self.strays > 0
    }

    /// Whether there are flows that are not yet as they are wanted, and no more than so many.
    pub fn lacks_up_to(&self, most: usize) -> bool {
        let in_groups = self.groups.lacking().map(|(_, group)| group.lacks().count_ones() as usize);
        // Each that lacks something lacks one at least.
        (1..=most).contains(&(self.dirty.len() + in_groups.take(most + 1).sum::<usize>()))
    }

    /// Whether the switch has acknowledged everything.
    pub fn is_clean(&self) -> bool {
        self.synced && self.dirty.is_empty() && self.groups.are_whole()
    }

    /// Why the switch refused a flow of an entity.
    pub fn refusal(&self, entity: &Entity) -> Option<&str> {
        self.wanted.get(entity)?.iter().find_map(|key| Some(&**self.refusals.get(key)?))
    }

    /// Any refusal, for the bridge as a whole.
    pub fn any_refusal(&self) -> Option<&str> {
        self.refusals.values().map(|error| &**error).next()
    }

    /// How many flows of ours the switch has.
    pub fn installed(&self) -> usize {
        let kept_together = self.groups.iter().map(|group| group.have.count_ones() as usize).sum::<usize>();
        kept_together + self.rows.values().filter(|row| row.have.is_some()).count()
    }

    /// How many flows of others it has.
    pub fn foreign(&self) -> usize {
        self.foreign.len()
    }

    /// The identities of others' flows.
    pub(super) fn foreign_keys(&self) -> impl Iterator<Item = &FlowKey> {
        self.foreign.keys()
    }

    /// The identities of the flows that are wanted.
    pub(super) fn wanted_keys(&self) -> impl Iterator<Item = FlowKey> {
        let kept_together = self.groups.iter().flat_map(|group| group.flows.unpack().flows().collect::<Vec<_>>());
        let apart = self.rows.iter().filter(|(_, row)| row.want.is_some()).map(|(key, _)| key.clone());
        kept_together.map(|(key, _)| key).chain(apart)
    }
}

#[cfg(test)]
mod tests;
