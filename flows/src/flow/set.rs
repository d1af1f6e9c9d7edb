//! All flows of one entity, in a few bytes.
//!
//! Entities of one kind have flows that differ in few places, and in these by few values: an address, a MAC, a number,
//! each of them several times. What they have in common is kept once, as a [`Shape`]; an entity keeps its values.
//!
//! Shapes are found, not declared. The first set of its outline is a shape without values. One that does not fit makes a
//! shape with more: places stay together where every set so far had one byte in all of them. Older sets keep the shape
//! that they were packed with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use triomphe::ThinArc;

use super::{Flow, FlowBody, FlowKey};

/// An entity's flows, in their order. Cloning shares the bytes.
#[derive(Clone)]
pub struct FlowSet(ThinArc<Arc<Shape>, u8>);

/// What the sets that were packed so far have in common.
#[derive(Debug, Default)]
pub struct Shapes {
    shapes: HashMap<Arc<[Extent]>, Arc<Shape>>,
    outline: Vec<Extent>,
    bytes: BytesMut,
}

/// How long a flow's identity and its body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Extent {
    key: u16,
    body: u16,
}

/// What like sets have in common.
#[derive(Debug)]
struct Shape {
    outline: Arc<[Extent]>,
    /// The bytes of one of them.
    sample: Box<[u8]>,
    /// Where they differ: a place, and which of a set's values stands there.
    places: Box<[(u32, u8)]>,
    values: usize,
}

/// A set as bytes again.
#[derive(Debug)]
pub struct Unpacked {
    outline: Arc<[Extent]>,
    bytes: Vec<u8>,
}

impl Shapes {
    /// Packs flows.
    pub fn pack(&mut self, flows: &[Flow]) -> FlowSet {
        self.begin();
        for Flow { table, priority, matching, owner, instructions } in flows {
            let start = self.bytes.len();
            FlowKey::put(*table, *priority, matching, &mut self.bytes);
            let middle = self.bytes.len();
            FlowBody::put(owner.cookie(), instructions, &mut self.bytes).expect(FlowBody::IS_SHORT);
            self.end_flow(start, middle);
        }
        self.packed()
    }

    /// Packs flows that are bytes already.
    pub fn pack_bytes<'a>(&mut self, flows: impl IntoIterator<Item = (&'a FlowKey, &'a FlowBody)>) -> FlowSet {
        self.begin();
        for (key, body) in flows {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key.bytes());
            let middle = self.bytes.len();
            self.bytes.extend_from_slice(body.bytes());
            self.end_flow(start, middle);
        }
        self.packed()
    }

    fn begin(&mut self) {
        self.outline.clear();
        self.bytes.clear();
    }

    fn end_flow(&mut self, start: usize, middle: usize) {
        let short = |len: usize| u16::try_from(len).expect("a message holds it");
        self.outline.push(Extent { key: short(middle - start), body: short(self.bytes.len() - middle) });
    }

    fn packed(&mut self) -> FlowSet {
        let known = self.shapes.get(self.outline.as_slice());
        if let Some(shape) = known
            && let Some(set) = FlowSet::of(shape, &self.bytes)
        {
            return set;
        }
        let refined = known.and_then(|shape| shape.refined(&self.bytes));
        let shape = Arc::new(refined.unwrap_or_else(|| Shape::new(&self.outline, &self.bytes)));
        self.shapes.insert(Arc::clone(&shape.outline), Arc::clone(&shape));
        FlowSet::of(&shape, &self.bytes).expect("a shape fits what it was made from")
    }
}

impl Shape {
    /// The shape of one set alone.
    fn new(outline: &[Extent], bytes: &[u8]) -> Self {
        Self { outline: outline.into(), sample: bytes.into(), places: Box::default(), values: 0 }
    }

    /// The shape that fits these bytes too; none where that takes too many values.
    fn refined(&self, bytes: &[u8]) -> Option<Self> {
        let mut value_at: Vec<Option<u8>> = vec![None; bytes.len()];
        for (place, value) in &self.places {
            *value_at.get_mut(*place as usize)? = Some(*value);
        }
        // What stays together had the same value before, or the sample's byte, and has the same byte now.
        let mut values = HashMap::new();
        let mut places = Vec::new();
        for (place, ((before, sample), byte)) in (0..).zip(value_at.into_iter().zip(&*self.sample).zip(bytes)) {
            let together = match before {
                None if sample == byte => continue,
                None => (None, *sample, *byte),
                Some(_) => (before, 0, *byte),
            };
            let next = u8::try_from(values.len());
            let value = match values.get(&together) {
                Some(value) => *value,
                None => *values.entry(together).or_insert(next.ok()?),
            };
            places.push((place, value));
        }
        let (outline, sample) = (Arc::clone(&self.outline), self.sample.clone());
        Some(Self { outline, sample, places: places.into(), values: values.len() })
    }

    fn filled(&self, values: &[u8]) -> Vec<u8> {
        let mut bytes = self.sample.to_vec();
        for (place, value) in &self.places {
            if let (Some(byte), Some(value)) = (bytes.get_mut(*place as usize), values.get(usize::from(*value))) {
                *byte = *value;
            }
        }
        bytes
    }
}

impl FlowSet {
    /// The set in this shape, if it fits.
    fn of(shape: &Arc<Shape>, bytes: &[u8]) -> Option<Self> {
        let mut values = vec![0; shape.values];
        for (place, value) in &shape.places {
            *values.get_mut(usize::from(*value))? = *bytes.get(*place as usize)?;
        }
        let fits = shape.filled(&values) == bytes;
        fits.then(|| Self(ThinArc::from_header_and_slice(Arc::clone(shape), &values)))
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.shape().outline.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is a clone of the other one. Two that were packed apart are different also where they have the same
    /// flows.
    pub fn is_clone_of(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const *self.0, &raw const *other.0)
    }

    /// The flows as bytes.
    pub fn unpack(&self) -> Unpacked {
        let shape = self.shape();
        Unpacked { outline: Arc::clone(&shape.outline), bytes: shape.filled(&self.0.slice) }
    }

    fn shape(&self) -> &Shape {
        &self.0.header.header
    }
}

impl PartialEq for FlowSet {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = (self.shape(), other.shape());
        if std::ptr::eq(own, others) {
            return self.0.slice == other.0.slice;
        }
        own.outline == others.outline && own.filled(&self.0.slice) == others.filled(&other.0.slice)
    }
}

impl fmt::Debug for FlowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.unpack().flows()).finish()
    }
}

impl Unpacked {
    /// The flows, as the bytes of identity and body.
    pub fn slices(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.outline.iter().map_while(move |extent| {
            let (key, after) = rest.split_at_checked(extent.key.into())?;
            let (body, after) = after.split_at_checked(extent.body.into())?;
            rest = after;
            Some((key, body))
        })
    }

    /// The flows.
    pub fn flows(&self) -> impl Iterator<Item = (FlowKey, FlowBody)> {
        self.slices().map(|(key, body)| (FlowKey::from_bytes(key), FlowBody::from_bytes(body)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::flow::Owner;
    use crate::flow::owner::Feature;
    use crate::openflow::{MatchField, TableId};

    fn flows(entity: u32, ports: &[u16]) -> Vec<Flow> {
        let one = |port: &u16| {
            let flow = Flow::new(TableId(0), 100, Owner { feature: Feature::Nat, entity });
            flow.on(MatchField::EthType(0x0800)).on(MatchField::IpProto(17)).on(MatchField::UdpDst((*port).into()))
        };
        ports.iter().map(one).collect()
    }

    fn check(set: &FlowSet, flows: &[Flow]) {
        let packed: Vec<_> = flows.iter().map(Flow::pack).collect();
        assert_eq!(set.unpack().flows().collect::<Vec<_>>(), packed);
        assert_eq!(set.len(), flows.len());
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(sets in vec((any::<u32>(), vec(any::<u16>(), 0..5)), 1..60)) {
            let mut shapes = Shapes::default();
            let all: Vec<_> = sets.iter().map(|(entity, ports)| flows(*entity, ports)).collect();
            let packed: Vec<_> = all.iter().map(|flows| shapes.pack(flows)).collect();
            for (own, set) in all.iter().zip(&packed) {
                check(set, own);
                let bytes: Vec<_> = own.iter().map(Flow::pack).collect();
                let again = shapes.pack_bytes(bytes.iter().map(|(key, body)| (key, body)));
                prop_assert_eq!(&again, set);
                prop_assert!(!again.is_clone_of(set) && set.clone().is_clone_of(set));
            }
            for (one, two) in all.iter().zip(&packed).flat_map(|one| all.iter().zip(&packed).map(move |two| (one, two))) {
                prop_assert_eq!(one.0 == two.0, one.1 == two.1);
            }
        }
    }

    #[test]
    fn like_sets_keep_no_more_than_what_sets_them_apart() {
        let mut shapes = Shapes::default();
        let like = |number: u16| flows(number.into(), &[number, number, number]);
        let sets: Vec<_> = (0..1_000).map(|number| shapes.pack(&like(number))).collect();
        (0..1_000).zip(&sets).for_each(|(number, set)| check(set, &like(number)));
        // Two bytes in each of six places, that are the same two.
        assert_eq!(sets.last().map(|set| set.0.slice.len()), Some(2));
        assert_eq!(shapes.shapes.len(), 1);
    }

    #[test]
    fn sets_that_have_nothing_in_common_are_kept_too() {
        let mut shapes = Shapes::default();
        let wild =
            |seed: u16| flows(7, &(0..200).map(|n: u16| (n ^ seed).wrapping_mul(n | 0x4001)).collect::<Vec<_>>());
        let sets: Vec<_> = (0..20).map(|seed| shapes.pack(&wild(seed))).collect();
        (0..20).zip(&sets).for_each(|(seed, set)| check(set, &wild(seed)));
    }
}
