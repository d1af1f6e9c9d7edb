//! Backups: everything that is stored, as one JSON document that people can read.
//!
//! ```json
//! {"format": "buoy backup", "version": 1, "schema": 3, "state": {...}, "values": [
//!  {"tree": "pools", "key": "7075626c6963", "value": {...}}, ...]}
//! ```
//!
//! `key` is in hex. `state` is what the store keeps about itself: with its tallies, a backup that lacks a value or has
//! another one is noticed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sled::Tree;

use super::StoreError;
use super::plan::Writes;
use super::scan::for_each;
use super::state::{SCHEMA, State};
use super::table::{Place, Table};

/// A backup. `V` is what its values are: the daemon writes them one by one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup<V = Vec<Entry>> {
    format: String,
    version: u32,
    /// The schema of the values.
    pub(super) schema: u32,
    /// Where the store stood.
    pub(super) state: Box<RawValue>,
    /// What was stored.
    pub(super) values: V,
}

/// A value and where it is stored. The text of the value stays as it is, for its checksum.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub(super) tree: Table,
    key: String,
    pub(super) value: Box<RawValue>,
}

impl Entry {
    fn new(place: &Place, value: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8(value.to_vec()).map_err(io::Error::other)?;
        let key = place.key.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { tree: place.table, key, value: RawValue::from_string(text)? })
    }

    /// Where the value is stored; nothing where the key is no hex.
    pub(super) fn place(&self) -> Option<Place> {
        let digits: Option<Vec<u8>> = self.key.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect();
        let (pairs, rest) = digits.as_ref()?.as_chunks();
        let key = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        rest.is_empty().then_some(Place { table: self.tree, key })
    }
}

impl Backup {
    /// Reads a backup, and holds that it is one that this version knows.
    pub fn parse(text: &str) -> Result<Self, NoBackup> {
        let head: Head = serde_json::from_str(text).map_err(|error| NoBackup::Unreadable(error.to_string()))?;
        if head.format.as_deref() != Some(FORMAT) {
            return Err(NoBackup::Foreign);
        }
        if head.version.is_some_and(|version| version > VERSION) || head.schema.is_some_and(|schema| schema > SCHEMA) {
            return Err(NoBackup::Newer);
        }
        // The first ones of both were 1.
        if head.version.is_none_or(|version| version == 0) || head.schema.is_none_or(|schema| schema == 0) {
            return Err(NoBackup::Nameless);
        }
        serde_json::from_str(text).map_err(|error| NoBackup::Unreadable(error.to_string()))
    }

    /// Writes it with a line for each value.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { format, version, schema, state, values } = self;
        let format = serde_json::to_string(format)?;
        writeln!(out, "{{\"format\": {format}, \"version\": {version}, \"schema\": {schema}, \"state\": {state},")?;
        out.write_all(b" \"values\": [")?;
        for (nth, entry) in values.iter().enumerate() {
            out.write_all(if nth == 0 { b"\n  " } else { b",\n  " })?;
            serde_json::to_writer(&mut *out, entry)?;
        }
        out.write_all(b"\n]}\n")
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// What tells whether the rest can be read.
#[derive(Debug, Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
    schema: Option<u32>,
}

/// Why a text is no backup that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBackup {
    /// It is cut off, or was changed by hand.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is something else.
    #[error("it is no backup of buoyd")]
    Foreign,
    /// It does not say what it is made of, or something that never was.
    #[error("its version or its schema is missing or 0, as no buoyd wrote it: it was changed")]
    Nameless,
    /// A newer buoyd wrote it.
    #[error("a newer buoyd wrote it: restore it with that one")]
    Newer,
}

/// Writes all that is stored, on one line, into a file that has no name and takes no room on the disk. What is journaled
/// stands in the place of what the trees have.
pub(super) fn snapshot(
    trees: &BTreeMap<Table, Tree>,
    journaled: &Writes,
    state: &State,
    at: &Path,
) -> Result<File, StoreError> {
    let fail = |source: io::Error| StoreError::io(at, source);
    let file = memfd_create("buoy-backup", MFdFlags::MFD_CLOEXEC).map_err(|errno| fail(errno.into()))?;
    let mut out = BufWriter::new(File::from(file));
    let state = serde_json::value::to_raw_value(state).expect("the state is plain data");
    let head = Backup { format: FORMAT.to_owned(), version: VERSION, schema: SCHEMA, state, values: () };
    let head = serde_json::to_string(&head).expect("a head is plain data");
    let open = head.strip_suffix("null}").expect("the values come last");
    write!(out, "{open}[").map_err(fail)?;
    let mut is_first = true;
    let mut put = |place: &Place, value: Option<&[u8]>| {
        let Some(value) = value else { return Ok(()) };
        let entry = Entry::new(place, value)?;
        if !std::mem::take(&mut is_first) {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut out, &entry).map_err(io::Error::from)
    };
    let mut newer = journaled.iter().filter(|(place, _)| **place != Place::of_state()).peekable();
    // Both are in the order of tables and keys.
    for_each(trees, at, |place, _, value| {
        while let Some((own, value)) = newer.next_if(|(own, _)| *own < place) {
            put(own, value.as_deref()).map_err(fail)?;
        }
        let own = newer.next_if(|(own, _)| *own == place);
        put(place, own.map_or(Some(value), |(_, value)| value.as_deref())).map_err(fail)
    })?;
    newer.try_for_each(|(own, value)| put(own, value.as_deref())).map_err(fail)?;
    out.write_all(b"]}").map_err(fail)?;
    let mut file = out.into_inner().map_err(|error| fail(error.into_error()))?;
    file.rewind().map_err(fail)?;
    Ok(file)
}

const FORMAT: &str = "buoy backup";
const VERSION: u32 = 1;
