//! All events that are kept, in memory. The core adds to it, connections read from it, a piece at a time: nobody holds it for
//! longer than it takes to copy some pointers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

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
    changes: VecDeque<Arc<Event>>,
    signals: VecDeque<Arc<Event>>,
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
            kept.part_mut(event.kind.class()).push_back(Arc::new(event));
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
        part.iter().take(count).map(|event| event.seq).collect()
    }

    /// The next events after one, at most so many. All of them are there, or it is said that they are not.
    pub fn after(&self, seq: Seq, most: usize) -> Result<Vec<Arc<Event>>, Missing> {
        let kept = self.kept();
        if seq > kept.newest {
            return Err(Missing::New { newest: kept.newest });
        }
        if seq.next() < kept.oldest {
            return Err(Missing::Old { oldest: kept.oldest });
        }
        Ok(kept.merged(seq).take(most).cloned().collect())
    }

    /// The next changes after one, at most so many; those that are not kept any more are left out.
    pub fn changes_after(&self, seq: Seq, most: usize) -> Vec<Arc<Event>> {
        let kept = self.kept();
        after(&kept.changes, seq).take(most).cloned().collect()
    }

    /// The newest changes that a filter wants, the oldest first. A long search lets others in between.
    pub async fn newest_changes(&self, filter: &Filter, most: usize) -> Vec<Arc<Event>> {
        let mut found = VecDeque::new();
        let mut seq = Seq(0);
        if most == 0 {
            return Vec::new();
        }
        loop {
            let piece = self.changes_after(seq, PIECE);
            let Some(last) = piece.last() else { break };
            seq = last.seq;
            for event in piece.into_iter().filter(|event| filter.wants(event)) {
                if found.len() == most {
                    found.pop_front();
                }
                found.push_back(event);
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
        self.kept().part(class).iter().rev().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn part(&self, class: Class) -> &VecDeque<Arc<Event>> {
        match class {
            Class::Change => &self.changes,
            Class::Signal => &self.signals,
        }
    }

    fn part_mut(&mut self, class: Class) -> &mut VecDeque<Arc<Event>> {
        match class {
            Class::Change => &mut self.changes,
            Class::Signal => &mut self.signals,
        }
    }

    fn add(&mut self, event: Arc<Event>) {
        self.newest = event.seq;
        self.part_mut(event.kind.class()).push_back(event);
    }

    /// Lets go of the oldest of a part, up to this one.
    fn forget(&mut self, class: Class, seq: Seq) {
        let part = self.part_mut(class);
        while part.front().is_some_and(|event| event.seq <= seq) {
            part.pop_front();
        }
        self.oldest = self.oldest.max(seq.next());
    }

    /// Both parts after an event, in the order of the numbers.
    fn merged(&self, seq: Seq) -> impl Iterator<Item = &Arc<Event>> {
        let (mut changes, mut signals) = (after(&self.changes, seq).peekable(), after(&self.signals, seq).peekable());
        std::iter::from_fn(move || match (changes.peek(), signals.peek()) {
            (Some(change), Some(signal)) if change.seq < signal.seq => changes.next(),
            (Some(_), None) => changes.next(),
            _ => signals.next(),
        })
    }
}

fn after(part: &VecDeque<Arc<Event>>, seq: Seq) -> impl Iterator<Item = &Arc<Event>> {
    part.range(part.partition_point(|event| event.seq <= seq)..)
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

    #[test]
    fn a_loaded_log_begins_after_its_last_hole() {
        let log = Log::load([1, 2, 4, 5].map(|seq| event(seq, Kind::Allocated)).into());
        assert_eq!(log.oldest(), Seq(4));
        assert_eq!(numbers(log.after(Seq(3), 9)), [4, 5]);
        assert_eq!(log.after(Seq(2), 9), Err(Missing::Old { oldest: Seq(4) }));
        assert_eq!(Log::load(Vec::new()).oldest(), Seq(1));
    }
}
