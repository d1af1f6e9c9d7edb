//! The records of the journal: what each commit writes, while only the file `commit` has it.
//!
//! ```text
//!  0         8        16       20         24         28         32
//! +---------+--------+--------+----------+----------+----------+----------------------------------+
//! | magic   | number | length | crc32 of | crc32 of | crc32 of | for each write: tree, key, value | 0x00 up to the end
//! |         | BE     | BE     | the rest | `before` | these 28 |                                  | of a block of 4,096
//! +---------+--------+--------+----------+----------+----------+----------------------------------+
//! ```
//!
//! A write is one byte with the length of the tree's name, the name; two bytes with the length of the key, the key; four
//! bytes with the length of the value and the value, or 0xffffffff where the place is cleared. `before` is the store's own
//! state that the commit was made on, as it was stored: a record fits no database of another past.
//!
//! Each record has blocks of its own, so that no write touches a record that was acknowledged. A record is written when
//! the one before it is on disk. So where one is not whole, nobody was told of it, unless another one follows; numbers
//! tell what follows from what was there before the journal began anew.

use super::commit_file::CommitNo;
use super::plan::Writes;
use super::table::{Place, Table};

/// What a journal holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// The commits after the number that it goes on from, in order.
    pub(super) records: Vec<Record>,
    /// A commit that is whole, and yet not understood: no buoyd of this version wrote it.
    pub(super) foreign: Option<CommitNo>,
    /// A commit that is not readable, and the last one that was begun after it: the first was acknowledged.
    pub(super) gap: Option<(CommitNo, CommitNo)>,
}

/// A commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) number: CommitNo,
    /// The checksum of the state that it was made on.
    pub(super) before: u32,
    pub(super) writes: Writes,
}

impl Record {
    /// The checksum of the state that it makes; none where it has no state.
    pub(super) fn after(&self) -> Option<u32> {
        self.writes.get(&Place::of_state())?.as_deref().map(crc32fast::hash)
    }
}

/// The bytes of a commit's record.
pub(super) fn encode(number: CommitNo, before: u32, writes: &Writes) -> Vec<u8> {
    let mut record = vec![0; HEADER_LEN];
    for (place, value) in writes {
        let name = place.table.name().as_bytes();
        record.extend(u8::try_from(name.len()).expect("a tree has a short name").to_be_bytes());
        record.extend(name);
        record.extend(u16::try_from(place.key.len()).expect("a key is short").to_be_bytes());
        record.extend(&place.key);
        let value = value.as_ref();
        let len = value.map_or(CLEARED, |value| u32::try_from(value.len()).expect("a record fits the journal"));
        record.extend(len.to_be_bytes());
        value.into_iter().for_each(|value| record.extend(value));
    }
    let body = record.get(HEADER_LEN..).unwrap_or_default();
    let head = Header {
        number,
        len: u32::try_from(body.len()).expect("a record fits the journal"),
        crc: crc32fast::hash(body),
        before,
    };
    if let Some(place) = record.first_chunk_mut() {
        *place = head.bytes();
    }
    record.resize(record.len().next_multiple_of(BLOCK), 0);
    record
}

/// How long the record of a commit is.
pub(super) fn encoded_len(writes: &Writes) -> usize {
    let len = |(place, value): (&Place, &Option<Vec<u8>>)| {
        7 + place.table.name().len() + place.key.len() + value.as_ref().map_or(0, Vec::len)
    };
    (HEADER_LEN + writes.iter().map(len).sum::<usize>()).next_multiple_of(BLOCK)
}

/// Reads what follows a commit.
pub(super) fn read(bytes: &[u8], base: CommitNo) -> Journal {
    let (mut journal, mut rest, mut next) = (Journal::default(), bytes, base.next());
    while let Some((header, body, behind)) = read_record(rest, next) {
        let Some(writes) = parse_writes(body) else {
            journal.foreign = Some(next);
            break;
        };
        journal.records.push(Record { number: next, before: header.before, writes });
        (rest, next) = (behind, next.next());
    }
    let headers = rest.chunks(BLOCK).filter_map(|block| Header::parse(block.first_chunk()?));
    let later = headers.map(|header| header.number).filter(|number| *number > next).max();
    journal.gap = later.map(|later| (next, later));
    journal
}

/// Header and body of the record with this number, where it stands here and is whole, and what is behind it.
fn read_record(bytes: &[u8], number: CommitNo) -> Option<(Header, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    let header = Header::parse(head).filter(|header| header.number == number)?;
    let len = usize::try_from(header.len).ok()?;
    let body = rest.get(..len).filter(|body| crc32fast::hash(body) == header.crc)?;
    let behind = (HEADER_LEN + len).next_multiple_of(BLOCK);
    Some((header, body, bytes.get(behind..).unwrap_or_default()))
}

fn parse_writes(mut body: &[u8]) -> Option<Writes> {
    let mut writes = Writes::new();
    while !body.is_empty() {
        let name = take(&mut body, |[len]: [u8; 1]| len.into())?;
        let table = Table::ALL.into_iter().find(|table| table.name().as_bytes() == name)?;
        let key = take(&mut body, |len| u16::from_be_bytes(len).into())?.to_vec();
        let value = if body.starts_with(&CLEARED.to_be_bytes()) {
            body = body.get(4..)?;
            None
        } else {
            Some(take(&mut body, |len| usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX))?.to_vec())
        };
        writes.insert(Place { table, key }, value);
    }
    Some(writes)
}

/// Takes a length and as many bytes off the front.
fn take<'a, const N: usize>(bytes: &mut &'a [u8], len: impl Fn([u8; N]) -> usize) -> Option<&'a [u8]> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    let (taken, rest) = rest.split_at_checked(len(*prefix))?;
    *bytes = rest;
    Some(taken)
}

/// What stands before a record's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    number: CommitNo,
    len: u32,
    crc: u32,
    before: u32,
}

impl Header {
    fn bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let numbers = [self.len, self.crc, self.before].map(u32::to_be_bytes);
        let covered = [MAGIC.as_slice(), &self.number.0.to_be_bytes(), numbers.as_flattened()].concat();
        let whole = covered.iter().copied().chain(crc32fast::hash(&covered).to_be_bytes());
        bytes.iter_mut().zip(whole).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// The header that stands here, if one does and it is whole.
    fn parse(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (number, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (crc, rest) = rest.split_first_chunk()?;
        let (before, _) = rest.split_first_chunk()?;
        let header = Self {
            number: CommitNo(u64::from_be_bytes(*number)),
            len: u32::from_be_bytes(*len),
            crc: u32::from_be_bytes(*crc),
            before: u32::from_be_bytes(*before),
        };
        (header.bytes() == *bytes).then_some(header)
    }
}

const MAGIC: [u8; 8] = *b"buoyjnl1";
/// Magic, number, length, three checksums.
const HEADER_LEN: usize = 32;
/// What a disk writes whole or not at all, or more.
const BLOCK: usize = 4_096;
/// The length of no value.
const CLEARED: u32 = u32::MAX;

#[cfg(test)]
mod tests;
