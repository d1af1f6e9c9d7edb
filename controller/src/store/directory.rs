//! The state directory: created, locked, and made durable.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;

use super::StoreError;

/// The state directory, which is this process's own as long as this lives.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl StateDir {
    /// Creates the directory with mode 0700 if it is missing, and locks it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| StoreError::io(path, source);
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_dir(path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")))?,
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(fail(source)),
        }
        if !fs::metadata(path).map_err(fail)?.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        let handle = File::open(path).map_err(fail)?;
        match Flock::lock(handle, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err((_, Errno::EWOULDBLOCK)) => Err(StoreError::Locked { path: path.to_owned() }),
            Err((_, errno)) => Err(fail(errno.into())),
        }
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that sled owns.
    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// sled's log, where all records are.
    pub(super) fn sled_log(&self) -> PathBuf {
        self.sled().join("db")
    }

    /// The file with the commit number and the journal.
    pub(super) fn commit_file(&self) -> PathBuf {
        self.path.join("commit")
    }

    /// The bytes that are free on the directory's disk, for us.
    pub(super) fn free(&self) -> io::Result<u64> {
        let disk = statvfs(&self.path)?;
        Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// Makes durable which files exist, and what sled writes only once: its log's recovered end and its settings.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        for file in [self.sled_log(), self.sled().join("conf")] {
            File::open(&file).and_then(|handle| handle.sync_all()).map_err(|source| StoreError::io(&file, source))?;
        }
        sync_dir(&self.sled())?;
        sync_dir(&self.path)
    }
}

/// Makes durable which files a directory has.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|handle| handle.sync_all()).map_err(|source| StoreError::io(path, source))
}
