//! Reading and checking every record of the store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use buoy_topology::{HookRecord, MacAddr, NeighbourKey, Record};
use sled::{IVec, Tree};

use super::envelope::Header;
use super::state::Tally;
use super::table::{Place, Table};
use super::{StoreError, guard};
use crate::events::Event;

/// All that is stored, and its tallies.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// The records, in the order of the tables.
    pub(super) records: Vec<Record>,
    /// What was learnt.
    pub(super) learnt: Vec<(NeighbourKey, MacAddr)>,
    /// The newest event of each address.
    pub(super) hooks: Vec<HookRecord>,
    /// The log.
    pub(super) events: Vec<Event>,
    /// What each table holds.
    pub(super) tallies: BTreeMap<Table, Tally>,
}

/// Reads all trees; the first value that is not what was stored ends it.
pub(super) fn scan(trees: &BTreeMap<Table, Tree>, at: &Path) -> Result<Scanned, StoreError> {
    let mut scanned = Scanned::default();
    for_each(trees, at, |place, header, value| {
        scanned.tallies.entry(place.table).or_default().add(header);
        scanned.take(place, value).map_err(|error| StoreError::damaged(at, format!("{place}: {error}")))
    })?;
    Ok(scanned)
}

/// Goes through all values but those that the store keeps about itself, and checks that each is whole.
pub(super) fn for_each(
    trees: &BTreeMap<Table, Tree>,
    at: &Path,
    mut visit: impl FnMut(&Place, Header, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for table in Table::ALL {
        let tree = trees.get(&table).expect("every table is open");
        let mut pairs = tree.iter();
        let mut next = || guard::sled(at, || pairs.next().transpose());
        while let Some((key, stored)) = next()? {
            let place = Place { table, key: key.to_vec() };
            if place == Place::of_state() || place == Place::of_schema() {
                continue;
            }
            let wrong = |what: &dyn fmt::Display| StoreError::damaged(at, format!("{place}: {what}"));
            let (header, first) = Header::parse(&stored).map_err(|error| wrong(&error))?;
            let value = join(header, &place, first, &mut next)?;
            header.check(&place, &value).map_err(|error| wrong(&error))?;
            visit(&place, header, &value)?;
        }
    }
    Ok(())
}

/// The whole value: its first part and those that follow it in the tree. What is missing shows in the length.
fn join(
    header: Header,
    place: &Place,
    first: &[u8],
    next: &mut impl FnMut() -> Result<Option<(IVec, IVec)>, StoreError>,
) -> Result<Vec<u8>, StoreError> {
    let mut value = first.to_vec();
    for expected in header.further_keys(&place.key) {
        match next()? {
            Some((key, part)) if key == expected => value.extend_from_slice(&part),
            _ => break,
        }
    }
    Ok(value)
}

impl Scanned {
    /// Decodes a value and checks that it stands in its place.
    fn take(&mut self, place: &Place, value: &[u8]) -> Result<(), serde_json::Error> {
        if let Some(neighbour) = place.neighbour() {
            self.learnt.push((neighbour, serde_json::from_slice(value)?));
            return Ok(());
        }
        if place.table == Table::Hooks {
            let hook: HookRecord = serde_json::from_slice(value)?;
            if Place::of_hook(hook.event.address) != *place {
                return Err(serde::de::Error::custom("it is the hook of another address"));
            }
            self.hooks.push(hook);
            return Ok(());
        }
        if matches!(place.table, Table::History | Table::Signals) {
            let event: Event = serde_json::from_slice(value)?;
            if Place::of_event(event.kind.class(), event.seq) != *place {
                return Err(serde::de::Error::custom("it is another event"));
            }
            self.events.push(event);
            return Ok(());
        }
        let record: Record = serde_json::from_slice(value)?;
        if Place::of(&record.key()) != *place {
            return Err(serde::de::Error::custom("it is the record of another key"));
        }
        self.records.push(record);
        Ok(())
    }
}
