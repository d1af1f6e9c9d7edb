//! From a backup to a state directory. It is made apart, checked as it is when a daemon starts, and then takes its
//! place: an end in between leaves a directory that no daemon takes for a store, and that can be restored into again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sled::Batch;
use thiserror::Error;

use super::backup::{Backup, NoBackup};
use super::commit_file::CommitFile;
use super::directory::{StateDir, sync_dir};
use super::envelope::seal;
use super::open::{open_engine, open_sled};
use super::state::{State, Tally, schema_record};
use super::table::{Place, Table};
use super::{StoreError, guard};

/// Why nothing was restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is something that a restore would overwrite.
    #[error("{} has a store already: move it away, or name another --state-dir", .0.display())]
    NotEmpty(PathBuf),
    /// The file is no backup.
    #[error(transparent)]
    NoBackup(#[from] NoBackup),
    /// The backup does not hold what it says.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the store of a backup in a directory that has none.
pub fn restore(backup: &Backup, path: &Path) -> Result<(), RestoreError> {
    let dir = StateDir::take(path)?;
    let apart = path.join("restoring");
    if apart.exists() && !(dir.sled().exists() && dir.commit_file().exists()) {
        // A restore was cut off before it was done.
        remove(&apart)?;
        remove(&dir.sled())?;
        remove(&dir.commit_file())?;
    }
    if dir.sled().exists() || dir.commit_file().exists() {
        return Err(RestoreError::NotEmpty(path.to_owned()));
    }
    let built = build(backup, &apart);
    if let Err(error) = built {
        // What was wrong matters more than what is left of it.
        let _ = remove(&apart);
        return Err(error);
    }
    for name in ["sled", "commit"] {
        fs::rename(apart.join(name), path.join(name)).map_err(|source| StoreError::io(path, source))?;
    }
    sync_dir(path)?;
    remove(&apart)?;
    sync_dir(path)?;
    Ok(())
}

/// Writes all that the backup holds, and opens it as a daemon would.
fn build(backup: &Backup, apart: &Path) -> Result<(), RestoreError> {
    let state: State = serde_json::from_str(backup.state.get())
        .map_err(|error| RestoreError::Damaged(format!("its state cannot be read: {error}")))?;
    {
        let dir = StateDir::take(apart)?;
        let at = dir.sled();
        let mut commit_file = CommitFile::create(&dir.commit_file())?;
        let db = open_sled(&dir)?;
        write(backup, &state, &db, &at)?;
        dir.sync()?;
        commit_file.begin_anew(state.commit)?;
        guard::sled(&at, || {
            drop(db);
            Ok(())
        })?;
    }
    // Whatever a value lacks shows here.
    match open_engine(apart) {
        Ok(_) => Ok(()),
        Err(StoreError::Damaged { what, .. }) => Err(RestoreError::Damaged(what)),
        Err(error) => Err(error.into()),
    }
}

fn write(backup: &Backup, state: &State, db: &sled::Db, at: &Path) -> Result<(), RestoreError> {
    let mut batches = BTreeMap::<Table, Batch>::new();
    let mut tallies = BTreeMap::<Table, Tally>::new();
    for (nth, entry) in backup.values.iter().enumerate() {
        let place = entry.place().ok_or_else(|| RestoreError::Damaged(format!("the key of value {nth} is no hex")))?;
        let (header, parts) = seal(&place, entry.value.get().as_bytes());
        tallies.entry(place.table).or_default().add(header);
        let batch = batches.entry(place.table).or_default();
        parts.into_iter().for_each(|(key, part)| batch.insert(key, part));
    }
    for table in Table::ALL {
        let (found, stored) = (tallies.get(&table).copied(), state.tallies.get(&table).copied());
        if found.unwrap_or_default() != stored.unwrap_or_default() {
            let what = format!("what it has of {} is not what was stored", table.name());
            return Err(RestoreError::Damaged(what));
        }
    }
    let meta = batches.entry(Table::Meta).or_default();
    let (_, parts) = seal(&Place::of_state(), backup.state.get().as_bytes());
    parts.into_iter().for_each(|(key, part)| meta.insert(key, part));
    meta.insert(Place::of_schema().key, schema_record(backup.schema));
    guard::sled(at, || {
        for (table, batch) in batches {
            db.open_tree(table.name())?.apply_batch(batch)?;
        }
        db.flush().map(drop)
    })?;
    let log = at.join("db");
    File::open(&log).and_then(|file| file.sync_all()).map_err(|source| StoreError::io(&log, source))?;
    Ok(())
}

/// Removes a file or a directory that may be there.
fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::io(path, source)),
        _ => Ok(()),
    }
}
