//! What is told of: drafts become numbered events, go to the store, and are shown once they are durable.
//!
//! A change's own events go into its commit. What is observed waits for the next commit, or for the tick. One write is under
//! way at a time, so that numbers that the store did not take are given again, and none is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::warn;

use super::Core;
use crate::events::time::Millis;
use crate::events::{Class, Detail, Entries, Event, Kind, Log};
use crate::store::StoreError;

/// What happened, before it has a number.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) time: Millis,
    pub(super) kind: Kind,
    pub(super) subject: Box<str>,
    pub(super) detail: Detail,
}

/// The way from what happened to the log.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) log: Log,
    /// What was observed and is not on its way yet.
    waiting: Vec<Draft>,
    /// How much was observed while too much waited.
    dropped: u64,
    under_way: Option<UnderWay>,
    /// Until when nothing is tried, after the disk was full.
    pause: Option<Instant>,
    /// Nothing is kept any more.
    has_ended: bool,
    recorded: mpsc::UnboundedSender<Recorded>,
}

/// What is on its way to the disk.
#[derive(Debug)]
struct UnderWay {
    entries: Entries,
    /// What of it was observed, and is so whatever becomes of the change that it goes with.
    observed: Vec<Draft>,
}

/// What was observed has become durable, or has not.
pub(super) type Recorded = Result<(), StoreError>;

impl Journal {
    pub(super) fn new(log: Log, recorded: mpsc::UnboundedSender<Recorded>) -> Self {
        let has_ended = log.newest().borrow().ended.is_some();
        Self { log, waiting: Vec::new(), dropped: 0, under_way: None, pause: None, has_ended, recorded }
    }

    /// Whether a write is under way: another one has to wait for it.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Numbers what was observed and then these, for a write that begins now.
    pub(super) fn begin(&mut self, changes: Vec<Draft>) -> Entries {
        let mut observed = std::mem::take(&mut self.waiting);
        let dropped = std::mem::take(&mut self.dropped);
        if let Some(time) = observed.last().map(|draft| draft.time).filter(|_| dropped > 0) {
            let detail = Detail::of(&json!({"events": dropped}));
            observed.push(Draft { time, kind: Kind::Overflow, subject: "buoyd".into(), detail });
        }
        let mut seq = self.log.newest().borrow().seq;
        let mut entries = Entries::default();
        for Draft { time, kind, subject, detail } in observed.iter().cloned().chain(changes) {
            seq = seq.next();
            entries.events.push(Arc::new(Event { seq, time, kind, subject, detail }));
        }
        for class in [Class::Change, Class::Signal] {
            let more = entries.events.iter().filter(|event| event.kind.class() == class).count();
            entries.gone.extend(self.log.surplus(class, more).into_iter().map(|seq| (class, seq)));
        }
        self.under_way = Some(UnderWay { entries: entries.clone(), observed });
        entries
    }

    /// The write that was under way is durable, or it is not. What was observed is tried again where the store only has no
    /// room; otherwise it is not known what is on disk, and nothing is kept any more.
    pub(super) fn end(&mut self, written: Result<(), &StoreError>, now: Instant) {
        let Some(UnderWay { entries, observed }) = self.under_way.take() else { return };
        match written {
            Ok(()) => self.log.add(&entries),
            Err(StoreError::Full { .. }) => {
                self.pause = Some(now + PAUSE);
                let later = std::mem::replace(&mut self.waiting, observed);
                later.into_iter().for_each(|draft| self.add(draft));
            }
            Err(error) => {
                warn!(%error, "events are not kept any more");
                self.has_ended = true;
                self.waiting.clear();
                self.log.end(&error.to_string());
            }
        }
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
        let detail = Detail::of(&detail);
        self.journal.add(Draft { time: self.time, kind, subject: subject.as_ref().into(), detail });
    }

    /// Sends what was observed to the store, where no commit took it along.
    pub(super) fn record(&mut self, now: Instant) {
        if self.journal.pause.is_none_or(|until| until <= now) {
            self.journal.pause = None;
            self.send_observed();
        }
    }

    fn send_observed(&mut self) {
        let Some(store) = &self.store else { return };
        if self.journal.waiting.is_empty() || self.journal.is_busy() {
            return;
        }
        let entries = self.journal.begin(Vec::new());
        let recorded = self.journal.recorded.clone();
        store.log(entries, move |result| {
            // A core that is gone needs no result.
            let _ = recorded.send(result.map(drop));
        });
    }

    pub(super) fn tell_started(&mut self) {
        let detail = json!({"version": env!("CARGO_PKG_VERSION"), "generation": self.site.generation()});
        self.tell(Kind::DaemonStarted, "buoyd", detail);
    }

    /// Tells that the daemon ends, and sends all that waits.
    pub(super) fn tell_stopped(&mut self) {
        self.tell(Kind::DaemonStopped, "buoyd", json!({"generation": self.site.generation()}));
        self.send_observed();
    }

    pub(super) fn on_recorded(&mut self, recorded: &Recorded, now: Instant) {
        self.journal.end(recorded.as_ref().copied(), now);
    }
}

/// What may wait for the store. More is only counted.
const MOST_WAITING: usize = 4_096;
/// How long to wait where the disk was full.
const PAUSE: Duration = Duration::from_secs(5);
