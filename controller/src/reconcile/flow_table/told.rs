//! What the switch tells of its flows: in dumps, and when others change them.

use std::mem;
use std::sync::Arc;

use buoy_flows::flow::{FlowBody, FlowKey, Owner};
use buoy_flows::openflow::{FlowChange, FlowEvent, FlowStats};

use super::FlowTable;
use super::groups::Found;
use super::rows::Row;

impl FlowTable {
    /// The switch is about to say what it has. Until it has said all, nothing is known; but where that is only to make
    /// sure ([`FlowTable::is_synced`]), what was known goes on to count.
    pub fn begin_dump(&mut self) {
        self.dump = self.dump.next();
        self.groups.begin_dump();
        self.surprises = 0;
    }

    /// Takes in a flow that the switch reports in a dump.
    pub fn reported(&mut self, stats: &FlowStats) {
        let key = FlowKey::of(stats.table, stats.priority, &stats.name());
        let is_ours = Owner::is_ours(stats.cookie);
        let body = is_ours.then(|| FlowBody::reported(stats).ok()).flatten();
        if self.has(key, is_ours, body) && self.synced {
            self.surprises += 1;
        }
    }

    /// The switch has said all. What differs is to be mended, and what was refused is tried again. Returns how many flows
    /// were not as they were known to be.
    pub fn end_dump(&mut self) -> usize {
        let was_synced = mem::replace(&mut self.synced, true);
        let dump = self.dump;
        self.foreign.retain(|_, seen| *seen == dump);
        self.refusals.clear();
        for row in self.rows.values_mut() {
            row.refused = false;
            if row.have.is_some() && row.seen != dump {
                row.have = None;
                self.surprises += 1;
            }
        }
        self.surprises += self.groups.end_dump();
        self.rows.retain(|_, row| row.want.is_some() || row.have.is_some());
        self.dirty.clear();
        self.pending.clear();
        self.strays = self.rows.values().filter(|row| row.is_stray()).count();
        for (key, row) in self.rows.iter().filter(|(_, row)| row.is_dirty()) {
            self.dirty.insert(key.clone());
            if let Some(entity) = &row.entity {
                *self.pending.entry(Arc::clone(entity)).or_default() += 1;
            }
        }
        let apart: Vec<_> = self.wanted.keys().cloned().collect();
        apart.iter().for_each(|entity| self.tighten(entity));
        if was_synced { self.surprises } else { 0 }
    }

    /// Takes in a change that somebody else made. Returns whether it undid something that should be.
    pub fn changed(&mut self, change: &FlowChange) -> bool {
        let key = FlowKey::of(change.table, change.priority, &change.matching);
        let is_ours = Owner::is_ours(change.cookie);
        if let FlowEvent::Deleted { .. } = change.event {
            self.foreign.remove(&key);
            self.had(&key, None);
        } else {
            let body = is_ours.then(|| FlowBody::changed(change).ok()).flatten();
            self.has(key.clone(), is_ours, body);
        }
        self.is_dirty(&key)
    }

    fn is_dirty(&self, key: &FlowKey) -> bool {
        let lacks = |found: Found| self.groups.get(found.slot).is_some_and(|group| group.lacks() & found.bit != 0);
        self.rows.get(key).is_some_and(Row::is_dirty) || self.groups.find(key, None).is_some_and(lacks)
    }

    fn is_wanted(&self, key: &FlowKey) -> bool {
        self.rows.get(key).is_some_and(|row| row.want.is_some()) || self.groups.find(key, None).is_some()
    }

    /// The switch has a flow under this identity: one of ours with this body, or one of somebody else. Returns whether
    /// that is news of a flow of ours.
    fn has(&mut self, key: FlowKey, is_ours: bool, body: Option<FlowBody>) -> bool {
        if is_ours {
            self.foreign.remove(&key);
            return self.had(&key, body);
        }
        // It counts as not there: adding ours replaces it, and nothing of ours ever deletes it.
        if self.is_wanted(&key) {
            tracing::warn!(flow = ?key, "a foreign flow has the identity of one of ours, and is replaced");
        }
        let is_news = self.had(&key, None);
        self.foreign.insert(key, self.dump);
        is_news
    }

    fn had(&mut self, key: &FlowKey, body: Option<FlowBody>) -> bool {
        if let Some(found) = self.groups.find(key, body.as_ref()).filter(|found| found.same_body || body.is_none()) {
            self.groups.saw(found.slot, found.bit, found.bit);
            return self.groups.note(found.slot, found.bit, body.is_some(), self.synced);
        }
        let dump = self.dump;
        let is_known = self.rows.contains_key(key) || self.groups.find(key, None).is_some();
        if !is_known && body.is_none() {
            return false;
        }
        let mut is_news = false;
        self.edit(key, |row| {
            row.seen = dump;
            is_news = row.have != body;
            // Equal bytes are kept once.
            row.have = if row.want == body { row.want.clone() } else { body };
        });
        is_news
    }
}
