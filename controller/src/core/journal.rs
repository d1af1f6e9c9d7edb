//! What is told of: drafts become numbered events, go to the store, and are shown once they are durable.
//!
//! A change's own events go into its commit. What is observed waits for the next commit, or for the tick.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::warn;

use super::Core;
use crate::events::time::Millis;
use crate::events::{Class, Detail, Entries, Event, Kind, Log, Seq};
use crate::store::StoreError;

/// What happened, before it has a number.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) time: Millis,
    pub(super) kind: Kind,
    pub(super) subject: Box<str>,
    pub(super) detail: Value,
}

/// The way from what happened to the log.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) log: Log,
    /// The last number that was given.
    last: Seq,
    /// What was observed and is not on its way yet.
    waiting: Vec<Draft>,
    /// How much was observed while too much waited.
    dropped: u64,
    /// What is on its way to the disk.
    under_way: VecDeque<Entries>,
    /// Nothing is kept any more.
    has_ended: bool,
    recorded: mpsc::UnboundedSender<Recorded>,
}

/// Events up to a number have become durable, or none do any more.
pub(super) type Recorded = Result<Seq, StoreError>;

impl Journal {
    pub(super) fn new(log: Log, recorded: mpsc::UnboundedSender<Recorded>) -> Self {
        let newest = log.newest().borrow().clone();
        let has_ended = newest.ended.is_some();
        Self { log, last: newest.seq, waiting: Vec::new(), dropped: 0, under_way: VecDeque::new(), has_ended, recorded }
    }

    /// Numbers what waits and then these; they are to be handed to the store before any others. Tells the last number.
    pub(super) fn number(&mut self, drafts: Vec<Draft>) -> (Entries, Seq) {
        let dropped = std::mem::take(&mut self.dropped);
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(time) = waiting.last().map(|draft| draft.time).filter(|_| dropped > 0) {
            let detail = json!({"events": dropped});
            waiting.push(Draft { time, kind: Kind::Overflow, subject: "buoyd".into(), detail });
        }
        let mut entries = Entries::default();
        for Draft { time, kind, subject, detail } in waiting.into_iter().chain(drafts) {
            self.last = self.last.next();
            let event = Event { seq: self.last, time, kind, subject, detail: Detail::of(&detail) };
            entries.events.push(Arc::new(event));
        }
        for class in [Class::Change, Class::Signal] {
            let all = self.under_way.iter().chain([&entries]).flat_map(|own| &own.events);
            let more = all.filter(|event| event.kind.class() == class).count();
            entries.gone.extend(self.log.surplus(class, more).into_iter().map(|seq| (class, seq)));
        }
        self.under_way.push_back(entries.clone());
        (entries, self.last)
    }

    /// Shows what is durable, up to a number.
    pub(super) fn durable(&mut self, upto: Seq) {
        while let Some(entries) = self.under_way.front() {
            if entries.events.last().is_some_and(|event| event.seq > upto) {
                break;
            }
            if let Some(entries) = self.under_way.pop_front() {
                self.log.add(&entries);
            }
        }
    }

    /// The store takes nothing more: it is not known what it has of what was on its way.
    pub(super) fn end(&mut self, why: &str) {
        self.has_ended = true;
        self.waiting.clear();
        self.under_way.clear();
        self.log.end(why);
    }

    fn add(&mut self, draft: Draft) {
        if self.has_ended {
            return;
        }
        if self.waiting.len() >= MOST_WAITING {
            self.dropped += 1;
            return;
        }
        self.waiting.push(draft);
    }
}

impl Core {
    /// Notes that something was observed.
    pub(super) fn tell(&mut self, kind: Kind, subject: impl AsRef<str>, detail: Value) {
        self.journal.add(Draft { time: self.time, kind, subject: subject.as_ref().into(), detail });
    }

    /// Sends what was observed to the store, where no commit took it along.
    pub(super) fn record(&mut self) {
        if !self.journal.waiting.is_empty() && self.journal.under_way.len() < MOST_UNDER_WAY {
            self.send_waiting();
        }
    }

    fn send_waiting(&mut self) {
        let Some(store) = &self.store else { return };
        let (entries, upto) = self.journal.number(Vec::new());
        let recorded = self.journal.recorded.clone();
        store.log(entries, move |result| {
            // A core that is gone needs no result.
            let _ = recorded.send(result.map(|_| upto));
        });
    }

    pub(super) fn tell_started(&mut self) {
        let detail = json!({"version": env!("CARGO_PKG_VERSION"), "generation": self.site.generation()});
        self.tell(Kind::DaemonStarted, "buoyd", detail);
    }

    /// Tells that the daemon ends, and sends all that waits.
    pub(super) fn tell_stopped(&mut self) {
        self.tell(Kind::DaemonStopped, "buoyd", json!({"generation": self.site.generation()}));
        self.send_waiting();
    }

    /// Whether something is on its way to the disk.
    pub(super) fn awaits_records(&self) -> bool {
        !self.journal.under_way.is_empty()
    }

    pub(super) fn on_recorded(&mut self, recorded: Recorded) {
        match recorded {
            Ok(upto) => self.journal.durable(upto),
            Err(error) => {
                warn!(%error, "events are not kept any more");
                self.journal.end(&error.to_string());
            }
        }
    }
}

/// What may wait for the store. More is only counted.
const MOST_WAITING: usize = 4_096;
/// Writes that may be on their way while another begins.
const MOST_UNDER_WAY: usize = 2;
