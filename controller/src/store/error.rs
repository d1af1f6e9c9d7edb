//! What the store says when it cannot open or write.

use std::io;
use std::path::{Path, PathBuf};

use buoy_topology::Generation;
use thiserror::Error;

use super::CommitNo;

/// Why the store could not be opened or written. The text says where, what, and what to do about it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// What is on disk is not what was written there.
    #[error("{} is damaged: {what}; {RESTORE}", path.display())]
    Damaged {
        /// The file or directory that is damaged.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Acknowledged commits are missing.
    #[error("{} was rolled back: it ends at commit {stored} but commit {expected} was acknowledged; {RESTORE}", path.display())]
    RolledBack {
        /// The database.
        path: PathBuf,
        /// The last commit in it.
        stored: CommitNo,
        /// The last commit that was acknowledged.
        expected: CommitNo,
    },
    /// A newer buoyd wrote this store.
    #[error("{} has schema version {stored}, this buoyd knows up to {known}: run the newer buoyd, or {RESTORE}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        stored: u32,
        /// The newest schema version that can be read.
        known: u32,
    },
    /// Another process has the state directory.
    #[error("another buoyd already uses {}", path.display())]
    Locked {
        /// The state directory.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("{}: {source}; put this right, then restart buoyd", path.display())]
    Io {
        /// What was read, written or created.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The disk is too full for a change; nothing of it was stored, and the next may succeed.
    #[error("{} has {free} bytes free, and this change needs {needed}: make room, then ask again; nothing was changed", path.display())]
    Full {
        /// The state directory.
        path: PathBuf,
        /// What is free.
        free: u64,
        /// What has to be.
        needed: u64,
    },
    /// A write failed, this one or an earlier one; whether the first that failed is on disk is known after a restart.
    #[error("the store in {} is read-only since a write failed: {reason}; make room or repair the disk, then restart buoyd", path.display())]
    ReadOnly {
        /// The state directory.
        path: PathBuf,
        /// Why the write failed.
        reason: String,
    },
    /// The commit does not follow the last one; nothing of it was stored.
    #[error("commit of generation {given} does not follow generation {last}")]
    OutOfOrder {
        /// The generation that the commit asked for.
        given: Generation,
        /// The last generation in the store.
        last: Generation,
    },
}

impl StoreError {
    /// An error of the operating system at a path.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Damage at a path.
    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// What went wrong and where, without what to do about it.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Damaged { path, what } => format!("{}: {what}", path.display()),
            Self::Io { path, source } => format!("{}: {source}", path.display()),
            other => other.to_string(),
        }
    }

    /// What sled said, as damage or as an error of the operating system.
    pub(super) fn sled(path: &Path, error: sled::Error) -> Self {
        match error {
            sled::Error::Io(source) if !tells_damage(&source) => Self::io(path, source),
            other => Self::damaged(path, other.to_string().trim_end_matches(['.', '\n', ' '])),
        }
    }
}

/// Whether an error that sled passes on means that a file is short, gone or nonsense. sled copies errors and loses
/// their number, so that the kind is all there is.
fn tells_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | NotFound | Other | UnexpectedEof)
}

const RESTORE: &str = "move the state directory away, then restore a backup (buoyd restore FILE) or start empty";
