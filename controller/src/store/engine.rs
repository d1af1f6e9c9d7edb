//! The open database and how one group of changes becomes durable in it. Only the store thread writes.

use std::collections::BTreeMap;
use std::fs::File;

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Batch, Db, Tree};

use super::commit_file::CommitFile;
use super::directory::StateDir;
use super::envelope::{Header, seal};
use super::plan::Plan;
use super::state::{State, Tally};
use super::stats::Counters;
use super::table::{Place, Table};
use super::{StoreError, guard};

/// The database and what goes with it. Fields are dropped in this order: the lock last.
#[derive(Debug)]
pub(super) struct Engine {
    /// The trees.
    pub(super) trees: BTreeMap<Table, Tree>,
    /// The database.
    pub(super) db: Db,
    /// Our own handle of sled's log, to fsync it: sled's `flush` does not.
    pub(super) log: File,
    /// The number of the last acknowledged commit.
    pub(super) commit_file: CommitFile,
    /// Where the store stands.
    pub(super) state: State,
    /// The directory, locked.
    pub(super) dir: StateDir,
}

impl Engine {
    /// Writes a plan in one transaction and makes it durable. After an error it is unknown what is on disk, and nothing
    /// more may be written. `kept` is called between the two syncs, when a crash does not take the plan back any more.
    pub(super) fn write(&mut self, plan: Plan, counters: &Counters, kept: impl FnOnce()) -> Result<(), StoreError> {
        let at = self.dir.sled();
        let (state, batches) = guard::sled(&at, || self.prepare(plan))?;
        guard::sled(&at, || {
            let (trees, batches): (Vec<&Tree>, Vec<&Batch>) =
                batches.iter().filter_map(|(table, batch)| Some((self.trees.get(table)?, batch))).unzip();
            // sled may run the closure again, so it only hands over what was prepared.
            let written = trees.as_slice().transaction(|views| {
                for (view, batch) in views.iter().zip(&batches) {
                    view.apply_batch(batch)?;
                }
                Ok::<_, ConflictableTransactionError<()>>(())
            });
            match written {
                Ok(()) => {}
                Err(TransactionError::Storage(error)) => return Err(error),
                Err(TransactionError::Abort(())) => unreachable!("the closure does not abort"),
            }
            self.db.flush().map(drop)
        })?;
        self.log.sync_data().map_err(|source| StoreError::io(&self.dir.sled_log(), source))?;
        counters.count_sync();
        kept();
        self.commit_file.write(state.commit).map_err(|source| StoreError::io(self.commit_file.path(), source))?;
        counters.count_sync();
        self.state = state;
        Ok(())
    }

    /// What the plan writes into each tree, and the state after it.
    fn prepare(&self, plan: Plan) -> sled::Result<(State, BTreeMap<Table, Batch>)> {
        let mut state = self.state.clone();
        state.commit = state.commit.next();
        state.generation = plan.generation();
        let mut batches = BTreeMap::<Table, Batch>::new();
        for (place, value) in plan.into_writes() {
            let batch = batches.entry(place.table).or_default();
            let tally = state.tallies.entry(place.table).or_default();
            self.replace(&place, value.as_deref(), batch, tally)?;
        }
        let value = serde_json::to_vec(&state).expect("the state is plain data");
        let meta = batches.entry(Table::Meta).or_default();
        self.replace(&Place::of_state(), Some(&value), meta, &mut Tally::default())?;
        Ok((state, batches))
    }

    /// Puts a value, or nothing, in place of what is stored.
    fn replace(&self, place: &Place, value: Option<&[u8]>, batch: &mut Batch, tally: &mut Tally) -> sled::Result<()> {
        let tree = self.trees.get(&place.table).expect("every table is open");
        if let Some(stored) = tree.get(&place.key)? {
            // Checked at open and written by us since: anything else is a fault of sled's memory or of the disk.
            let (old, _) = Header::parse(&stored).map_err(|_| sled::Error::Corruption { at: None, bt: () })?;
            tally.subtract(old);
            for key in old.further_keys(&place.key) {
                batch.remove(key);
            }
            batch.remove(place.key.as_slice());
        }
        if let Some(value) = value {
            let (new, parts) = seal(place, value);
            tally.add(new);
            for (key, part) in parts {
                batch.insert(key, part);
            }
        }
        Ok(())
    }
}
