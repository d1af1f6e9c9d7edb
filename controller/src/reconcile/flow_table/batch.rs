//! Changes that are sent as one bundle.

use std::collections::HashMap;
use std::sync::Arc;

use buoy_flows::flow::{FlowSet, Step};
use buoy_flows::pipeline::Entity;

use super::groups::Slot;
use crate::switch::FlowMods;

/// Changes that are sent as one bundle.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each with the place of its first step.
    pieces: Arc<[(usize, Piece)]>,
    len: usize,
}

/// Changes of one entity that are kept together.
#[derive(Debug)]
pub(super) struct Piece {
    /// Whose they are, where one bridge has to wait for another with it.
    pub(super) owner: Option<Arc<Entity>>,
    pub(super) what: What,
}

/// What is to change.
#[derive(Debug)]
pub(super) enum What {
    /// These flows of a group are to be there.
    Group {
        /// Where the group was.
        slot: Slot,
        /// Its flows.
        flows: FlowSet,
        /// A bit for each that is sent.
        bits: u64,
    },
    /// One flow of which something else was there, or that is to go.
    Single(Step),
}

impl Piece {
    fn len(&self) -> usize {
        match &self.what {
            What::Group { bits, .. } => bits.count_ones() as usize,
            What::Single(_) => 1,
        }
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        match &self.what {
            What::Group { flows, bits, .. } => {
                let unpacked = flows.unpack();
                let sent = (0..).zip(unpacked.flows()).filter(|(place, _)| bits >> place & 1 == 1);
                sent.map(|(_, (key, body)): (u32, _)| Step { key, body: Some(body) }).collect()
            }
            What::Single(step) => vec![step.clone()],
        }
    }
}

impl Batch {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let mut len = 0;
        let placed = pieces.into_iter().map(|piece| {
            let first = len;
            len += piece.len();
            (first, piece)
        });
        Self { pieces: placed.collect(), len }
    }

    /// Those whose changes another bridge has to wait for.
    pub(super) fn owners(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.pieces().filter_map(|piece| piece.owner.as_ref())
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().map(|(_, piece)| piece)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all of it is also in another one.
    pub fn is_within(&self, other: &Self) -> bool {
        let others: HashMap<_, _> = other.steps().map(|Step { key, body }| (key, body)).collect();
        self.steps().all(|step| others.get(&step.key) == Some(&step.body))
    }

    /// How many flow mods it takes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The flow mods of the batch, each step's in its place. They are made one by one: a large batch never stands whole
    /// in memory.
    pub fn flow_mods(&self) -> FlowMods {
        FlowMods::new(Steps {
            pieces: Arc::clone(&self.pieces),
            next: 0,
            piece: Vec::new().into_iter(),
            left: self.len,
        })
    }

    /// The steps in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        self.pieces().flat_map(Piece::steps)
    }

    /// The step that has this place.
    pub(super) fn step(&self, index: usize) -> Option<Step> {
        let after = self.pieces.partition_point(|(first, _)| *first <= index);
        let (first, piece) = self.pieces.get(after.checked_sub(1)?)?;
        piece.steps().into_iter().nth(index - first)
    }

    /// The flow that a step is about, for a log line.
    pub fn describe(&self, index: usize) -> String {
        self.step(index).map(|step| step.to_string()).unwrap_or_default()
    }
}

/// The steps of a batch, one after the other.
struct Steps {
    pieces: Arc<[(usize, Piece)]>,
    next: usize,
    piece: std::vec::IntoIter<Step>,
    left: usize,
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.piece.next() {
                self.left -= 1;
                return Some(step);
            }
            self.piece = self.pieces.get(self.next)?.1.steps().into_iter();
            self.next += 1;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Steps {}
