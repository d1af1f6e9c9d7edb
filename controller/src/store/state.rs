//! What the store keeps about itself, written with every commit.

use std::collections::BTreeMap;

use buoy_topology::Generation;
use serde::{Deserialize, Serialize};

use super::CommitNo;
use super::envelope::Header;
use super::table::Table;

/// Where the store stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The last commit.
    pub(super) commit: CommitNo,
    /// The last generation; a commit that only learns leaves it alone.
    pub(super) generation: Generation,
    /// What each table holds.
    pub(super) tallies: BTreeMap<Table, Tally>,
}

/// What shows that no record of a table is missing or old: sled can lose a page, or go back to an older one, and still
/// give out values that are whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// How many records there are.
    pub(super) records: u64,
    /// The sum of their weights, modulo 2^64.
    pub(super) sum: u64,
}

impl Tally {
    /// Counts a record in.
    pub(super) fn add(&mut self, header: Header) {
        self.records = self.records.wrapping_add(1);
        self.sum = self.sum.wrapping_add(header.weight());
    }

    /// Counts in what another one has counted.
    pub(super) fn append(&mut self, other: Self) {
        self.records = self.records.wrapping_add(other.records);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Counts a record out.
    pub(super) fn subtract(&mut self, header: Header) {
        self.records = self.records.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(header.weight());
    }
}

/// The schema version that is written, and the newest that is read.
pub(super) const SCHEMA: u32 = 3;

/// The first schema with a journal in the file `commit`.
pub(super) const JOURNALED: u32 = 3;

/// The bytes of the schema record, which stay the same in all versions: magic, version, checksum.
pub(super) fn schema_record(version: u32) -> Vec<u8> {
    let covered = [SCHEMA_MAGIC.as_slice(), &version.to_be_bytes()].concat();
    [covered.as_slice(), &crc32fast::hash(&covered).to_be_bytes()].concat()
}

/// The version in a schema record, if the record is whole.
pub(super) fn parse_schema(record: &[u8]) -> Option<u32> {
    let version = record.strip_prefix(&SCHEMA_MAGIC)?.first_chunk().copied().map(u32::from_be_bytes)?;
    (record == schema_record(version)).then_some(version)
}

const SCHEMA_MAGIC: [u8; 4] = *b"buoy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_record_is_read_back_and_every_flipped_bit_is_noticed() {
        let record = schema_record(7);
        assert_eq!(parse_schema(&record), Some(7));
        for bit in 0..record.len() * 8 {
            let mut bent = record.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_schema(&bent), None, "bit {bit}");
        }
    }
}
