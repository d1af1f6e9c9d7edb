//! The file `commit` beside the database: what was acknowledged and is not in the database yet.
//!
//! ```text
//!  0        4,096    8,192                                            532,480
//! +--------+--------+----------+----------+------------------------+
//! | slot 0 | slot 1 | record   | record   | what was there before  |
//! +--------+--------+----------+----------+------------------------+
//! ```
//!
//! A slot has the number of the last commit that sled has kept when the journal began anew, and a checksum. The two are
//! written in turn: a write that was torn by a crash leaves the other slot whole. The records of the commits after that
//! number follow each other without a gap ([`journal`](super::journal) says what is in them). The file has its whole
//! length from the beginning, so that a record costs one write and one `fdatasync`, and changes neither directory nor
//! length.

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
    /// The slot to write next: the one that does not have the highest number.
    next_slot: u64,
    /// Where the next record goes.
    end: u64,
}

/// What was in the file.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The number that the journal goes on from.
    pub(super) base: CommitNo,
    /// The records, and what is behind them.
    pub(super) journal: Vec<u8>,
    /// Whether the end of the file is missing, as where a buoyd wrote it that knew no journal.
    pub(super) is_short: bool,
}

impl CommitFile {
    /// Creates the file with commit 0 in both slots and an empty journal; it is there whole or not at all.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let fail = |source| StoreError::io(path, source);
        let new = path.with_extension("new");
        let file = File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new);
        let this = Self { file: file.map_err(fail)?, path: path.to_owned(), next_slot: SLOTS[0], end: JOURNAL };
        for offset in SLOTS {
            this.write_slot(offset, CommitNo(0)).map_err(fail)?;
        }
        this.complete()?;
        std::fs::rename(&new, path).map_err(fail)?;
        Ok(this)
    }

    /// Opens the file and reads what is in it; nothing if there is no such file. [`CommitFile::begin_anew`] comes before
    /// the first record.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, Found)>, StoreError> {
        let fail = |source| StoreError::io(path, source);
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(fail(source)),
        };
        let len = file.metadata().map_err(fail)?.len().min(LEN);
        let mut bytes = vec![0; usize::try_from(len).expect("it is half a megabyte")];
        file.read_exact_at(&mut bytes, 0).map_err(fail)?;
        let number = |offset| parse_slot(bytes.get(index(offset)..)?.first_chunk()?);
        let [even, odd] = SLOTS.map(number);
        let base = even.max(odd).ok_or_else(|| StoreError::damaged(path, "no commit number in it is readable"))?;
        let next_slot = if even < odd { SLOTS[0] } else { SLOTS[1] };
        let journal = bytes.get(index(JOURNAL)..).unwrap_or_default().to_vec();
        let found = Found { base, journal, is_short: len < LEN };
        Ok(Some((Self { file, path: path.to_owned(), next_slot, end: LEN }, found)))
    }

    /// Gives the file its whole length, which is durable when this returns.
    pub(super) fn complete(&self) -> Result<(), StoreError> {
        let complete = || {
            let len = self.file.metadata()?.len();
            // Written and not only reserved: the first write to what is reserved would change where the file lies.
            self.file.write_all_at(&vec![0; index(LEN.saturating_sub(len))], len)?;
            self.file.sync_all()
        };
        complete().map_err(|source| StoreError::io(&self.path, source))
    }

    /// Whether a record of this length would bring more into the journal than the database takes in at once.
    pub(super) fn is_filled_by(&self, len: usize) -> bool {
        u64::try_from(len).is_ok_and(|len| self.end.saturating_add(len) > JOURNAL + FILLING)
    }

    /// Whether a record of this length can be added.
    pub(super) fn has_room_for(&self, len: usize) -> bool {
        u64::try_from(len).is_ok_and(|len| self.end.saturating_add(len) <= LEN)
    }

    /// Whether so much is in the journal that it should go into the database soon.
    pub(super) fn is_filling(&self) -> bool {
        self.end >= JOURNAL + FILLING
    }

    /// Adds a record; it is durable when this returns.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), StoreError> {
        let append = || {
            self.file.write_all_at(record, self.end)?;
            self.file.sync_data()
        };
        append().map_err(|source| StoreError::io(&self.path, source))?;
        self.end += u64::try_from(record.len()).unwrap_or(LEN);
        Ok(())
    }

    /// Forgets all records: the database has kept everything up to this number. That is durable when this returns.
    pub(super) fn begin_anew(&mut self, base: CommitNo) -> Result<(), StoreError> {
        let written = self.write_slot(self.next_slot, base).and_then(|()| self.file.sync_data());
        written.map_err(|source| StoreError::io(&self.path, source))?;
        let [even, odd] = SLOTS;
        self.next_slot = if self.next_slot == even { odd } else { even };
        self.end = JOURNAL;
        Ok(())
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
        Self(self.0.saturating_add(1))
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

/// A place in the file as a place in memory.
fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("the file is half a megabyte")
}

const MAGIC: [u8; 8] = *b"buoycmt1";
/// Magic, number, checksum.
const SLOT_LEN: usize = 20;
/// Where the slots are.
const SLOTS: [u64; 2] = [0, 4_096];
/// Where the records begin.
const JOURNAL: u64 = 8_192;
/// How long the file is: room for 128 records of one block.
const LEN: u64 = JOURNAL + 512 * 1_024;
/// As much of the journal is put into the database together, while requests come: sled then writes less than one of its
/// segments between two syncs.
const FILLING: u64 = 128 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commit");
        (dir, path)
    }

    fn read(path: &Path) -> Option<CommitNo> {
        CommitFile::open(path).unwrap().map(|(_, found)| found.base)
    }

    #[test]
    fn last_number_is_read_back() {
        let (_dir, path) = fresh();
        assert_eq!(read(&path), None);
        let mut file = CommitFile::create(&path).unwrap();
        assert_eq!(read(&path), Some(CommitNo(0)));
        for number in [1, 3, 5, 6, 8, 10] {
            file.begin_anew(CommitNo(number)).unwrap();
            assert_eq!(read(&path), Some(CommitNo(number)));
            // So does who opens it anew.
            file = CommitFile::open(&path).unwrap().unwrap().0;
        }
    }

    #[test]
    fn torn_write_leaves_the_number_before() {
        let (_dir, path) = fresh();
        let mut file = CommitFile::create(&path).unwrap();
        file.begin_anew(CommitNo(2)).unwrap();
        for (old, new) in [(2, 4), (4, 6)] {
            let before = std::fs::read(&path).unwrap();
            file.begin_anew(CommitNo(new)).unwrap();
            let after = std::fs::read(&path).unwrap();
            for torn in (0..SLOT_LEN).flat_map(|at| SLOTS.map(|slot| index(slot) + at)) {
                let bytes = [&after[..torn], &before[torn..]].concat();
                std::fs::write(&path, bytes).unwrap();
                let number = read(&path).unwrap();
                assert!([old, new].contains(&number.0), "{torn} bytes are new: {number}");
            }
            std::fs::write(&path, after).unwrap();
        }
    }

    #[test]
    fn records_stand_one_after_the_other_until_there_is_no_room() {
        let (_dir, path) = fresh();
        let mut file = CommitFile::create(&path).unwrap();
        let len = std::fs::metadata(&path).unwrap().len();
        let mut written = Vec::new();
        for n in 1..=32 {
            assert_eq!(file.is_filling(), n > 8, "{n}");
            assert_eq!(file.is_filled_by(16_384), n > 8, "{n}");
            assert!(file.has_room_for(16_384));
            file.append(&[n; 16_384]).unwrap();
            written.extend([n; 16_384]);
        }
        assert!(!file.has_room_for(1));
        assert_eq!(CommitFile::open(&path).unwrap().unwrap().1.journal, written);
        file.begin_anew(CommitNo(32)).unwrap();
        assert!(file.has_room_for(524_288) && !file.has_room_for(524_289) && !file.is_filling());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), len);
    }

    #[test]
    fn file_without_a_journal_gets_one() {
        let (_dir, path) = fresh();
        let mut file = CommitFile::create(&path).unwrap();
        file.begin_anew(CommitNo(7)).unwrap();
        let len = std::fs::metadata(&path).unwrap().len();
        for short in [4_116, 8_192, 9_000] {
            File::options().write(true).open(&path).unwrap().set_len(short).unwrap();
            let (file, found) = CommitFile::open(&path).unwrap().unwrap();
            assert!(found.is_short && found.base == CommitNo(7), "{found:?}");
            file.complete().unwrap();
            let (_, found) = CommitFile::open(&path).unwrap().unwrap();
            assert!(!found.is_short && found.base == CommitNo(7) && found.journal.iter().all(|byte| *byte == 0));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), len);
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
