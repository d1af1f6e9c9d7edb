//! What Buoy remembers, in sled. Nothing outside this module knows sled. `docs/store.md` describes what is on disk.
//!
//! ```text
//!                      1,024 waiting at most             up to 256 at once
//!  commit(), learn() ─────────────────────> store thread ──────────────> one record in the journal, one sync
//!         ^                                   │       └── now and then ─> one transaction, flush, sync; the journal begins anew
//!         └────────────── done(result) ───────┘
//! ```
//!
//! Read in this order: [`queue`] (the thread), [`plan`] (what a group writes), [`engine`] (how it becomes durable),
//! [`commit_file`] and [`journal`] (where it is first), [`settle`] (how it gets into sled), [`open`], [`scan`] and [`decode`]
//! (what is checked before anything is given out), [`migrate`] (older stores), [`backup`] and
//! [`restore`], then what they stand on: [`table`] (trees and keys), [`envelope`] (values), [`state`] (what shows that
//! nothing is missing), [`directory`], [`guard`] (sled's panics), [`garbage`] (sled's old pages).

mod backup;
mod commit_file;
mod decode;
mod directory;
mod engine;
mod envelope;
mod error;
mod garbage;
mod guard;
mod journal;
mod migrate;
mod open;
mod plan;
mod queue;
mod restore;
mod scan;
mod settle;
mod state;
mod stats;
mod table;

use std::path::Path;

use std::net::Ipv4Addr;

use buoy_topology::{Change, Generation, HookRecord, MacAddr, NeighbourKey, Record};

use crate::events::{Entries, Event};

pub use backup::{Backup, NoBackup};
pub use commit_file::CommitNo;
pub use error::StoreError;
pub use queue::Store;
pub use restore::{RestoreError, restore};
pub use stats::Stats;

/// Opens the store of a state directory, or creates it where the directory is empty or missing. Takes the directory
/// for this process, checks every record, and gives out all of them or none.
pub fn open(dir: &Path) -> Result<(Store, Loaded), StoreError> {
    // The outer guard is for sled's panics while a refused database is closed.
    let (engine, loaded) = guard::sled(dir, || Ok(open::open_engine(dir)))??;
    Ok((Store::start(engine)?, loaded))
}

/// What was stored when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The last generation.
    pub generation: Generation,
    /// Every record: providers, pools, networks, instances, floating IPs, each by key, then the entity counter.
    pub records: Vec<Record>,
    /// Every MAC that was learnt.
    pub learnt: Vec<(NeighbourKey, MacAddr)>,
    /// The newest event of each address that a hook was told of, or is to be.
    pub hooks: Vec<HookRecord>,
    /// The log of what happened, in no order.
    pub events: Vec<Event>,
}

/// What is to be kept of an address's newest event; nothing where it is `None`.
pub type HookNote = (Ipv4Addr, Option<HookRecord>);

/// A change to make durable, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The generation that the change takes: the one after the last commit's.
    pub generation: Generation,
    /// What changes.
    pub change: Change,
    /// What was learnt, or forgotten (`None`), at the same time.
    pub learnt: Vec<(NeighbourKey, Option<MacAddr>)>,
    /// Events for hooks, or addresses without one (`None`), at the same time.
    pub hooks: Vec<HookNote>,
    /// What the log gains and loses at the same time.
    pub events: Entries,
}
