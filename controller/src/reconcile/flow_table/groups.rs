//! Entities whose flows are as they should be or not there at all: nearly all there are, nearly always. Their flows are
//! kept together, in a few bytes, with a bit for each that the switch has.
//!
//! An entity is found by its hash, and so is an identity; both are in one index. It knows only where they are: what they are,
//! and what their hashes are, the group says.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use buoy_flows::flow::{Flow, FlowBody, FlowKey, FlowSet, Shapes};
use buoy_flows::pipeline::Entity;
use hashbrown::HashTable;

/// The groups of one bridge.
#[derive(Debug, Default)]
pub(super) struct Groups {
    shapes: Shapes,
    groups: Vec<Option<Group>>,
    free: Vec<Slot>,
    index: HashTable<Place>,
    hashing: RandomState,
    /// Those of which the switch lacks flows. Said only while what it has is known.
    lacking: BTreeSet<Slot>,
    /// What the dump under way has told of.
    seen: Vec<u64>,
}

/// All flows of an entity. There are hundreds of thousands of these.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) entity: Entity,
    pub(super) flows: FlowSet,
    /// A bit for each flow that the switch has.
    pub(super) have: u64,
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

/// A slot, and what of its group: a flow, by its place among them, or the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u32);

impl Place {
    const ENTITY: u32 = (1 << Self::BITS) - 1;
    /// As many tell the flows of a group and its entity apart.
    const BITS: u32 = 7;

    fn slot(self) -> Slot {
        Slot(self.0 >> Self::BITS)
    }

    fn part(self) -> u32 {
        self.0 & Self::ENTITY
    }
}

/// A flow of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) slot: Slot,
    /// Its place among the group's flows.
    pub(super) bit: u64,
    /// Whether it is to have the body that was asked for.
    pub(super) same_body: bool,
}

impl Group {
    /// The flows that the switch lacks, a bit for each.
    pub(super) fn lacks(&self) -> u64 {
        all_of(&self.flows) & !self.have
    }
}

impl Groups {
    /// An entity's flows as they would be kept here; none where there are none, or too many.
    pub(super) fn pack(&mut self, flows: &[Flow]) -> Option<FlowSet> {
        (1..=MOST).contains(&flows.len()).then(|| self.shapes.pack(flows))
    }

    /// The same of flows that are bytes.
    pub(super) fn pack_bytes(&mut self, flows: &[(&FlowKey, &FlowBody)]) -> Option<FlowSet> {
        (1..=MOST).contains(&flows.len()).then(|| self.shapes.pack_bytes(flows.iter().copied()))
    }

    /// The group of an entity.
    pub(super) fn of(&self, entity: &Entity) -> Option<Slot> {
        let is_own = |place: &Place| {
            place.part() == Place::ENTITY && self.get(place.slot()).is_some_and(|group| group.entity == *entity)
        };
        self.index.find(self.hashing.hash_one(entity), is_own).map(|place| place.slot())
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Group> {
        self.groups.get(slot.0 as usize)?.as_ref()
    }

    /// The group that has a flow of this identity.
    pub(super) fn find(&self, key: &FlowKey, body: Option<&FlowBody>) -> Option<Found> {
        self.find_bytes(key.bytes(), body.map(FlowBody::bytes))
    }

    fn find_bytes(&self, key: &[u8], body: Option<&[u8]>) -> Option<Found> {
        let mut found = None;
        let is_own = |place: &Place| {
            let group = self.get(place.slot()).filter(|_| place.part() != Place::ENTITY);
            let Some(unpacked) = group.map(|group| group.flows.unpack()) else { return false };
            let flow = unpacked.slices().nth(place.part() as usize).filter(|(own, _)| *own == key);
            found =
                flow.map(|(_, own)| Found { slot: place.slot(), bit: 1 << place.part(), same_body: body == Some(own) });
            found.is_some()
        };
        self.index.find(self.hashing.hash_one(key), is_own)?;
        found
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().flatten()
    }

    /// Those of which the switch lacks flows.
    pub(super) fn lacking(&self) -> impl Iterator<Item = (Slot, &Group)> {
        self.lacking.iter().filter_map(|slot| Some((*slot, self.get(*slot)?)))
    }

    /// Whether the switch has all flows of all groups.
    pub(super) fn are_whole(&self) -> bool {
        self.lacking.is_empty()
    }

    /// Adds a group whose identities nobody else has. Tells whether it could be kept.
    pub(super) fn add(&mut self, group: Group, seen: u64, is_synced: bool) -> bool {
        let slot = self.free.last().copied().unwrap_or_else(|| Slot(number(self.groups.len())));
        if slot.0 > u32::MAX >> Place::BITS || self.clashes(&group) {
            return false;
        }
        if is_synced && group.lacks() != 0 {
            self.lacking.insert(slot);
        }
        self.saw(slot, seen, u64::MAX);
        self.free.pop();
        self.make_room(group.flows.len() + 1);
        let hashes = hashes(&group, slot, &self.hashing);
        match self.groups.get_mut(slot.0 as usize) {
            Some(place) => *place = Some(group),
            None => self.groups.push(Some(group)),
        }
        enter(&mut self.index, hashes, &self.groups, &self.hashing);
        true
    }

    /// Whether an identity is here already, or twice in the group, or the entity is here.
    fn clashes(&self, group: &Group) -> bool {
        let unpacked = group.flows.unpack();
        let mut keys: Vec<_> = unpacked.slices().map(|(key, _)| key).collect();
        keys.sort_unstable();
        let is_twice = keys.iter().zip(keys.iter().skip(1)).any(|(one, next)| one == next);
        is_twice || self.of(&group.entity).is_some() || keys.iter().any(|key| self.find_bytes(key, None).is_some())
    }

    /// Makes the index anew where it has no room for so many more. Each group is unpacked once, and the old index is gone
    /// before there is a new one.
    fn make_room(&mut self, more: usize) {
        let needed = self.index.len() + more;
        if needed <= self.index.capacity() {
            return;
        }
        self.index = HashTable::new();
        self.index = HashTable::with_capacity(needed + needed / 4);
        for (slot, group) in (0..).map(Slot).zip(&self.groups) {
            let Some(group) = group else { continue };
            enter(&mut self.index, hashes(group, slot, &self.hashing), &self.groups, &self.hashing);
        }
    }

    /// Takes a group away; also says what the dump under way has told of it.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<(Group, u64)> {
        let group = self.groups.get_mut(slot.0 as usize)?.take()?;
        for (hash, own) in hashes(&group, slot, &self.hashing) {
            if let Ok(entry) = self.index.find_entry(hash, |place| *place == own) {
                entry.remove();
            }
        }
        self.lacking.remove(&slot);
        self.free.push(slot);
        let seen = self.seen.get(slot.0 as usize).copied().unwrap_or_default();
        Some((group, seen))
    }

    /// Notes which flows of a group the switch has: those of `bits` as `have` says. Returns whether that is news.
    pub(super) fn note(&mut self, slot: Slot, bits: u64, have: bool, is_synced: bool) -> bool {
        let Some(Some(group)) = self.groups.get_mut(slot.0 as usize) else { return false };
        let before = group.have;
        group.have = if have { before | bits } else { before & !bits };
        let (is_news, is_whole) = (group.have != before, group.lacks() == 0);
        if is_whole {
            self.lacking.remove(&slot);
        } else if is_synced {
            self.lacking.insert(slot);
        }
        is_news
    }

    /// Notes that the dump under way told of these flows of a group, out of those of `mask`.
    pub(super) fn saw(&mut self, slot: Slot, seen: u64, mask: u64) {
        let place = slot.0 as usize;
        if seen != 0 && self.seen.len() <= place {
            self.seen.resize(place + 1, 0);
        }
        if let Some(bits) = self.seen.get_mut(place) {
            *bits = *bits & !mask | seen;
        }
    }

    pub(super) fn begin_dump(&mut self) {
        self.seen = vec![0; self.groups.len()];
    }

    /// What a dump that is over did not tell of, the switch does not have. Returns how many flows that are.
    pub(super) fn end_dump(&mut self) -> usize {
        let seen = std::mem::take(&mut self.seen);
        let mut gone = 0;
        self.lacking.clear();
        for (place, group) in self.groups.iter_mut().enumerate() {
            let Some(group) = group else { continue };
            let told = group.have & seen.get(place).copied().unwrap_or_default();
            gone += (group.have & !told).count_ones() as usize;
            group.have = told;
            if group.lacks() != 0 {
                self.lacking.insert(Slot(number(place)));
            }
        }
        gone
    }

    /// What the switch has is not known any more.
    pub(super) fn forget_what_is_there(&mut self) {
        self.groups.iter_mut().flatten().for_each(|group| group.have = 0);
    }
}

/// What there is of a group in the index, each with its hash.
fn hashes(group: &Group, slot: Slot, hashing: &RandomState) -> Vec<(u64, Place)> {
    let place = |part: u32| Place(slot.0 << Place::BITS | part);
    let unpacked = group.flows.unpack();
    let flows = (0..).zip(unpacked.slices()).map(|(part, (key, _))| (hashing.hash_one(key), place(part)));
    std::iter::once((hashing.hash_one(&group.entity), place(Place::ENTITY))).chain(flows).collect()
}

/// Puts into the index what there is of a group.
fn enter(index: &mut HashTable<Place>, own: Vec<(u64, Place)>, groups: &[Option<Group>], hashing: &RandomState) {
    let hash = |place: &Place| {
        let group =
            groups.get(place.slot().0 as usize).and_then(Option::as_ref).expect("what is in the index is there");
        let own = hashes(group, place.slot(), hashing).into_iter().find(|(_, own)| own == place);
        own.map(|(hash, _)| hash).expect("a group has what the index has of it")
    };
    for (known, place) in own {
        index.insert_unique(known, place, hash);
    }
}

/// A bit for each flow.
fn all_of(flows: &FlowSet) -> u64 {
    match flows.len() {
        0 => 0,
        count => u64::MAX >> (MOST - count.min(MOST)),
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("no bridge has four billion entities")
}

/// The flows that a group may have: more do not fit into its bits.
const MOST: usize = 64;
