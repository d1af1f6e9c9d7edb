//! The file that says how far an adoption is: the command that began it may be gone.
//!
//! Beside it are `.lock` (held while the state is read and written), `.guard` (held while the guard lives) and `.log`
//! (what the guard says). Root runs what stands in the file, so only root may have written it: it is not kept in the
//! daemon's own directory, which is another user's and goes when the daemon stops.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::error::HostError;
use super::plan::{Plan, Wanted};

/// How far an adoption is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Its steps are under way.
    Moving,
    /// All is done, and the countdown runs.
    Waiting,
    /// It stays.
    Confirmed,
    /// It is being undone.
    RollingBack,
    /// All is as before.
    RolledBack,
    /// It could not be undone as a whole.
    Broken,
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Waiting => "waiting",
            Self::Confirmed => "confirmed",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
            Self::Broken => "broken",
        }
    }
}

/// An adoption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) wanted: Wanted,
    pub(super) plan: Plan,
    /// Where the daemon is asked.
    pub(super) socket: PathBuf,
    /// The process that does it and counts down.
    pub(super) guard: Option<u32>,
    /// How many steps have begun.
    pub(super) begun: usize,
    /// How many seconds the countdown has in all.
    pub(super) rollback_after: u64,
    /// When it runs out, in seconds since 1970: to be shown only.
    pub(super) until: Option<u64>,
    /// Somebody asked for the rollback.
    pub(super) asked: bool,
    /// Addresses and routes of the uplink as they were.
    pub(super) before: Vec<String>,
    /// Why it was rolled back, or could not be.
    pub(super) reason: Option<String>,
}

/// The state's file.
#[derive(Clone, Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is written in it; none where there is no file.
    pub(super) fn read(&self) -> Result<Option<State>, HostError> {
        let mut file = match OpenOptions::new().read(true).custom_flags(no_link()).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failure(error)),
        };
        let broken = |why: String| HostError::State { path: self.path.clone(), why };
        let owner = file.metadata().map_err(|error| self.failure(error))?;
        if owner.uid() != nix::unistd::geteuid().as_raw() || owner.mode() & 0o022 != 0 {
            return Err(broken("somebody else could have written it".to_owned()));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| self.failure(error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| broken(error.to_string()))
    }

    /// Writes the first state of an adoption, unless `check` refuses the one that is there.
    pub(super) fn begin(
        &self,
        state: &State,
        check: impl FnOnce(&State) -> Result<(), HostError>,
    ) -> Result<(), HostError> {
        let directory = self.path.parent().filter(|own| !own.as_os_str().is_empty());
        if let Some(directory) = directory.filter(|own| !own.exists()) {
            DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| self.failure(error))?;
        }
        let _lock = self.lock()?;
        if let Some(old) = self.read()? {
            check(&old)?;
        }
        self.write(state)
    }

    /// Changes the state, with nobody else in between. What `change` refuses changes nothing.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T, HostError>) -> Result<T, HostError> {
        let none = || HostError::NotFound(format!("nothing is being adopted ({} is not there)", self.path.display()));
        self.read()?.ok_or_else(none)?;
        let _lock = self.lock()?;
        let old = self.read()?.ok_or_else(none)?;
        let mut state = old.clone();
        let result = change(&mut state)?;
        if state != old {
            self.write(&state)?;
        }
        Ok(result)
    }

    /// Takes the guard's place for as long as the result lives; none where a guard lives.
    pub(super) fn guard(&self) -> Result<Option<Flock<File>>, HostError> {
        match Flock::lock(self.open(".guard")?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(self.failure(errno.into())),
        }
    }

    /// Where the guard's words go.
    pub(super) fn log(&self) -> Result<File, HostError> {
        self.open(".log")
    }

    fn lock(&self) -> Result<Flock<File>, HostError> {
        Flock::lock(self.open(".lock")?, FlockArg::LockExclusive).map_err(|(_, errno)| self.failure(errno.into()))
    }

    fn open(&self, suffix: &str) -> Result<File, HostError> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).custom_flags(no_link());
        options.open(self.beside(suffix)).map_err(|error| self.failure(error))
    }

    /// The new state is there as a whole or not at all, also after a power cut.
    fn write(&self, state: &State) -> Result<(), HostError> {
        let write = || -> io::Result<()> {
            let next = self.beside(".new");
            let _ = fs::remove_file(&next);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
            file.write_all(&serde_json::to_vec_pretty(state)?)?;
            file.sync_all()?;
            fs::rename(&next, &self.path)
        };
        write().map_err(|error| self.failure(error))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    fn failure(&self, source: io::Error) -> HostError {
        HostError::File { path: self.path.clone(), source }
    }
}

/// A link in the place of the file is no file of ours.
fn no_link() -> i32 {
    nix::fcntl::OFlag::O_NOFOLLOW.bits()
}

/// Where the state is, unless `--state` says otherwise.
pub(super) const DEFAULT_STATE: &str = "/run/buoyctl/adopt.json";
