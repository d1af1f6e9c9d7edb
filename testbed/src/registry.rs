//! Labs that the command line started: one file each, in a directory of the user's own.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::datapath::{Choice, Datapath};
use crate::enter::{Namespaces, START_TIME, is_alive, stat_field};

/// A lab that runs detached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The lab's name.
    pub lab: String,
    /// What carries it.
    pub datapath: Datapath,
    /// Its holder.
    pid: i32,
    /// When the holder started, in ticks: a process id alone may have a new owner.
    start_time: String,
}

impl Entry {
    /// The lab's namespaces.
    pub fn namespaces(&self) -> Namespaces {
        Namespaces { pid: self.pid, datapath: self.datapath }
    }

    fn is_running(&self) -> bool {
        is_alive(self.pid) && stat_field(self.pid, START_TIME).as_deref() == Some(&self.start_time)
    }
}

/// Starts a lab that outlives this process, and records it.
pub fn start(lab: &str, datapath: Choice) -> Result<Entry> {
    ensure!(running()?.iter().all(|entry| entry.lab != lab), "lab {lab} is up; `buoy-testbed down {lab}` ends it");
    let directory = directory()?;
    let (namespaces, _) = Namespaces::start(lab, datapath, true)?;
    let start_time = stat_field(namespaces.pid, START_TIME).context("the holder is gone")?;
    let entry = Entry { lab: lab.to_owned(), datapath: namespaces.datapath, pid: namespaces.pid, start_time };
    let recorded = serde_json::to_vec(&entry)
        .map_err(anyhow::Error::from)
        .and_then(|text| fs::write(directory.join(format!("{lab}.json")), text).context("record the lab"));
    if let Err(error) = recorded {
        namespaces.end()?;
        return Err(error);
    }
    Ok(entry)
}

/// Ends a lab and forgets it.
pub fn end(entry: &Entry) -> Result<()> {
    if entry.is_running() {
        entry.namespaces().end()?;
    }
    let directory = directory()?;
    fs::remove_file(directory.join(format!("{}.json", entry.lab))).context("forget the lab")?;
    // Fails where other labs are recorded.
    let _ = fs::remove_dir(directory);
    Ok(())
}

/// Labs that run, sorted by name; records of those that ended are removed.
pub fn running() -> Result<Vec<Entry>> {
    let mut running = Vec::new();
    for file in fs::read_dir(directory()?)? {
        let path = file?.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match serde_json::from_str::<Entry>(&text) {
            Ok(entry) if entry.is_running() => running.push(entry),
            _ => fs::remove_file(&path).with_context(|| format!("remove the stale {}", path.display()))?,
        }
    }
    running.sort_by(|a, b| a.lab.cmp(&b.lab));
    Ok(running)
}

/// The directory of the records; made where it does not exist, refused where it is another user's.
fn directory() -> Result<PathBuf> {
    let user = geteuid().as_raw();
    let path = match env::var_os("XDG_RUNTIME_DIR") {
        Some(runtime) if PathBuf::from(&runtime).is_dir() => PathBuf::from(runtime).join("buoy-testbed"),
        _ => PathBuf::from(format!("/tmp/buoy-testbed-{user}")),
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .with_context(|| format!("create {}", path.display()))?;
    let metadata = fs::symlink_metadata(&path)?;
    ensure!(
        metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o022 == 0,
        "{} is not a directory that only this user can write to",
        path.display()
    );
    Ok(path)
}
