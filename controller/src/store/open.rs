//! Opening: everything is looked at before anything is given out.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use buoy_topology::Generation;
use sled::{Batch, Db};
use tracing::{info, warn};

use super::commit_file::{CommitFile, Found};
use super::decode::scan;
use super::directory::{StateDir, sync_dir};
use super::engine::Engine;
use super::envelope::{Header, seal};
use super::journal::Journal;
use super::migrate::migrate;
use super::plan::Writes;
use super::scan::Scanned;
use super::settle::settle;
use super::state::{JOURNALED, SCHEMA, State, parse_schema, schema_record};
use super::table::{Place, Table};
use super::{CommitNo, Loaded, StoreError, garbage, guard, journal};

/// Opens or creates the database in a state directory.
pub(super) fn open_engine(path: &Path) -> Result<(Engine, Loaded), StoreError> {
    let started = Instant::now();
    let dir = StateDir::take(path)?;
    let (mut commit_file, past) = open_commit_file(&dir)?;
    let at = dir.sled();
    let acknowledged = past.acknowledged;
    if acknowledged != CommitNo(0) && !dir.sled_log().exists() {
        return Err(StoreError::RolledBack { path: at, stored: CommitNo(0), expected: acknowledged });
    }
    let opened = match open_database(&dir, &commit_file, &past) {
        // Not where the journal is what is damaged: it may have had what was acknowledged.
        Err(StoreError::Damaged { path, what: damage }) if acknowledged == CommitNo(0) && path == at => {
            warn!(%damage, "a first start was cut off before anything was acknowledged: the store begins anew");
            std::fs::remove_dir_all(&at).map_err(|source| StoreError::io(&at, source))?;
            open_database(&dir, &commit_file, &past)?
        }
        opened => opened?,
    };
    let Database { db, log, trees, stored: Stored { state, crc: state_crc }, scanned } = opened;
    if state.commit > acknowledged.next() {
        warn!(stored = %state.commit, acknowledged = %acknowledged, "the commit file is older than the store");
    }
    // The database has everything, and is whole: only now may the journal go. Both slots are made whole.
    for _ in 0..2 {
        commit_file.begin_anew(state.commit)?;
    }
    let Scanned { records, learnt, hooks, events, .. } = scanned;
    let loaded = Loaded { generation: state.generation, records, learnt, hooks, events };
    info!(
        generation = %loaded.generation,
        records = loaded.records.len(),
        learnt = loaded.learnt.len(),
        events = loaded.events.len(),
        elapsed = ?started.elapsed(),
        "the store is open"
    );
    let engine = Engine {
        trees,
        db,
        log,
        commit_file,
        journaled: Writes::new(),
        journaled_at: None,
        state,
        state_crc,
        is_torn: false,
        left_behind: 0,
        dir,
    };
    Ok((engine, loaded))
}

/// What the commit file tells of the store's past.
struct Past {
    /// The last commit that the database had when the journal began.
    base: CommitNo,
    journal: Journal,
    /// The last commit that is known to have been acknowledged, or nearly.
    acknowledged: CommitNo,
    /// Whether the file has no room for a journal.
    is_short: bool,
}

/// A database that has been looked at.
struct Database {
    db: Db,
    log: File,
    trees: BTreeMap<Table, sled::Tree>,
    stored: Stored,
    scanned: Scanned,
}

/// Where a database stands.
#[derive(Debug)]
struct Stored {
    state: State,
    /// The checksum of the state as it is stored.
    crc: u32,
}

/// Opens sled's database, puts into it what is only journaled, and reads all of it; creates it where it is missing.
fn open_database(dir: &StateDir, commit_file: &CommitFile, past: &Past) -> Result<Database, StoreError> {
    let at = dir.sled();
    let db = open_sled(dir)?;
    dir.sync()?;
    let log = File::options().write(true).open(dir.sled_log());
    let log = log.map_err(|source| StoreError::io(&dir.sled_log(), source))?;
    let (mut stored, version) = read_state(&db, &at)?;
    let commit = stored.as_ref().map_or(CommitNo(0), |stored| stored.state.commit);
    if past.base > commit || stored.is_none() && past.acknowledged > CommitNo(0) {
        return Err(StoreError::RolledBack { path: at, stored: commit, expected: past.acknowledged });
    }
    let damaged = |what: String| StoreError::damaged(commit_file.path(), what);
    if let Some((lost, later)) = past.journal.gap.filter(|(_, later)| *later > commit) {
        return Err(damaged(format!("commit {lost} cannot be read in it, and commit {later} came after it")));
    }
    if let Some(number) = past.journal.foreign.filter(|number| *number > commit) {
        return Err(damaged(format!("commit {number} in it is whole, but not what a buoyd of this version writes")));
    }
    if past.is_short && stored.is_some() && version >= JOURNALED {
        return Err(damaged("its end is missing".to_owned()));
    }
    let trees = open_trees(&db, &at, stored.as_ref().map(|stored| &stored.state))?;
    if past.is_short {
        commit_file.complete()?;
    }
    if let Some(last) = past.journal.records.last().map(|last| last.number).filter(|last| *last >= commit) {
        if let Some(stored) = &stored
            && !goes_on_from(past, stored)
        {
            return Err(damaged(format!("what it has does not follow commit {commit} of {}", at.display())));
        }
        replay(&db, &trees, &log, dir, past)?;
        stored = read_state(&db, &at)?.0.filter(|stored| stored.state.commit == last);
        if stored.is_none() {
            return Err(damaged(format!("commit {last} does not end with its own number")));
        }
    }
    let scanned = scan(&trees, &at)?;
    check_tallies(&scanned, stored.as_ref().map(|stored| &stored.state), &at)?;
    migrate(&db, trees.get(&Table::Meta).expect("every table is open"), &log, version, &at)?;
    let stored = match stored {
        Some(stored) => stored,
        None => {
            let first = write_first(&db, &trees, &at)?;
            log.sync_all().map_err(|source| StoreError::io(&dir.sled_log(), source))?;
            dir.sync()?;
            first
        }
    };
    Ok(Database { db, log, trees, stored, scanned })
}

/// Whether the database stands where the journal begins, or where one of its commits ended.
fn goes_on_from(past: &Past, stored: &Stored) -> bool {
    let records = &past.journal.records;
    let begins = records.first().map(|first| (past.base, Some(first.before)));
    let ends = records.iter().map(|record| (record.number, record.after()));
    begins.into_iter().chain(ends).any(|known| known == (stored.state.commit, Some(stored.crc)))
}

/// Puts into the database all that the journal has: where that is there already, a second time. The database's number
/// tells what of it is there, but not whether all of it is.
fn replay(
    db: &Db,
    trees: &BTreeMap<Table, sled::Tree>,
    log: &File,
    dir: &StateDir,
    past: &Past,
) -> Result<(), StoreError> {
    let mut all = Writes::new();
    for record in &past.journal.records {
        all.extend(record.writes.iter().map(|(place, value)| (place.clone(), value.clone())));
    }
    settle(db, trees, log, &all, dir)?;
    garbage::free(all.len());
    info!(from = %past.base, commits = past.journal.records.len(), "what was acknowledged last is put into the database");
    Ok(())
}

/// Holds that each table has what was stored in it, no more, no less and nothing old.
fn check_tallies(scanned: &Scanned, stored: Option<&State>, at: &Path) -> Result<(), StoreError> {
    for table in Table::ALL {
        let expected = stored.and_then(|state| state.tallies.get(&table)).copied().unwrap_or_default();
        let found = scanned.tallies.get(&table).copied().unwrap_or_default();
        if expected != found {
            let what = format!(
                "{} has {} records where {} were stored, or some of them are old",
                table.name(),
                found.records,
                expected.records
            );
            return Err(StoreError::damaged(at, what));
        }
    }
    Ok(())
}

/// Opens the commit file, or creates it where the directory has no store yet.
fn open_commit_file(dir: &StateDir) -> Result<(CommitFile, Past), StoreError> {
    let path = dir.commit_file();
    let (file, Found { base, journal, is_short }) = match CommitFile::open(&path)? {
        Some(opened) => opened,
        // The commit file is durable before sled writes anything, so a database without it has lost it.
        None if dir.sled().exists() => {
            return Err(StoreError::damaged(&path, "the file is missing beside a database"));
        }
        None => {
            let created = CommitFile::create(&path)?;
            sync_dir(dir.path())?;
            (created, Found::default())
        }
    };
    let journal = journal::read(&journal, base);
    let last = journal.records.last().map(|record| record.number);
    let acknowledged = journal.gap.map(|(_, later)| later).or(journal.foreign).or(last).unwrap_or(base);
    Ok((file, Past { base, journal, acknowledged, is_short }))
}

/// Opens sled. It starts over without a word where its files are gone, which the commit number shows afterwards.
pub(super) fn open_sled(dir: &StateDir) -> Result<Db, StoreError> {
    let at = dir.sled();
    let config = sled::Config::new().path(&at).cache_capacity(CACHE_BYTES).mode(sled::Mode::LowSpace);
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match guard::sled(&at, || config.open()) {
            // The directory is ours: this is a store of this process whose last background task still runs.
            Err(StoreError::Damaged { what, .. }) if what.contains(LOCK_FAILED) => {
                if Instant::now() > deadline {
                    return Err(StoreError::Locked { path: dir.path().to_owned() });
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened,
        }
    }
}

/// Reads the store's own state, none if no commit has ever been written, and its schema version.
fn read_state(db: &Db, at: &Path) -> Result<(Option<Stored>, u32), StoreError> {
    let meta_exists = db.tree_names().iter().any(|name| name == Table::Meta.name().as_bytes());
    if !meta_exists {
        return Ok((None, SCHEMA));
    }
    let (schema, state) = guard::sled(at, || {
        let meta = db.open_tree(Table::Meta.name())?;
        Ok((meta.get(Place::of_schema().key)?, meta.get(Place::of_state().key)?))
    })?;
    let (schema, state) = match (schema, state) {
        (None, None) => return Ok((None, SCHEMA)),
        (Some(schema), Some(state)) => (schema, state),
        (None, Some(_)) => return Err(StoreError::damaged(at, "the schema version is missing")),
        (Some(_), None) => return Err(StoreError::damaged(at, "the store's state is missing")),
    };
    let version = parse_schema(&schema).ok_or_else(|| StoreError::damaged(at, "the schema version is unreadable"))?;
    if version == 0 {
        return Err(StoreError::damaged(at, "the schema version is 0, which no buoyd writes"));
    }
    if version > SCHEMA {
        return Err(StoreError::Newer { path: at.to_owned(), stored: version, known: SCHEMA });
    }
    let place = Place::of_state();
    let unreadable = |what: &dyn std::fmt::Display| StoreError::damaged(at, format!("{place} is unreadable: {what}"));
    let (header, value) = Header::parse(&state).map_err(|error| unreadable(&error))?;
    header.check(&place, value).map_err(|error| unreadable(&error))?;
    let crc = crc32fast::hash(value);
    let state = serde_json::from_slice(value).map_err(|error| unreadable(&error))?;
    Ok((Some(Stored { state, crc }), version))
}

/// Opens all trees. One that is missing from a store that had something in it is damage; sled would create it empty.
fn open_trees(db: &Db, at: &Path, stored: Option<&State>) -> Result<BTreeMap<Table, sled::Tree>, StoreError> {
    let names = db.tree_names();
    let mut trees = BTreeMap::new();
    for table in Table::ALL {
        // A store that an older version made has no tree of what that did not know.
        let was_used = stored.is_some_and(|state| state.tallies.contains_key(&table));
        if was_used && !names.iter().any(|name| name == table.name().as_bytes()) {
            return Err(StoreError::damaged(at, format!("the tree {} is missing", table.name())));
        }
        trees.insert(table, guard::sled(at, || db.open_tree(table.name()))?);
    }
    Ok(trees)
}

/// Writes the schema version and the state of an empty store: commit 0, generation 0.
fn write_first(db: &Db, trees: &BTreeMap<Table, sled::Tree>, at: &Path) -> Result<Stored, StoreError> {
    let state = State { generation: Generation(0), ..State::default() };
    let value = serde_json::to_vec(&state).expect("the state is plain data");
    let mut batch = Batch::default();
    let (_, parts) = seal(&Place::of_state(), &value);
    for (key, part) in parts {
        batch.insert(key, part);
    }
    batch.insert(Place::of_schema().key, schema_record(SCHEMA));
    guard::sled(at, || {
        trees.get(&Table::Meta).expect("every table is open").apply_batch(batch)?;
        db.flush().map(drop)
    })?;
    Ok(Stored { state, crc: crc32fast::hash(&value) })
}

/// sled's cache of pages. Everything is in memory once more in our own form, so that this only serves writes.
const CACHE_BYTES: u64 = 8 * 1_024 * 1_024;
/// How long to wait for a store that this process has just closed.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// What sled says when its log is locked.
const LOCK_FAILED: &str = "could not acquire lock";
