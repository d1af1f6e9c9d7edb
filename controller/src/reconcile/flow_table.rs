//! One bridge: for each flow, what it should be and what it is. Only what the switch itself said moves the latter:
//! see [`told`].

mod told;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use buoy_flows::flow::{Flow, FlowBody, FlowKey};
use buoy_flows::openflow::{FlowMod, FlowModCommand};
use buoy_flows::pipeline::Entity;

use super::Lane;
use crate::switch::FlowMods;

/// The flows of one bridge, wanted and installed.
#[derive(Debug, Default)]
pub struct FlowTable {
    rows: HashMap<FlowKey, Row>,
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
    dump: DumpNo,
    /// How many flows the dump has shown to be other than they were known to be.
    surprises: usize,
    synced: bool,
}

/// There are millions of these: what is rare is kept elsewhere.
#[derive(Debug, Default)]
struct Row {
    /// Whose flow it is, or was. None for one that was found in the switch and that nobody wants.
    entity: Option<Arc<Entity>>,
    want: Option<FlowBody>,
    have: Option<FlowBody>,
    /// The last dump that told of it.
    seen: DumpNo,
    /// Whether the switch did not take what is wanted.
    refused: bool,
}

/// Tells dumps of one switch apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DumpNo(u32);

/// Changes that are sent as one bundle.
#[derive(Debug, Default)]
pub struct Batch {
    steps: Vec<(FlowKey, Option<FlowBody>)>,
}

impl FlowTable {
    /// Says what an entity's flows are to be; none take all of them away.
    pub fn want(&mut self, entity: &Entity, flows: &[Flow]) {
        let (entity, old) =
            self.wanted.remove_entry(entity).unwrap_or_else(|| (Arc::new(entity.clone()), Box::default()));
        let keys: Box<[_]> = flows.iter().map(|flow| self.want_flow(&entity, flow)).collect();
        let kept: HashSet<&FlowKey> = keys.iter().collect();
        for key in old.into_iter().filter(|key| !kept.contains(key)) {
            self.edit(&key, |row| {
                // The identity may have gone over to another entity meanwhile.
                if row.entity.as_ref() == Some(&entity) {
                    row.want = None;
                    row.refused = false;
                }
            });
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
        let claims = |entity: &Entity, key: &FlowKey| self.wanted.get(entity).is_some_and(|own| own.contains(key));
        let clash = |(key, before): (FlowKey, Entity)| {
            let now = self.rows.get(&key)?.entity.as_deref()?.clone();
            (before != now && claims(&before, &key) && claims(&now, &key)).then_some((key, before, now))
        };
        contested.into_iter().filter_map(clash).collect()
    }

    /// The entities that have flows here.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.wanted.keys().map(|entity| &**entity)
    }

    /// Whether what the switch has is known.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Forgets that what the switch has is known: it has to say so anew.
    pub fn lose_sync(&mut self) {
        self.synced = false;
        for row in self.rows.values_mut() {
            row.have = None;
        }
    }

    /// Whether the switch has yet to acknowledge something of an entity, or what it has is not known.
    pub fn is_pending(&self, entity: &Entity) -> bool {
        !self.synced || self.pending.contains_key(entity)
    }

    /// Whether the switch still has flows that belong to nobody any more: of whom they were is not known.
    pub fn has_strays(&self) -> bool {
        self.strays > 0
    }

    /// Whether the switch has acknowledged everything.
    pub fn is_clean(&self) -> bool {
        self.synced && self.dirty.is_empty()
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
        self.rows.values().filter(|row| row.have.is_some()).count()
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
    pub(super) fn wanted_keys(&self) -> impl Iterator<Item = &FlowKey> {
        self.rows.iter().filter(|(_, row)| row.want.is_some()).map(|(key, _)| key)
    }

    /// The changes that may be made now. A flow that nobody wants any more stays while a flow of the same origin has to
    /// wait, for it may be the one that serves until then: so a new layout of flows never leaves a gap.
    pub fn due(&self, is_due: impl Fn(&Entity, Lane) -> bool) -> Batch {
        let lane = |entity: &Entity| if self.wanted.contains_key(entity) { Lane::Install } else { Lane::Remove };
        let (mut steps, mut stale, mut waiting) = (Vec::new(), Vec::new(), HashSet::new());
        for (key, row) in self.dirty.iter().filter_map(|key| Some((key, self.rows.get(key)?))) {
            // What changes in its place neither begins to be served nor ends.
            let in_place = row.want.is_some() && row.have.is_some();
            match &row.entity {
                Some(entity) if in_place || is_due(entity, lane(entity)) => steps.push((key.clone(), row.want.clone())),
                Some(_) => waiting.extend(row.want.as_ref().and_then(FlowBody::entity)),
                None => stale.push((key, row)),
            }
        }
        for (key, row) in stale {
            let origin = row.have.as_ref().and_then(FlowBody::entity);
            if origin.is_none_or(|origin| !waiting.contains(&origin)) {
                steps.push((key.clone(), row.want.clone()));
            }
        }
        Batch { steps }
    }

    /// The switch has applied a batch. Returns whose flows were taken away or do something else now; none stands for a flow
    /// that belonged to nobody any more.
    pub fn applied(&mut self, batch: Batch) -> Vec<Option<Arc<Entity>>> {
        let mut cuts = Vec::new();
        for (key, body) in batch.steps {
            // What stood there of somebody else's has given way.
            self.foreign.remove(&key);
            self.edit(&key, |row| {
                if row.have.is_some() && row.have != body {
                    cuts.push(row.entity.clone());
                }
                row.have = body;
            });
        }
        cuts
    }

    /// The switch has refused a step of a batch, and so has applied none of it.
    pub fn refused(&mut self, batch: &Batch, index: usize, error: &str) {
        let Some((key, body)) = batch.steps.get(index) else { return };
        let mut is_wanted = false;
        self.edit(key, |row| {
            is_wanted = row.want == *body;
            row.refused |= is_wanted;
        });
        if is_wanted {
            self.refusals.insert(key.clone(), format!("{error}: {}", flow_mod(key, body.as_ref())).into());
        }
    }

    /// A table of the switch is full: what a batch was to add there is not tried again one by one.
    pub fn refused_for_want_of_room(&mut self, batch: &Batch, index: usize, error: &str) {
        let Some((full, _)) = batch.steps.get(index).map(|(key, _)| key.place()) else { return };
        for (index, (key, body)) in batch.steps.iter().enumerate() {
            let is_new = self.rows.get(key).is_some_and(|row| row.have.is_none());
            if key.place().0 == full && body.is_some() && is_new {
                self.refused(batch, index, error);
            }
        }
    }

    fn edit(&mut self, key: &FlowKey, edit: impl FnOnce(&mut Row)) {
        if !self.synced {
            // What is dirty is found when the switch has said all.
            let row = self.rows.entry(key.clone()).or_default();
            edit(row);
            if !row.refused {
                self.refusals.remove(key);
            }
            return;
        }
        let row = self.rows.entry(key.clone()).or_default();
        let before = row.is_dirty().then(|| row.entity.clone()).flatten();
        let was_stray = row.is_stray();
        edit(row);
        if !row.refused {
            self.refusals.remove(key);
        }
        let (is_dirty, is_stray) = (row.is_dirty(), row.is_stray());
        self.strays = self.strays + usize::from(is_stray) - usize::from(was_stray);
        let after = is_dirty.then(|| row.entity.clone()).flatten();
        let is_empty = row.want.is_none() && row.have.is_none();
        if is_dirty {
            self.dirty.insert(key.clone());
        } else {
            self.dirty.remove(key);
        }
        if is_empty {
            self.rows.remove(key);
        }
        if before != after {
            if let Some(entity) = before {
                self.one_less(&entity);
            }
            if let Some(entity) = after {
                *self.pending.entry(entity).or_default() += 1;
            }
        }
    }

    fn one_less(&mut self, entity: &Entity) {
        if let Some(count) = self.pending.get_mut(entity) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(entity);
            }
        }
    }
}

impl Row {
    fn is_stray(&self) -> bool {
        self.entity.is_none() && self.is_dirty()
    }

    /// Whether there is something to send. What a switch refused is not sent again as it is.
    fn is_dirty(&self) -> bool {
        self.want != self.have && !self.refused
    }
}

impl Batch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many flow mods it takes.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The flow mods of the batch, each step's in its place. They are made one by one: a large batch never stands whole
    /// in memory.
    pub fn flow_mods(&self) -> FlowMods {
        let steps = self.steps.clone().into_iter();
        FlowMods::new(steps.map(|(key, body)| flow_mod(&key, body.as_ref())))
    }

    /// The flow that a step is about, for a log line.
    pub fn describe(&self, index: usize) -> String {
        self.steps.get(index).map(|(key, body)| flow_mod(key, body.as_ref()).to_string()).unwrap_or_default()
    }
}

fn flow_mod(key: &FlowKey, body: Option<&FlowBody>) -> FlowMod {
    if let Some(Ok(flow)) = body.map(|body| Flow::unpack(key, body)) {
        return flow.to_flow_mod(FlowModCommand::Add);
    }
    let (table, priority, matching) = key.parts().expect("a key is made from a match");
    FlowMod { table, priority, matching, command: FlowModCommand::DeleteStrict, ..FlowMod::default() }
}

#[cfg(test)]
mod tests;
