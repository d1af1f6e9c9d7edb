//! The file `commit` beside the database: the number of the last acknowledged commit.
//!
//! sled drops the end of a damaged log without a word; the number tells that something is missing. Two slots, each in
//! a disk block of its own, are written in turn, in place and each with a checksum: a write that was torn by a crash
//! leaves the other slot whole, and that one is at most one commit behind a commit that nobody was told of yet. A write
//! costs one `fdatasync` and changes no directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;

/// The open file.
#[derive(Debug)]
pub(super) struct CommitFile {
    file: File,
    path: PathBuf,
}

impl CommitFile {
    /// Creates the file with commit 0 in both slots; it is there whole or not at all.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| StoreError::io(path, source);
        let new = path.with_extension("new");
        let file = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new);
        let this = Self { file: file.map_err(fail)?, path: path.to_owned() };
        for offset in SLOTS {
            this.write_slot(offset, CommitNo(0)).map_err(fail)?;
        }
        this.file.sync_all().map_err(fail)?;
        std::fs::rename(&new, path).map_err(fail)?;
        Ok(this)
    }

    /// Opens the file and reads the number in it; nothing if there is no such file.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, CommitNo)>, StoreError> {
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::io(path, source)),
        };
        let mut last = None;
        for offset in SLOTS {
            let mut slot = [0; SLOT_LEN];
            match file.read_exact_at(&mut slot, offset) {
                Ok(()) => last = last.max(parse_slot(&slot)),
                Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(source) => return Err(StoreError::io(path, source)),
            }
        }
        let last = last.ok_or_else(|| StoreError::damaged(path, "no commit number in it is readable"))?;
        Ok(Some((Self { file, path: path.to_owned() }, last)))
    }

    /// Puts a number in place of the older one; it is durable when this returns.
    pub(super) fn write(&self, number: CommitNo) -> io::Result<()> {
        let [even, odd] = SLOTS;
        self.write_slot(if number.0.is_multiple_of(2) { even } else { odd }, number)?;
        self.file.sync_data()
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn write_slot(&self, offset: u64, number: CommitNo) -> io::Result<()> {
        let covered = [MAGIC.as_slice(), &number.0.to_be_bytes()].concat();
        let slot = [covered.as_slice(), &crc32fast::hash(&covered).to_be_bytes()].concat();
        self.file.write_all_at(&slot, offset)
    }
}

/// The number of a group of changes that became durable together; each takes the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitNo(pub u64);

impl CommitNo {
    /// The number after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for CommitNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number in a slot, if the slot is whole.
fn parse_slot(slot: &[u8; SLOT_LEN]) -> Option<CommitNo> {
    let (covered, crc) = slot.split_last_chunk()?;
    let (magic, number) = covered.split_first_chunk()?;
    let whole = *magic == MAGIC && u32::from_be_bytes(*crc) == crc32fast::hash(covered);
    whole.then_some(CommitNo(u64::from_be_bytes(number.try_into().ok()?)))
}

const MAGIC: [u8; 8] = *b"buoycmt1";
/// Magic, number, checksum.
const SLOT_LEN: usize = 20;
/// Where the slots are: for even numbers and for odd ones.
const SLOTS: [u64; 2] = [0, 4_096];

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commit");
        (dir, path)
    }

    fn read(path: &Path) -> Option<CommitNo> {
        CommitFile::open(path).unwrap().map(|(_, number)| number)
    }

    #[test]
    fn last_number_is_read_back() {
        let (_dir, path) = fresh();
        assert_eq!(read(&path), None);
        let file = CommitFile::create(&path).unwrap();
        assert_eq!(read(&path), Some(CommitNo(0)));
        for number in 1..=5 {
            file.write(CommitNo(number)).unwrap();
            assert_eq!(read(&path), Some(CommitNo(number)));
        }
    }

    #[test]
    fn torn_write_leaves_the_number_before() {
        let (_dir, path) = fresh();
        let file = CommitFile::create(&path).unwrap();
        file.write(CommitNo(1)).unwrap();
        let before = std::fs::read(&path).unwrap();
        file.write(CommitNo(2)).unwrap();
        let after = std::fs::read(&path).unwrap();
        for torn in 0..SLOT_LEN {
            let bytes = [&after[..torn], &before[torn..]].concat();
            std::fs::write(&path, bytes).unwrap();
            let number = read(&path).unwrap();
            assert!((1..=2).contains(&number.0), "{torn} bytes of the slot are new: {number}");
        }
    }

    #[test]
    fn file_without_a_whole_slot_is_damaged() {
        let (_dir, path) = fresh();
        for bytes in [vec![], vec![0; 8_192]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(CommitFile::open(&path), Err(StoreError::Damaged { .. })));
        }
    }
}
