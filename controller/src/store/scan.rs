//! Reading and checking every record of the store. [`super::decode`] does it on several threads.

use std::borrow::Cow;
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

/// Goes through all values but those that the store keeps about itself, and checks that each is whole.
pub(super) fn for_each(
    trees: &BTreeMap<Table, Tree>,
    at: &Path,
    mut visit: impl FnMut(&Place, Header, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    read(trees, at, |stored| visit(&stored.place, stored.header, &stored.whole(at)?))
}

/// Goes through the same values without a look at what is in them.
pub(super) fn read(
    trees: &BTreeMap<Table, Tree>,
    at: &Path,
    mut visit: impl FnMut(Stored) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for table in Table::ALL {
        let tree = trees.get(&table).expect("every table is open");
        let mut pairs = tree.iter();
        let mut next = || guard::sled(at, || pairs.next().transpose());
        while let Some((key, first)) = next()? {
            let place = Place { table, key: key.to_vec() };
            if place == Place::of_state() || place == Place::of_schema() {
                continue;
            }
            let (header, _) = Header::parse(&first).map_err(|error| damaged(at, &place, &error))?;
            let further = further(header, &place, &mut next)?;
            visit(Stored { place, header, first, further })?;
        }
    }
    Ok(())
}

/// The parts that follow the first in the tree. What is missing shows in the length.
fn further(
    header: Header,
    place: &Place,
    next: &mut impl FnMut() -> Result<Option<(IVec, IVec)>, StoreError>,
) -> Result<Vec<IVec>, StoreError> {
    let mut parts = Vec::new();
    for expected in header.further_keys(&place.key) {
        match next()? {
            Some((key, part)) if key == expected => parts.push(part),
            _ => break,
        }
    }
    Ok(parts)
}

/// A value as it stands in its tree.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) place: Place,
    pub(super) header: Header,
    first: IVec,
    further: Vec<IVec>,
}

impl Stored {
    /// The value, if it is what was stored in this place.
    pub(super) fn whole(&self, at: &Path) -> Result<Cow<'_, [u8]>, StoreError> {
        let wrong = |error| damaged(at, &self.place, &error);
        let (_, first) = Header::parse(&self.first).map_err(wrong)?;
        let value = match self.further.as_slice() {
            [] => Cow::Borrowed(first),
            further => Cow::Owned(further.iter().fold(first.to_vec(), |mut whole, part| {
                whole.extend_from_slice(part);
                whole
            })),
        };
        self.header.check(&self.place, &value).map_err(wrong)?;
        Ok(value)
    }
}

fn damaged(at: &Path, place: &Place, what: &dyn fmt::Display) -> StoreError {
    StoreError::damaged(at, format!("{place}: {what}"))
}

impl Scanned {
    /// Checks and decodes a value, and counts it.
    pub(super) fn add(&mut self, stored: &Stored, at: &Path) -> Result<(), StoreError> {
        let value = stored.whole(at)?;
        self.tallies.entry(stored.place.table).or_default().add(stored.header);
        self.take(&stored.place, &value).map_err(|error| damaged(at, &stored.place, &error))
    }

    /// Adds what comes after this.
    pub(super) fn append(&mut self, mut next: Self) {
        self.records.append(&mut next.records);
        self.learnt.append(&mut next.learnt);
        self.hooks.append(&mut next.hooks);
        self.events.append(&mut next.events);
        for (table, tally) in next.tallies {
            self.tallies.entry(table).or_default().append(tally);
        }
    }

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
