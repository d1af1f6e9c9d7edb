//! Which hook is due. Pure: time is an argument.
//!
//! Of each address the newest event counts, and one program runs at a time. A program that fails is tried again, later
//! each time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_topology::{Generation, HookEvent, HookRecord, HookState};

/// The newest event of each address, and what runs.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    records: BTreeMap<Ipv4Addr, HookRecord>,
    /// When those that are pending are to run.
    due: BTreeMap<Ipv4Addr, Instant>,
    /// The event that runs, where one does; a newer one may wait for its end.
    running: BTreeMap<Ipv4Addr, Generation>,
}

impl Queue {
    /// What an earlier daemon had: what it did not finish is to be done now.
    pub(crate) fn load(records: Vec<HookRecord>, now: Instant) -> Self {
        let mut queue = Self::default();
        for mut record in records {
            if matches!(record.state, HookState::Pending | HookState::Running) {
                record.state = HookState::Pending;
                queue.due.insert(record.event.address, now);
            }
            queue.records.insert(record.event.address, record);
        }
        queue
    }

    /// Takes in an event, in place of an older one that has not run yet.
    pub(crate) fn add(&mut self, record: HookRecord, now: Instant) {
        let address = record.event.address;
        self.due.insert(address, now);
        self.records.insert(address, record);
    }

    /// Forgets an address. What runs for it runs on.
    pub(crate) fn forget(&mut self, address: Ipv4Addr) {
        self.records.remove(&address);
        self.due.remove(&address);
    }

    /// How the newest event of an address went.
    pub(crate) fn record(&self, address: Ipv4Addr) -> Option<&HookRecord> {
        self.records.get(&address)
    }

    /// The events whose hooks are to be started now; `at` is the time of day. Each is told of by [`Queue::ended`].
    pub(crate) fn poll(&mut self, now: Instant, at: u64) -> Vec<HookEvent> {
        let mut started = Vec::new();
        let places = MOST_RUNNING.saturating_sub(self.running.len());
        if places == 0 {
            return started;
        }
        let ready = self.due.iter().filter(|(address, due)| **due <= now && !self.running.contains_key(address));
        let mut ready: Vec<_> = ready.map(|(address, due)| (*due, *address)).collect();
        ready.sort_unstable();
        for (_, address) in ready.into_iter().take(places) {
            self.due.remove(&address);
            let Some(record) = self.records.get_mut(&address) else { continue };
            record.state = HookState::Running;
            record.tries = record.tries.saturating_add(1);
            record.at = at;
            self.running.insert(address, record.event.generation);
            started.push(record.event.clone());
        }
        started
    }

    /// A hook has ended. Returns what is to be stored, unless a newer event has taken the place of the one that ran.
    pub(crate) fn ended(
        &mut self,
        address: Ipv4Addr,
        generation: Generation,
        result: Result<(), String>,
        now: Instant,
        at: u64,
    ) -> Option<HookRecord> {
        self.running.remove(&address);
        let is_same = |record: &&mut HookRecord| record.event.generation == generation;
        let record = self.records.get_mut(&address).filter(is_same)?;
        record.at = at;
        record.message = result.clone().err();
        record.state = match result {
            Ok(()) => HookState::Done,
            Err(_) if record.tries >= MOST_TRIES => HookState::Failed,
            Err(_) => {
                self.due.insert(address, now + pause(record.tries));
                HookState::Pending
            }
        };
        Some(record.clone())
    }
}

/// How long to wait after so many tries.
fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
}

/// Programs at once.
pub(crate) const MOST_RUNNING: usize = 4;
/// How often a hook is tried for one event.
const MOST_TRIES: u32 = 10;
/// The pause after the first try; it doubles with each,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[cfg(test)]
pub(super) mod tests;
