//! Finds the MACs of gateways and of on-link neighbours by ARP, with few questions. Pure: time is an argument.
//!
//! A question is repeated with growing pauses. What is known is asked again, directly and seldom; a gateway that does not
//! answer any more keeps its last MAC, a neighbour is forgotten. Each provider has a budget of its own, and in it the
//! gateway one of its own: nobody's scan keeps a gateway from being found.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_topology::{EntityId, MacAddr, NeighbourKey};

/// What is known of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was never heard.
    Probing,
    /// It was heard.
    Resolved,
    /// It does not answer any more.
    Failed,
}

/// A question to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Whom it is about.
    pub(super) key: NeighbourKey,
    /// Whom it goes to; everybody where the MAC is not known.
    pub(super) to: Option<MacAddr>,
}

/// What follows from the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// To be sent.
    pub(super) questions: Vec<Question>,
    /// To be forgotten: they do not answer.
    pub(super) lost: Vec<NeighbourKey>,
}

/// All stations that are asked for.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    stations: BTreeMap<NeighbourKey, Station>,
    budgets: BTreeMap<EntityId, Budgets>,
    sent: BTreeMap<EntityId, u64>,
}

#[derive(Debug)]
struct Station {
    is_gateway: bool,
    mac: Option<MacAddr>,
    heard: Option<Instant>,
    attempts: u32,
    next: Instant,
}

impl Resolver {
    /// Begins to watch over a station; `mac` is what is known of it already. Beside the gateway so many stations of one
    /// provider are watched and no more. Tells whether it is watched from now on.
    pub(super) fn watch(&mut self, key: NeighbourKey, is_gateway: bool, mac: Option<MacAddr>, now: Instant) -> bool {
        let is_known = self.stations.contains_key(&key);
        let is_new = !is_known && (is_gateway || self.watched(key.provider) < MOST_STATIONS);
        if is_new {
            let next = if mac.is_some() { now + SETTLE } else { now };
            self.stations.insert(key, Station { is_gateway, mac, heard: None, attempts: 0, next });
        }
        is_new
    }

    /// Whether a station is watched over.
    pub(super) fn watches(&self, key: NeighbourKey) -> bool {
        self.stations.contains_key(&key)
    }

    fn watched(&self, provider: EntityId) -> usize {
        let first = NeighbourKey { provider, address: Ipv4Addr::UNSPECIFIED };
        self.stations.range(first..).take_while(|(key, _)| key.provider == provider).count()
    }

    /// Stops to watch over every station that is not wanted any more.
    pub(super) fn retain(&mut self, wanted: impl Fn(NeighbourKey) -> bool) {
        self.stations.retain(|key, _| wanted(*key));
    }

    /// A station was heard with a MAC.
    pub(super) fn heard(&mut self, key: NeighbourKey, mac: MacAddr, now: Instant) {
        if let Some(station) = self.stations.get_mut(&key) {
            *station = Station { mac: Some(mac), heard: Some(now), attempts: 0, next: now + REPROBE, ..*station };
        }
    }

    /// What is due now: the longest waiting first. Questions beyond the budget wait, and so do those of providers that
    /// cannot be reached: nobody is lost for want of a question.
    pub(super) fn poll(&mut self, now: Instant, can_reach: impl Fn(EntityId) -> bool) -> Due {
        let mut due = Due::default();
        let waits = |(key, station): &(&NeighbourKey, &mut Station)| station.next <= now && can_reach(key.provider);
        let mut waiting: Vec<_> = self.stations.iter_mut().filter(waits).collect();
        waiting.sort_by_key(|(_, station)| station.next);
        for (key, station) in waiting {
            if station.attempts >= GIVE_UP && !station.is_gateway {
                due.lost.push(*key);
                continue;
            }
            let budgets = self.budgets.entry(key.provider).or_default();
            let budget = if station.is_gateway { &mut budgets.gateway } else { &mut budgets.neighbours };
            if !budget.take(now) {
                continue;
            }
            let to = station.mac.filter(|_| station.attempts < ASK_DIRECTLY);
            station.attempts = station.attempts.saturating_add(1);
            station.next = now + pause(station.attempts);
            *self.sent.entry(key.provider).or_default() += 1;
            due.questions.push(Question { key: *key, to });
        }
        for key in &due.lost {
            self.stations.remove(key);
        }
        due
    }

    /// What is known of a station, and how long ago it was heard.
    pub(super) fn state(&self, key: NeighbourKey, now: Instant) -> Option<(State, Option<Duration>)> {
        let station = self.stations.get(&key)?;
        let state = match (station.mac, station.attempts) {
            (None, attempts) if attempts >= GIVE_UP => State::Failed,
            (None, _) => State::Probing,
            (Some(_), attempts) if attempts >= GIVE_UP => State::Failed,
            (Some(_), _) => State::Resolved,
        };
        Some((state, station.heard.map(|heard| now.duration_since(heard))))
    }

    /// How many questions were sent for a provider since the daemon started.
    pub(super) fn sent(&self, provider: EntityId) -> u64 {
        self.sent.get(&provider).copied().unwrap_or(0)
    }
}

/// Questions that may be sent: a few at once, then a few a minute.
#[derive(Debug)]
struct Budget {
    burst: u32,
    refill: Duration,
    left: u32,
    since: Option<Instant>,
}

/// The budgets of one provider: 10 questions at once and 10 a minute.
#[derive(Debug)]
struct Budgets {
    gateway: Budget,
    neighbours: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { gateway: Budget::new(4, Duration::from_secs(15)), neighbours: Budget::new(6, Duration::from_secs(10)) }
    }
}

impl Budget {
    /// So many at once, and one more in each such time.
    const fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, left: burst, since: None }
    }

    fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let refills = u32::try_from(now.duration_since(since).as_secs() / self.refill.as_secs()).unwrap_or(u32::MAX);
        if refills > 0 {
            self.left = self.left.saturating_add(refills).min(self.burst);
            self.since = Some(now);
        }
        let has = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has
    }
}

fn pause(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(8)).min(LONGEST)
}

/// After a start, what was known is checked soon, but not at once.
const SETTLE: Duration = Duration::from_secs(5);
/// How long what was heard is taken for true without asking.
const REPROBE: Duration = Duration::from_secs(600);
/// After so many questions without an answer a station counts as failed.
const GIVE_UP: u32 = 4;
/// So many of them go to the known MAC alone, before everybody is asked.
const ASK_DIRECTLY: u32 = 2;
/// The longest pause between two questions: OVH complained about one every 30 s.
const LONGEST: Duration = Duration::from_secs(240);
/// Stations of one provider that are watched over.
const MOST_STATIONS: usize = 4_096;

#[cfg(test)]
mod tests;
