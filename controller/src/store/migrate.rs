//! A store that an older buoyd wrote, brought to this one's schema when it is opened: after every value was checked and
//! before anything is given out. The schema number is written with what changes, in one batch.
//!
//! | schema | since it |
//! |---|---|
//! | 1 | providers, pools, networks, instances, floating IPs, what was learnt |
//! | 2 | there are trees that a buoyd of schema 1 does not know, and would leave out without a word |
//! | 3 | the file `commit` has a journal: a buoyd of schema 2 would leave out what is in it, and take an older state for the last |
//!
//! A field with a default needs no step. A step that rewrites values goes here, and their tallies with them.

use std::fs::File;
use std::path::Path;

use sled::{Batch, Db, Tree};
use tracing::info;

use super::state::{SCHEMA, schema_record};
use super::table::Place;
use super::{StoreError, guard};

/// Brings a store to the schema that is written now; it is durable when this returns.
pub(super) fn migrate(db: &Db, meta: &Tree, log: &File, from: u32, at: &Path) -> Result<(), StoreError> {
    if from == SCHEMA {
        return Ok(());
    }
    let mut batch = Batch::default();
    batch.insert(Place::of_schema().key, schema_record(SCHEMA));
    guard::sled(at, || {
        meta.apply_batch(batch)?;
        db.flush().map(drop)
    })?;
    log.sync_all().map_err(|source| StoreError::io(at, source))?;
    info!(from, to = SCHEMA, "the store was written by an older buoyd and is brought up to date");
    Ok(())
}
