//! One bridge: for each flow, what it should be and what it is. Only what the switch itself said moves the latter.

use std::collections::{BTreeSet, HashMap};

use buoy_flows::flow::{Flow, FlowBody, FlowKey, Owner};
use buoy_flows::openflow::{FlowMod, FlowModCommand, FlowStats};
use buoy_flows::pipeline::Entity;

use super::Lane;

/// The flows of one bridge, wanted and installed.
#[derive(Debug, Default)]
pub struct FlowTable {
    rows: HashMap<FlowKey, Row>,
    wanted: HashMap<Entity, Vec<FlowKey>>,
    dirty: BTreeSet<FlowKey>,
    pending: HashMap<Entity, usize>,
    foreign: usize,
    synced: bool,
}

#[derive(Debug, Default)]
struct Row {
    /// Whose flow it is, or was. None for one that was found in the switch and that nobody wants.
    entity: Option<Entity>,
    want: Option<FlowBody>,
    have: Option<FlowBody>,
    /// Why the switch did not take what is wanted.
    refused: Option<String>,
}

/// Changes that are sent as one bundle.
#[derive(Debug, Default)]
pub struct Batch {
    steps: Vec<(FlowKey, Option<FlowBody>)>,
}

impl FlowTable {
    /// Says what an entity's flows are to be; none take all of them away.
    pub fn want(&mut self, entity: &Entity, flows: &[Flow]) {
        let old = self.wanted.remove(entity).unwrap_or_default();
        let mut keys = Vec::with_capacity(flows.len());
        for flow in flows {
            let (key, body) = flow.pack();
            self.edit(&key, |row| {
                row.entity = Some(entity.clone());
                if row.want.as_ref() != Some(&body) {
                    row.want = Some(body);
                    row.refused = None;
                }
            });
            keys.push(key);
        }
        for key in old.into_iter().filter(|key| !keys.contains(key)) {
            self.edit(&key, |row| {
                // The identity may have gone over to another entity meanwhile.
                if row.entity.as_ref() == Some(entity) {
                    row.want = None;
                    row.refused = None;
                }
            });
        }
        if !keys.is_empty() {
            self.wanted.insert(entity.clone(), keys);
        }
    }

    /// The entities that have flows here.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.wanted.keys()
    }

    /// Forgets what the switch has: it is about to say so anew.
    pub fn begin_dump(&mut self) {
        self.synced = false;
        self.foreign = 0;
        for row in self.rows.values_mut() {
            row.have = None;
            row.refused = None;
        }
    }

    /// Takes in a flow that the switch reports.
    pub fn reported(&mut self, stats: &FlowStats) {
        let key = FlowKey::of(stats.table, stats.priority, &stats.matching);
        if !Owner::is_ours(stats.cookie) {
            self.foreign += 1;
            // It counts as not there: adding ours replaces it, and nothing of ours ever deletes it.
            if self.rows.get(&key).is_some_and(|row| row.want.is_some()) {
                tracing::warn!(flow = ?key, "a foreign flow has the identity of one of ours, and is replaced");
            }
            return;
        }
        self.rows.entry(key).or_default().have = FlowBody::reported(stats).ok();
    }

    /// The switch has said all. What differs is to be mended.
    pub fn end_dump(&mut self) {
        self.synced = true;
        self.dirty.clear();
        self.pending.clear();
        self.rows.retain(|_, row| row.want.is_some() || row.have.is_some());
        for (key, row) in self.rows.iter().filter(|(_, row)| row.is_dirty()) {
            self.dirty.insert(key.clone());
            if let Some(entity) = &row.entity {
                *self.pending.entry(entity.clone()).or_default() += 1;
            }
        }
    }

    /// Whether what the switch has is known.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Forgets that what the switch has is known.
    pub fn lose_sync(&mut self) {
        self.synced = false;
    }

    /// Whether the switch has yet to acknowledge something of an entity.
    pub fn is_pending(&self, entity: &Entity) -> bool {
        !self.synced || self.pending.contains_key(entity)
    }

    /// Whether the switch has acknowledged everything.
    pub fn is_clean(&self) -> bool {
        self.synced && self.dirty.is_empty()
    }

    /// Why the switch refused a flow of an entity.
    pub fn refusal(&self, entity: &Entity) -> Option<&str> {
        self.wanted.get(entity)?.iter().find_map(|key| self.rows.get(key)?.refused.as_deref())
    }

    /// Any refusal, for the bridge as a whole.
    pub fn any_refusal(&self) -> Option<&str> {
        self.rows.values().find_map(|row| row.refused.as_deref())
    }

    /// How many flows of ours the switch has.
    pub fn installed(&self) -> usize {
        self.rows.values().filter(|row| row.have.is_some()).count()
    }

    /// How many flows of others it had at the last dump.
    pub fn foreign(&self) -> usize {
        self.foreign
    }

    /// The changes that may be made now.
    pub fn due(&self, is_due: impl Fn(&Entity, Lane) -> bool) -> Batch {
        let due = |row: &Row| match &row.entity {
            Some(entity) if self.wanted.contains_key(entity) => is_due(entity, Lane::Install),
            Some(entity) => is_due(entity, Lane::Remove),
            None => true,
        };
        let rows = self.dirty.iter().filter_map(|key| Some((key, self.rows.get(key)?)));
        let steps = rows.filter(|(_, row)| due(row)).map(|(key, row)| (key.clone(), row.want.clone()));
        Batch { steps: steps.collect() }
    }

    /// The switch has applied a batch.
    pub fn applied(&mut self, batch: Batch) {
        for (key, body) in batch.steps {
            self.edit(&key, |row| row.have = body);
        }
    }

    /// The switch has refused a step of a batch, and so has applied none of it.
    pub fn refused(&mut self, batch: &Batch, index: usize, error: &str) {
        let Some((key, body)) = batch.steps.get(index) else { return };
        self.edit(key, |row| {
            if row.want == *body {
                row.refused = Some(error.to_owned());
            }
        });
    }

    fn edit(&mut self, key: &FlowKey, edit: impl FnOnce(&mut Row)) {
        let row = self.rows.entry(key.clone()).or_default();
        let before = row.is_dirty().then(|| row.entity.clone()).flatten();
        edit(row);
        let is_dirty = row.is_dirty();
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
    /// Whether there is something to send. What a switch refused is not sent again as it is.
    fn is_dirty(&self) -> bool {
        self.want != self.have && self.refused.is_none()
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

    /// The flow mods of the batch, each step's in its place.
    pub fn flow_mods(&self) -> Vec<FlowMod> {
        self.steps.iter().map(|(key, body)| flow_mod(key, body.as_ref())).collect()
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
