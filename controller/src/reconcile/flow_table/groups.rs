//! Entities whose flows are as they should be or not there at all: nearly all there are, nearly always. Their flows are
//! kept together, in a few bytes, with a bit for each that the switch has.
//!
//! What is of one entity is found by its hash, and so is an identity; both are in one index. An entity of which something
//! has the hash of something else is not kept here.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

use buoy_flows::flow::{Flow, FlowBody, FlowKey, FlowSet, Shapes};
use buoy_flows::pipeline::Entity;

/// The groups of one bridge.
#[derive(Debug, Default)]
pub(super) struct Groups {
    shapes: Shapes,
    groups: Vec<Option<Group>>,
    free: Vec<Slot>,
    index: HashMap<u32, Slot, BuildHasherDefault<Spread>>,
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
        let slot = *self.index.get(&self.hash(entity))?;
        self.get(slot).filter(|group| group.entity == *entity).map(|_| slot)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Group> {
        self.groups.get(slot.0 as usize)?.as_ref()
    }

    /// The group that has a flow of this identity.
    pub(super) fn find(&self, key: &FlowKey, body: Option<&FlowBody>) -> Option<Found> {
        let slot = *self.index.get(&self.hash(key.bytes()))?;
        let unpacked = self.get(slot)?.flows.unpack();
        let mut flows = unpacked.slices().enumerate();
        let (place, (_, own)) = flows.find(|(_, (own, _))| *own == key.bytes())?;
        Some(Found { slot, bit: 1 << place, same_body: body.is_some_and(|body| body.bytes() == own) })
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
        let hashes = self.hashes(&group);
        let slot = self.free.last().copied().unwrap_or_else(|| Slot(number(self.groups.len())));
        for (count, hash) in hashes.iter().enumerate() {
            if self.index.contains_key(hash) {
                hashes.iter().take(count).for_each(|own| _ = self.index.remove(own));
                return false;
            }
            self.index.insert(*hash, slot);
        }
        if is_synced && group.lacks() != 0 {
            self.lacking.insert(slot);
        }
        self.saw(slot, seen, u64::MAX);
        self.free.pop();
        match self.groups.get_mut(slot.0 as usize) {
            Some(place) => *place = Some(group),
            None => self.groups.push(Some(group)),
        }
        true
    }

    /// Takes a group away; also says what the dump under way has told of it.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<(Group, u64)> {
        let group = self.groups.get_mut(slot.0 as usize)?.take()?;
        self.hashes(&group).iter().for_each(|hash| _ = self.index.remove(hash));
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

    fn hashes(&self, group: &Group) -> Vec<u32> {
        let unpacked = group.flows.unpack();
        let keys = unpacked.slices().map(|(key, _)| self.hash(key));
        std::iter::once(self.hash(&group.entity)).chain(keys).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of the hash is kept")]
    fn hash(&self, what: impl Hash) -> u32 {
        self.hashing.hash_one(what) as u32
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

/// Hashes what is a hash already, but a short one.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u32(&mut self, hash: u32) {
        self.0 = hash.into();
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The flows that a group may have: more do not fit into its bits.
const MOST: usize = 64;
