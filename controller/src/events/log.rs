//! All events that are kept, in memory. The core adds to it, connections read from it, a piece at a time: nobody holds it for
//! longer than it takes to copy some pointers. What is not new any more is packed ([`part`](super::part)).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::part::{Part, Piece};
use super::{Class, Event, Filter, Seq};

/// The log; clones are the same log.
#[derive(Clone, Debug)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<Kept>,
    newest: watch::Sender<Newest>,
}

/// How far the log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// The newest event.
    pub seq: Seq,
    /// Why nothing is added any more.
    pub ended: Option<Arc<str>>,
}

/// What is added to the log in one go, in the store and in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// New events, in the order of their numbers.
    pub events: Vec<Arc<Event>>,
    /// Old ones that have to go for them.
    pub gone: Vec<(Class, Seq)>,
}

/// An event that somebody wants to go on after is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// What came after it is not kept any more: the oldest that is.
    Old {
        /// The oldest event since which nothing is missing.
        oldest: Seq,
    },
    /// There was never one with this number.
    New {
        /// The newest event.
        newest: Seq,
    },
}

/// Both parts, each in the order of the numbers.
#[derive(Debug, Default)]
struct Kept {
    changes: Part,
    signals: Part,
    newest: Seq,
    /// The oldest event since which nothing is missing.
    oldest: Seq,
}

impl Log {
    /// The log of a store, in any order.
    pub fn load(events: Vec<Event>) -> Self {
        let mut events = events;
        events.sort_unstable_by_key(|event| event.seq);
        let newest = events.last().map(|event| event.seq).unwrap_or_default();
        let mut oldest = newest.next();
        for event in events.iter().rev() {
            if event.seq.next() != oldest {
                break;
            }
            oldest = event.seq;
        }
        let mut kept = Kept { newest, oldest, ..Kept::default() };
        for event in events {
            kept.part_mut(event.kind.class()).push(Arc::new(event));
        }
        let newest = Newest { seq: newest, ended: None };
        Self(Arc::new(Shared { kept: Mutex::new(kept), newest: watch::Sender::new(newest) }))
    }

    /// The log of a daemon that keeps none, and why.
    pub fn closed(why: &str) -> Self {
        let log = Self::load(Vec::new());
        log.end(why);
        log
    }

    /// Adds events that are durable, and lets go of those that the store let go of for them.
    pub fn add(&self, entries: &Entries) {
        let newest = {
            let mut kept = self.kept();
            entries.gone.iter().for_each(|(class, seq)| kept.forget(*class, *seq));
            entries.events.iter().for_each(|event| kept.add(Arc::clone(event)));
            kept.newest
        };
        self.0.newest.send_modify(|own| own.seq = newest);
    }

    /// Nothing is added any more.
    pub fn end(&self, why: &str) {
        self.0.newest.send_modify(|own| own.ended = Some(why.into()));
    }

    /// How far it is, now and whenever that changes.
    pub fn newest(&self) -> watch::Receiver<Newest> {
        self.0.newest.subscribe()
    }

    /// The oldest event since which nothing is missing.
    pub fn oldest(&self) -> Seq {
        self.kept().oldest
    }

    /// The events of one part that have to go so that so many more have room.
    pub fn surplus(&self, class: Class, more: usize) -> Vec<Seq> {
        let kept = self.kept();
        let part = kept.part(class);
        let count = (part.len() + more).saturating_sub(class.bound());
        part.seqs().take(count).collect()
    }

    /// The next events after one, at most so many. All of them are there, or it is said that they are not.
    pub fn after(&self, seq: Seq, most: usize) -> Result<Vec<Arc<Event>>, Missing> {
        let (changes, signals) = {
            let kept = self.kept();
            if seq > kept.newest {
                return Err(Missing::New { newest: kept.newest });
            }
            if seq.next() < kept.oldest {
                return Err(Missing::Old { oldest: kept.oldest });
            }
            // Nothing is missing in between, so that this is so many, whichever part they are in.
            let last = Seq(seq.0.saturating_add(most as u64));
            (kept.changes.take(seq, last, most), kept.signals.take(seq, last, most))
        };
        let mut events = changes.unpack();
        events.extend(signals.unpack());
        events.sort_by_key(|event| event.seq);
        Ok(events)
    }

    /// The next changes after one, at most so many; those that are not kept any more are left out.
    pub fn changes_after(&self, seq: Seq, most: usize) -> Vec<Arc<Event>> {
        let changes = self.kept().changes.take(seq, Seq(u64::MAX), most);
        changes.unpack()
    }

    /// The newest changes that a filter wants, the oldest first. A long search lets others in between.
    pub async fn newest_changes(&self, filter: &Filter, most: usize) -> Vec<Arc<Event>> {
        let mut found = VecDeque::new();
        let mut before = Seq(u64::MAX);
        while found.len() < most {
            let piece = self.kept().changes.take_before(before, PIECE);
            let piece = piece.unpack();
            let Some(first) = piece.first() else { break };
            before = first.seq;
            let room = most - found.len();
            for event in piece.into_iter().rev().filter(|event| filter.wants(event)).take(room) {
                found.push_front(event);
            }
            tokio::task::yield_now().await;
        }
        found.into()
    }

    /// The first changes after one that a filter wants, at most so many.
    pub async fn first_changes(&self, filter: &Filter, mut seq: Seq, most: usize) -> Vec<Arc<Event>> {
        let mut found = Vec::new();
        while found.len() < most {
            let piece = self.changes_after(seq, PIECE);
            let Some(last) = piece.last() else { break };
            seq = last.seq;
            let room = most - found.len();
            found.extend(piece.into_iter().filter(|event| filter.wants(event)).take(room));
            tokio::task::yield_now().await;
        }
        found
    }

    /// All of one part, the newest first; for the core's start.
    pub fn newest_first(&self, class: Class) -> Vec<Arc<Event>> {
        let all = self.kept().part(class).take(Seq(0), Seq(u64::MAX), usize::MAX);
        let mut events = all.unpack();
        events.reverse();
        events
    }

    /// Packs what is not new any more, until the runtime ends.
    pub async fn keep_packed(self) {
        let mut newest = self.newest();
        loop {
            for class in [Class::Change, Class::Signal] {
                while self.pack_some(class) {
                    tokio::task::yield_now().await;
                }
            }
            if newest.changed().await.is_err() {
                return;
            }
        }
    }

    /// Packs some of a class; tells whether there were enough. Nobody has to wait for it.
    fn pack_some(&self, class: Class) -> bool {
        let Some(events) = self.kept().part(class).to_pack() else { return false };
        let piece = Piece::of(&events);
        self.kept().part_mut(class).packed(piece);
        true
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn part(&self, class: Class) -> &Part {
        match class {
            Class::Change => &self.changes,
            Class::Signal => &self.signals,
        }
    }

    fn part_mut(&mut self, class: Class) -> &mut Part {
        match class {
            Class::Change => &mut self.changes,
            Class::Signal => &mut self.signals,
        }
    }

    fn add(&mut self, event: Arc<Event>) {
        self.newest = event.seq;
        self.part_mut(event.kind.class()).push(event);
    }

    /// Lets go of the oldest of a part, up to this one.
    fn forget(&mut self, class: Class, seq: Seq) {
        self.part_mut(class).forget(seq);
        self.oldest = self.oldest.max(seq.next());
    }
}

/// Events that a search looks at before it lets others in.
const PIECE: usize = 1_024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::time::Millis;
    use crate::events::{Detail, Kind};

    fn event(seq: u64, kind: Kind) -> Event {
        Event { seq: Seq(seq), time: Millis(0), kind, subject: "x".into(), detail: Detail::of(&json!({})) }
    }

    fn numbers(events: Result<Vec<Arc<Event>>, Missing>) -> Vec<u64> {
        events.unwrap().iter().map(|event| event.seq.0).collect()
    }

    #[test]
    fn both_parts_are_read_as_one_and_in_pieces() {
        let kinds = [Kind::Allocated, Kind::Applied, Kind::PortUp, Kind::Released, Kind::PortDown];
        let mut events: Vec<_> = kinds.iter().zip(1..).map(|(kind, seq)| event(seq, *kind)).collect();
        events.reverse();
        let log = Log::load(events);
        assert_eq!(numbers(log.after(Seq(0), 3)), [1, 2, 3]);
        assert_eq!(numbers(log.after(Seq(3), 3)), [4, 5]);
        assert_eq!(numbers(log.after(Seq(5), 3)), [] as [u64; 0]);
        assert_eq!(log.after(Seq(6), 3), Err(Missing::New { newest: Seq(5) }));
        log.add(&Entries { events: vec![Arc::new(event(6, Kind::Allocated))], gone: vec![] });
        assert_eq!(numbers(log.after(Seq(4), 9)), [5, 6]);
        assert_eq!(numbers(Ok(log.changes_after(Seq(1), 9))), [4, 6]);
        assert_eq!(log.newest().borrow().seq, Seq(6));
    }

    #[test]
    fn a_full_part_lets_its_oldest_go_and_says_so() {
        let bound = u64::try_from(Class::Signal.bound()).unwrap();
        let mut events = vec![event(1, Kind::Allocated)];
        events.extend((2..bound + 2).map(|seq| event(seq, Kind::PortUp)));
        let log = Log::load(events);
        assert_eq!((log.oldest(), log.surplus(Class::Signal, 2)), (Seq(1), vec![Seq(2), Seq(3)]));
        assert_eq!(log.surplus(Class::Change, 2), []);
        let events = [event(bound + 2, Kind::PortUp), event(bound + 3, Kind::Allocated)].map(Arc::new).into();
        log.add(&Entries { events, gone: vec![(Class::Signal, Seq(2))] });
        assert_eq!(log.oldest(), Seq(3));
        assert_eq!(log.after(Seq(1), 9), Err(Missing::Old { oldest: Seq(3) }));
        assert_eq!(numbers(log.after(Seq(2), 2)), [3, 4]);
        assert_eq!(numbers(Ok(log.changes_after(Seq(0), 9))), [1, bound + 3]);
    }

    #[tokio::test]
    async fn what_is_packed_reads_as_before() {
        let kind = |seq: u64| if seq.is_multiple_of(3) { Kind::PortUp } else { Kind::Allocated };
        let log = Log::load((1..4_000).map(|seq| event(seq, kind(seq))).collect());
        for class in [Class::Change, Class::Signal] {
            assert!(log.pack_some(class));
            while log.pack_some(class) {}
        }
        for after in [0, 1, 255, 256, 700, 2_999, 3_998, 3_999] {
            for most in [1, 256, 5_000] {
                let wanted: Vec<_> = (after + 1..4_000).take(most).collect();
                assert_eq!(numbers(log.after(Seq(after), most)), wanted, "{most} after {after}");
                let wanted: Vec<_> = (after + 1..4_000).filter(|seq| !seq.is_multiple_of(3)).take(most).collect();
                assert_eq!(numbers(Ok(log.changes_after(Seq(after), most))), wanted, "{most} changes after {after}");
            }
        }
        let newest = log.newest_first(Class::Signal);
        assert_eq!((newest.len(), newest[0].seq, newest[1_332].seq), (1_333, Seq(3_999), Seq(3)));
        let all = Filter::default();
        assert_eq!(numbers(Ok(log.newest_changes(&all, 2).await)), [3_997, 3_998]);
        assert_eq!(numbers(Ok(log.first_changes(&all, Seq(3), 2).await)), [4, 5]);
    }

    #[test]
    fn a_loaded_log_begins_after_its_last_hole() {
        let log = Log::load([1, 2, 4, 5].map(|seq| event(seq, Kind::Allocated)).into());
        assert_eq!(log.oldest(), Seq(4));
        assert_eq!(numbers(log.after(Seq(3), 9)), [4, 5]);
        assert_eq!(log.after(Seq(2), 9), Err(Missing::Old { oldest: Seq(4) }));
        assert_eq!(Log::load(Vec::new()).oldest(), Seq(1));
    }
}
