//! The open store and how one group of changes becomes durable in it. Only the store thread writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Instant;

use sled::{Db, Tree};

use super::commit_file::CommitFile;
use super::directory::StateDir;
use super::envelope::Header;
use super::plan::{Plan, Writes, size};
use super::settle::{settle, stored};
use super::state::State;
use super::stats::Counters;
use super::table::{Place, Table};
use super::{StoreError, guard, journal};

/// The database and what goes with it. Fields are dropped in this order: the lock last.
#[derive(Debug)]
pub(super) struct Engine {
    /// The trees.
    pub(super) trees: BTreeMap<Table, Tree>,
    /// The database.
    pub(super) db: Db,
    /// Our own handle of sled's log, to fsync it: sled's `flush` does not.
    pub(super) log: File,
    /// What was acknowledged last.
    pub(super) commit_file: CommitFile,
    /// What is in the journal, and not in the database yet.
    pub(super) journaled: Writes,
    /// Since when there is something.
    pub(super) journaled_since: Option<Instant>,
    /// Where the store stands, with what is journaled.
    pub(super) state: State,
    /// The directory, locked.
    pub(super) dir: StateDir,
}

impl Engine {
    /// Makes a plan durable: in the journal, or in the database where it is too long for the journal. After an error it
    /// is unknown what is on disk, and nothing more may be written.
    pub(super) fn write(&mut self, plan: Plan, counters: &Counters) -> Result<(), StoreError> {
        let (state, writes) = guard::sled(&self.dir.sled(), || self.prepare(plan))?;
        let len = journal::encoded_len(&writes);
        if !self.commit_file.has_room_for(len) {
            self.settle(counters)?;
        }
        if self.commit_file.has_room_for(len) {
            self.commit_file.append(&journal::encode(state.commit, &writes))?;
            counters.count_sync();
            self.journaled.extend(writes);
            self.journaled_since.get_or_insert_with(Instant::now);
        } else {
            self.put(&writes, counters)?;
            self.commit_file.begin_anew(state.commit)?;
            counters.count_sync();
        }
        self.state = state;
        Ok(())
    }

    /// Puts what is journaled into the database, and begins the journal anew.
    pub(super) fn settle(&mut self, counters: &Counters) -> Result<(), StoreError> {
        if self.journaled.is_empty() {
            return Ok(());
        }
        self.put(&self.journaled, counters)?;
        self.commit_file.begin_anew(self.state.commit)?;
        counters.count_sync();
        self.journaled.clear();
        self.journaled_since = None;
        Ok(())
    }

    /// The bytes that go into the database with a plan, at most.
    pub(super) fn size_with(&self, plan: &Plan) -> u64 {
        size(&self.journaled).saturating_add(size(plan.writes()))
    }

    fn put(&self, writes: &Writes, counters: &Counters) -> Result<(), StoreError> {
        settle(&self.db, &self.trees, &self.log, writes, &self.dir)?;
        counters.count_sync();
        Ok(())
    }

    /// What the plan writes, and the state after it, which is written with it.
    fn prepare(&self, plan: Plan) -> sled::Result<(State, Writes)> {
        let mut state = self.state.clone();
        state.commit = state.commit.next();
        state.generation = plan.generation();
        let mut writes = plan.into_writes();
        for (place, value) in &writes {
            let tally = state.tallies.entry(place.table).or_default();
            if let Some(old) = self.header(place)? {
                tally.subtract(old);
            }
            if let Some(value) = value {
                tally.add(Header::of(place, value));
            }
        }
        let value = serde_json::to_vec(&state).expect("the state is plain data");
        writes.insert(Place::of_state(), Some(value));
        Ok((state, writes))
    }

    /// The header of what stands at a place.
    fn header(&self, place: &Place) -> sled::Result<Option<Header>> {
        match self.journaled.get(place) {
            Some(value) => Ok(value.as_ref().map(|value| Header::of(place, value))),
            None => stored(&self.trees, place),
        }
    }
}
