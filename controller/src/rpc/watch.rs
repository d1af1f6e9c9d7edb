//! One watch: how far a client is in the log, and what comes next for it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, timeout_at};

use super::history::check_open;
use crate::api::views::{WatchEndView, WatchSeenView, WatchView};
use crate::api::{ApiError, ErrorKind, WatchStart};
use crate::events::log::Newest;
use crate::events::{Event, Filter, Log, Missing, Seq};

/// A client that watches.
#[derive(Debug)]
pub(super) struct Watch {
    log: Log,
    newest: watch::Receiver<Newest>,
    filter: Filter,
    /// The last event that was looked at.
    seq: Seq,
    /// The last one that the client knows of; none where it is not told of others than those that it wants.
    told: Option<Seq>,
    /// When it is told how far this is.
    due: Option<Instant>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// These events.
    Events(Vec<Arc<Event>>),
    /// Nothing up to this one.
    Seen(Seq),
    /// Nothing any more, and why.
    End(String),
}

impl Watch {
    /// Begins to watch; the answer says from where on.
    pub(super) fn start(log: &Log, asked: &WatchStart) -> Result<(Self, Value), ApiError> {
        check_open(log)?;
        let newest = log.newest();
        let last = newest.borrow().seq;
        let seq = asked.since.unwrap_or(last);
        log.after(seq, 0).map_err(|missing| ApiError::new(ErrorKind::NotFound, explain(missing, seq)))?;
        let answer = json!(WatchView { since: seq, newest: last, oldest: log.oldest() });
        let told = asked.progress.then_some(seq);
        Ok((Self { log: log.clone(), newest, filter: asked.filter(), seq, told, due: None }, answer))
    }

    /// Waits for what comes next. Nothing is lost where the wait is given up.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            let due = self.due();
            if due.is_some_and(|due| due <= Instant::now()) {
                self.told = Some(self.seq);
                return Next::Seen(self.seq);
            }
            let ended = self.newest.borrow_and_update().ended.clone();
            match self.log.after(self.seq, PIECE) {
                Ok(events) if events.is_empty() => match ended {
                    Some(why) => return Next::End(format!("no events are kept any more: {why}")),
                    // A log lives as long as one that reads it.
                    None => match due {
                        Some(due) => drop(timeout_at(due, self.newest.changed()).await),
                        None => drop(self.newest.changed().await),
                    },
                },
                Ok(mut events) => {
                    self.seq = events.last().map_or(self.seq, |event| event.seq);
                    events.retain(|event| self.filter.wants(event));
                    if let Some(last) = events.last() {
                        self.told = self.told.map(|_| last.seq);
                        return Next::Events(events);
                    }
                    tokio::task::yield_now().await;
                }
                Err(missing) => return Next::End(format!("too slow: {}", explain(missing, self.seq))),
            }
        }
    }

    /// When the client is told how far this is, where it does not know.
    fn due(&mut self) -> Option<Instant> {
        let is_behind = self.told.is_some_and(|told| told < self.seq);
        self.due = is_behind.then(|| self.due.unwrap_or_else(|| Instant::now() + PACE));
        self.due
    }

    /// The last event that was looked at.
    pub(super) fn seq(&self) -> Seq {
        self.seq
    }

    /// The line that ends a watch: the event to go on after.
    pub(super) fn last_line(&self, seq: Seq, reason: &str) -> String {
        let params = WatchEndView { seq, oldest: self.log.oldest(), reason: reason.to_owned() };
        format!("{}\n", json!({"jsonrpc": "2.0", "method": "watch.end", "params": params}))
    }
}

/// How far a watch is, as it is sent.
pub(super) fn seen(seq: Seq) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "method": "watch.seen", "params": WatchSeenView { seq }}))
}

/// An event as it is sent.
pub(super) fn line(event: &Event) -> String {
    format!("{}\n", json!({"jsonrpc": "2.0", "method": "watch.event", "params": event.view()}))
}

/// Why a client cannot go on after an event.
pub(super) fn explain(missing: Missing, seq: Seq) -> String {
    match missing {
        Missing::Old { oldest } => {
            let last = oldest.0.saturating_sub(1);
            format!(
                "what came after event {seq} is not kept any more: the oldest event is {oldest}, go on with --since {last}"
            )
        }
        Missing::New { newest } => {
            format!(
                "there is no event {seq} yet: the newest is {newest} (an older state was restored, or this is another daemon)"
            )
        }
    }
}

/// Events that are taken out of the log at once.
const PIECE: usize = 256;
/// How often a client is told how far its watch is, at most.
const PACE: Duration = Duration::from_secs(1);
