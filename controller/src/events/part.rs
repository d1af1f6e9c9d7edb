//! One class of events, in the order of their numbers: the newest as they are, for whoever watches; those before them packed,
//! for whoever looks back. Events are much alike, so that a piece of them takes a fraction of what each takes alone.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::{Event, Seq};

/// The events of a class.
#[derive(Debug, Default)]
pub(super) struct Part {
    packed: VecDeque<Arc<Piece>>,
    /// So many events of the first piece are gone.
    gone: usize,
    newest: VecDeque<Arc<Event>>,
}

/// Events that are packed together.
#[derive(Debug)]
pub(super) struct Piece {
    seqs: Box<[Seq]>,
    text: Box<[u8]>,
}

/// Events that somebody reads. They are unpacked when nobody has to wait for it.
#[derive(Debug)]
pub(super) struct Taken {
    packed: Vec<(Arc<Piece>, Range<usize>)>,
    newest: Vec<Arc<Event>>,
}

impl Part {
    pub(super) fn len(&self) -> usize {
        self.packed.len() * PIECE - self.gone + self.newest.len()
    }

    /// Adds the newest event.
    pub(super) fn push(&mut self, event: Arc<Event>) {
        self.newest.push_back(event);
    }

    /// Lets go of the oldest, up to this one.
    pub(super) fn forget(&mut self, seq: Seq) {
        while let Some(first) = self.packed.front() {
            self.gone = self.gone.max(first.up_to(seq));
            if self.gone < first.seqs.len() {
                return;
            }
            self.packed.pop_front();
            self.gone = 0;
        }
        while self.newest.front().is_some_and(|event| event.seq <= seq) {
            self.newest.pop_front();
        }
    }

    /// The numbers of all events, the oldest first.
    pub(super) fn seqs(&self) -> impl Iterator<Item = Seq> {
        let packed = self.packed.iter().flat_map(|piece| &piece.seqs).skip(self.gone).copied();
        packed.chain(self.newest.iter().map(|event| event.seq))
    }

    /// The events after one, up to another one, but no more than so many.
    pub(super) fn take(&self, after: Seq, last: Seq, most: usize) -> Taken {
        let mut left = most;
        let mut packed = Vec::new();
        let first = self.packed.partition_point(|piece| piece.up_to(after) == piece.seqs.len());
        for (place, piece) in self.packed.iter().enumerate().skip(first) {
            let gone = if place == 0 { self.gone } else { 0 };
            let start = piece.up_to(after).max(gone);
            let end = piece.up_to(last).min(start.saturating_add(left));
            if start >= end {
                break;
            }
            left -= end - start;
            packed.push((Arc::clone(piece), start..end));
        }
        let start = self.newest.partition_point(|event| event.seq <= after);
        let newest = self.newest.range(start..).take(left).take_while(|event| event.seq <= last);
        Taken { packed, newest: newest.cloned().collect() }
    }

    /// The newest events before one, but no more than so many.
    pub(super) fn take_before(&self, seq: Seq, most: usize) -> Taken {
        let packed = self.packed.iter().rev().flat_map(|piece| piece.seqs.iter().rev());
        let mut before = self.newest.iter().rev().map(|event| &event.seq).chain(packed).skip_while(|own| **own >= seq);
        let after = before.nth(most).copied().unwrap_or(Seq(0));
        self.take(after, Seq(seq.0.saturating_sub(1)), most)
    }

    /// The oldest of those that are to be packed, where there are enough.
    pub(super) fn to_pack(&self) -> Option<Vec<Arc<Event>>> {
        (self.newest.len() >= 2 * PIECE).then(|| self.newest.range(..PIECE).cloned().collect())
    }

    /// Puts a piece in the place of its events, some of which may be gone by now.
    pub(super) fn packed(&mut self, piece: Piece) {
        let Some(last) = piece.seqs.last() else { return };
        let kept = self.newest.partition_point(|event| event.seq <= *last);
        self.newest.drain(..kept);
        if self.newest.capacity() > 2 * (self.newest.len() + 2 * PIECE) {
            self.newest.shrink_to_fit();
        }
        if kept > 0 {
            // Who is gone was the oldest of all: then no piece is before this one.
            self.gone += piece.seqs.len() - kept;
            self.packed.push_back(Arc::new(piece));
        }
    }
}

impl Piece {
    /// Packs events, in their order.
    pub(super) fn of(events: &[Arc<Event>]) -> Self {
        let mut text = Vec::new();
        for event in events {
            serde_json::to_writer(&mut text, event).expect("an event is plain data");
        }
        let text = lz4_flex::block::compress_prepend_size(&text).into();
        Self { seqs: events.iter().map(|event| event.seq).collect(), text }
    }

    /// How many of them have this number or a lower one.
    fn up_to(&self, seq: Seq) -> usize {
        self.seqs.partition_point(|own| *own <= seq)
    }

    fn unpack(&self) -> impl Iterator<Item = Arc<Event>> {
        let text = lz4_flex::block::decompress_size_prepended(&self.text).expect(IS_WHOLE);
        let events =
            serde_json::Deserializer::from_slice(&text).into_iter().map(|event| Arc::new(event.expect(IS_WHOLE)));
        events.collect::<Vec<_>>().into_iter()
    }
}

impl Taken {
    /// The events.
    pub(super) fn unpack(self) -> Vec<Arc<Event>> {
        let packed = self.packed.iter().flat_map(|(piece, own)| piece.unpack().skip(own.start).take(own.len()));
        packed.chain(self.newest.iter().cloned()).collect()
    }
}

/// So many are packed together, and as many stay as they are.
const PIECE: usize = 256;
const IS_WHOLE: &str = "it was packed by this process";

#[cfg(test)]
mod tests;
