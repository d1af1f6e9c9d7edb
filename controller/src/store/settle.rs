//! How what was journaled gets into the database.

use std::collections::BTreeMap;
use std::fs::File;

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Batch, Db, Tree};

use super::directory::StateDir;
use super::envelope::{Header, seal};
use super::plan::Writes;
use super::table::{Place, Table};
use super::{StoreError, guard};

/// Puts writes into the database in one transaction, and makes it durable. After an error it is unknown what is on disk.
/// [`garbage::free`](super::garbage::free) comes after it.
pub(super) fn settle(
    db: &Db,
    trees: &BTreeMap<Table, Tree>,
    log: &File,
    writes: &Writes,
    dir: &StateDir,
) -> Result<(), StoreError> {
    let at = dir.sled();
    guard::sled(&at, || {
        let batches = batches(trees, writes)?;
        // The state is in the last one: where it is there, all before it is.
        let (last, first): (Vec<_>, Vec<_>) = batches.iter().partition(|(table, _)| **table == Table::Meta);
        let all = first.into_iter().chain(last);
        let (trees, batches): (Vec<&Tree>, Vec<&Batch>) =
            all.filter_map(|(table, batch)| Some((trees.get(table)?, batch))).unzip();
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
        db.flush().map(drop)
    })?;
    log.sync_data().map_err(|source| StoreError::io(&dir.sled_log(), source))
}

/// The header of what the database has at a place.
pub(super) fn stored(trees: &BTreeMap<Table, Tree>, place: &Place) -> sled::Result<Option<Header>> {
    let tree = trees.get(&place.table).expect("every table is open");
    let Some(stored) = tree.get(&place.key)? else { return Ok(None) };
    // Checked at open and written by us since: anything else is a fault of sled's memory or of the disk.
    let (header, _) = Header::parse(&stored).map_err(|_| sled::Error::Corruption { at: None, bt: () })?;
    Ok(Some(header))
}

/// What is to be done to each tree.
fn batches(trees: &BTreeMap<Table, Tree>, writes: &Writes) -> sled::Result<BTreeMap<Table, Batch>> {
    let mut batches = BTreeMap::<Table, Batch>::new();
    for (place, value) in writes {
        let batch = batches.entry(place.table).or_default();
        if let Some(old) = stored(trees, place)? {
            for key in old.further_keys(&place.key) {
                batch.remove(key);
            }
            batch.remove(place.key.as_slice());
        }
        for (key, part) in value.iter().flat_map(|value| seal(place, value).1) {
            batch.insert(key, part);
        }
    }
    Ok(batches)
}
