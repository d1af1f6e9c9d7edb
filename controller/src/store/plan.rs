//! What a group of commits writes: for each place the last word on it.

use std::collections::BTreeMap;

use buoy_topology::{Change, Generation, MacAddr, NeighbourKey, Record, Write};

use super::table::Place;
use super::{HookNote, StoreError};
use crate::events::Entries;

/// Values by their places; none where a place is cleared.
pub(super) type Writes = BTreeMap<Place, Option<Vec<u8>>>;

/// Values to write and places to clear, all or none.
#[derive(Debug)]
pub(super) struct Plan {
    generation: Generation,
    writes: Writes,
}

impl Plan {
    /// Nothing to write yet, after this generation.
    pub(super) fn after(generation: Generation) -> Self {
        Self { generation, writes: Writes::new() }
    }

    /// Adds a change that takes the next generation; any other generation is refused and adds nothing.
    pub(super) fn change(&mut self, generation: Generation, change: &Change) -> Result<(), StoreError> {
        if generation != self.generation.next() {
            return Err(StoreError::OutOfOrder { given: generation, last: self.generation });
        }
        self.generation = generation;
        for write in change.writes() {
            let (key, value) = match write {
                Write::Put(record) => (record.key(), Some(encode(record))),
                Write::Remove(key) => (key.clone(), None),
            };
            self.writes.insert(Place::of(&key), value);
        }
        Ok(())
    }

    /// Adds MACs that were learnt or forgotten.
    pub(super) fn learn(&mut self, learnt: &[(NeighbourKey, Option<MacAddr>)]) {
        for (neighbour, mac) in learnt {
            let value = mac.map(|mac| serde_json::to_vec(&mac).expect("a MAC is plain data"));
            self.writes.insert(Place::of_neighbour(*neighbour), value);
        }
    }

    /// Adds how hooks stand.
    pub(super) fn note_hooks(&mut self, hooks: &[HookNote]) {
        for (address, hook) in hooks {
            let value = hook.as_ref().map(|hook| serde_json::to_vec(hook).expect("a hook is plain data"));
            self.writes.insert(Place::of_hook(*address), value);
        }
    }

    /// Adds to the log.
    pub(super) fn log(&mut self, entries: &Entries) {
        for event in &entries.events {
            let value = serde_json::to_vec(&**event).expect("an event is plain data");
            self.writes.insert(Place::of_event(event.kind.class(), event.seq), Some(value));
        }
        for (class, seq) in &entries.gone {
            self.writes.insert(Place::of_event(*class, *seq), None);
        }
    }

    /// The generation after the plan.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The places to write, each once.
    pub(super) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// The same, and nothing else.
    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}

/// The bytes of all keys and values.
pub(super) fn size(writes: &Writes) -> u64 {
    let sizes = writes.iter().map(|(place, value)| place.key.len() + value.as_ref().map_or(0, Vec::len));
    sizes.sum::<usize>().try_into().unwrap_or(u64::MAX)
}

/// A record as JSON, so that a store can be read without this program.
fn encode(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record is plain data")
}
