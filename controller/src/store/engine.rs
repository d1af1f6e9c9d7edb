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
use super::{StoreError, garbage, guard, journal};

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
    /// When the first and the last of it came.
    pub(super) journaled_at: Option<(Instant, Instant)>,
    /// Where the store stands, with what is journaled.
    pub(super) state: State,
    /// The checksum of the state as it is stored.
    pub(super) state_crc: u32,
    /// Whether a write past the journal is in the database by halves.
    pub(super) is_torn: bool,
    /// How many writes have left pages behind in sled.
    pub(super) left_behind: usize,
    /// The directory, locked.
    pub(super) dir: StateDir,
}

impl Engine {
    /// Makes a plan durable: in the journal, or in the database where it is too long for the journal. After an error it
    /// is unknown what is on disk, and nothing more may be written.
    ///
    /// A long record is not put into the database together with what is journaled: each transaction of sled's is to be
    /// as short as can be.
    pub(super) fn write(&mut self, plan: Plan, counters: &Counters) -> Result<(), StoreError> {
        let (state, state_crc, writes) = guard::sled(&self.dir.sled(), || self.prepare(plan))?;
        let len = journal::encoded_len(&writes);
        if self.commit_file.is_filled_by(len) {
            self.settle(counters)?;
        }
        if self.commit_file.has_room_for(len) {
            self.commit_file.append(&journal::encode(state.commit, self.state_crc, &writes))?;
            counters.count_sync();
            self.journaled.extend(writes);
            let now = Instant::now();
            let first = self.journaled_at.map_or(now, |(first, _)| first);
            self.journaled_at = Some((first, now));
            (self.state, self.state_crc) = (state, state_crc);
        } else {
            self.is_torn = true;
            self.put(&writes, counters)?;
            (self.state, self.state_crc) = (state, state_crc);
            self.is_torn = false;
            self.left_behind += writes.len();
            self.commit_file.begin_anew(self.state.commit)?;
            counters.count_sync();
        }
        Ok(())
    }

    /// Puts what is journaled into the database, and begins the journal anew.
    pub(super) fn settle(&mut self, counters: &Counters) -> Result<(), StoreError> {
        if self.journaled.is_empty() {
            return Ok(());
        }
        self.put(&self.journaled, counters)?;
        self.left_behind += self.journaled.len();
        self.commit_file.begin_anew(self.state.commit)?;
        counters.count_sync();
        self.journaled.clear();
        self.journaled_at = None;
        Ok(())
    }

    /// Frees what the database has left behind in memory. Nobody should wait for that.
    pub(super) fn free(&mut self) {
        garbage::free(std::mem::take(&mut self.left_behind));
    }

    /// The bytes that go into the database with what is journaled, at most.
    pub(super) fn size_with(&self, writes: &Writes) -> u64 {
        size(&self.journaled).saturating_add(size(writes))
    }

    fn put(&self, writes: &Writes, counters: &Counters) -> Result<(), StoreError> {
        settle(&self.db, &self.trees, &self.log, writes, &self.dir)?;
        counters.count_sync();
        Ok(())
    }

    /// What the plan writes, and the state after it with its checksum, which is written with it.
    fn prepare(&self, plan: Plan) -> sled::Result<(State, u32, Writes)> {
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
        let crc = crc32fast::hash(&value);
        writes.insert(Place::of_state(), Some(value));
        Ok((state, crc, writes))
    }

    /// The header of what stands at a place.
    fn header(&self, place: &Place) -> sled::Result<Option<Header>> {
        match self.journaled.get(place) {
            Some(value) => Ok(value.as_ref().map(|value| Header::of(place, value))),
            None => stored(&self.trees, place),
        }
    }
}
