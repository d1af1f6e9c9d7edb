//! Fences: what was taken away, or leads somewhere else, is in force when the datapath has followed it, and not before.
//!
//! ```text
//!   cut acknowledged ──> fence: who can answer is asked, one after the other ──followed──> in force
//!            │             ^└─stale─┘└──nobody answers──> the host rests: no fence for a while
//!            └──nobody can be asked, or the host rests──> by time ──[`FOLLOWS_WITHIN`] after that──> in force
//! ```
//! A host has one datapath, however many bridges, and so one fence at a time. A cut that is acknowledged while a fence is under
//! way waits for the next one, with all that come meanwhile. Who is asked is in [`super::respondents`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use buoy_flows::pipeline::Entity;
use buoy_flows::pipeline::fence::Respondent;
use buoy_topology::HostName;
use tracing::warn;

use super::Core;
use super::cuts::{FOLLOWS_WITHIN, Wait};
use super::switches::InFlight;
use crate::switch::{Command, ConnectionId, FenceEnd};

/// The fences of all hosts.
#[derive(Debug, Default)]
pub(super) struct Fences {
    hosts: BTreeMap<HostName, Fence>,
}

/// The fences of one host.
#[derive(Debug, Default)]
pub(super) struct Fence {
    /// The number of the next one.
    next: u64,
    /// Who is asked now, by which switch.
    runs: Option<(ConnectionId, Respondent)>,
    /// How many were asked in vain since one answered or the host was left in peace.
    in_vain: usize,
    /// Until when instances are asked, where one was: all of them have no longer than that.
    guests_until: Option<Instant>,
    /// Until when nobody is asked.
    rests_until: Option<Instant>,
    /// Who was asked in vain, and when.
    pub(super) silent: HashMap<Respondent, Instant>,
    /// Who answered last.
    pub(super) answered: Option<Respondent>,
    /// Whether the datapath was seen to follow, where something was cut.
    followed: Option<bool>,
}

impl Fences {
    /// The switches that run one.
    pub(super) fn running(&self) -> BTreeSet<ConnectionId> {
        self.hosts.values().filter_map(|fence| Some(fence.runs.as_ref()?.0)).collect()
    }

    /// What says on a host that a cut is in force; none where nothing was cut yet.
    pub(super) fn word_of(&self, host: &HostName) -> Option<&'static str> {
        let followed = self.hosts.get(host)?.followed?;
        Some(if followed { "datapath" } else { "time" })
    }

    pub(super) fn of(&self, host: &HostName) -> Option<&Fence> {
        self.hosts.get(host)
    }
}

impl Fence {
    fn is_resting(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }
}

impl Core {
    /// A switch has acknowledged cuts: they are in force after the next fence of its host, or after a while.
    pub(super) fn cut(&mut self, id: ConnectionId, entities: HashSet<Option<Arc<Entity>>>, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id).filter(|_| !entities.is_empty()) else { return };
        let host = switch.connection.host.clone();
        let fence = self.fences.hosts.entry(host.clone()).or_default();
        let wait = Wait { fence: (!fence.is_resting(now)).then_some(fence.next), until: now + FOLLOWS_WITHIN };
        switch.cuts.add(entities, wait);
        self.begin_fence(&host, now);
    }

    /// A switch has told what it has. What it did while nobody heard of it may be what somebody waits for.
    pub(super) fn fence_after_dump(&mut self, id: ConnectionId, was_synced: bool, now: Instant) {
        if !was_synced && !self.waiters.is_empty() {
            self.cut(id, HashSet::from([None]), now);
        }
        if let Some(host) = self.switches.get(&id).map(|switch| switch.connection.host.clone()) {
            self.begin_fence(&host, now);
        }
    }

    /// Begins the fences that had to wait.
    pub(super) fn begin_fences(&mut self, now: Instant) {
        let waiting = self.switches.values().filter(|switch| switch.cuts.all().any(|wait| wait.fence.is_some()));
        let hosts: BTreeSet<_> = waiting.map(|switch| switch.connection.host.clone()).collect();
        hosts.iter().for_each(|host| self.begin_fence(host, now));
    }

    /// Begins a fence, where somebody waits for one and none is under way.
    pub(super) fn begin_fence(&mut self, host: &HostName, now: Instant) {
        let Some(fence) = self.fences.hosts.get(host).filter(|fence| fence.runs.is_none()) else { return };
        let was_asked = fence.in_vain > 0;
        let waits = |id| self.switches.get(&id).is_some_and(|switch| switch.cuts.all().any(|own| own.fence.is_some()));
        if !self.switches.of_host(host).any(waits) {
            return;
        }
        let asked = self.respondent(host, now).filter(|_| fence.in_vain < MOST_ASKED);
        let patience = |(_, asked): &(_, Respondent)| fence.patience(asked, now);
        let Some((patience, (id, asked))) = asked.and_then(|own| Some((patience(&own)?, own))) else {
            return self.go_by_time(host, was_asked, now);
        };
        let Some(switch) = self.switches.get_mut(&id) else { return };
        // A dump would find the canary, and take it for a flow that is too many: the fence waits until it is over. Nor do
        // fences that follow each other keep one waiting.
        match switch.job {
            Some(InFlight::Dump) => return,
            None if switch.dump_at <= now => return switch.begin_dump(now),
            _ => {}
        }
        let meters = switch.bridge.as_ref().is_some_and(|bridge| bridge.meters);
        let command = Command::Fence { asked: asked.clone(), patience, meters };
        // Where the queue is full it begins at a later tick.
        let is_taken = switch.connection.commands.try_send(command).is_ok();
        if let Some(fence) = self.fences.hosts.get_mut(host).filter(|_| is_taken) {
            if !asked.is_host() {
                fence.guests_until.get_or_insert(now + patience);
            }
            fence.runs = Some((id, asked));
            fence.next += 1;
        }
    }

    /// A fence is over.
    pub(super) fn on_fenced(&mut self, id: ConnectionId, end: FenceEnd, now: Instant) {
        let Some(host) = self.switches.get(&id).map(|switch| switch.connection.host.clone()) else { return };
        let Some(fence) = self.fences.hosts.get_mut(&host) else { return };
        let Some((_, asked)) = fence.runs.take_if(|(own, _)| *own == id) else { return };
        match end {
            FenceEnd::Followed => {
                fence.followed = Some(true);
                (fence.in_vain, fence.guests_until) = (0, None);
                fence.silent.remove(&asked);
                fence.answered = Some(asked);
                let next = fence.next;
                self.end_cuts(&host, |wait| wait.fence.is_none_or(|own| own >= next));
            }
            // No time would make that true: what waits does so for another fence.
            FenceEnd::Stale => {
                warn!(%host, "the datapath does not follow: it has not looked at what it cached for a second and more");
                fence.stale();
            }
            FenceEnd::Silent => fence.was_silent(asked, now),
            // Whether that is the datapath or who answers, asking others takes too long.
            FenceEnd::Behind => {
                fence.was_silent(asked, now);
                self.go_by_time(&host, true, now);
            }
        }
        self.begin_fence(&host, now);
        self.push_host(&host);
    }

    /// A switch is away: if it ran a fence, nothing more can be expected of that.
    pub(super) fn fencer_left(&mut self, id: ConnectionId, host: &HostName, now: Instant) {
        if let Some(fence) = self.fences.hosts.get_mut(host)
            && fence.runs.take_if(|(own, _)| *own == id).is_some()
        {
            fence.guests_until = None;
        }
        self.begin_fence(host, now);
        if self.switches.of_host(host).next().is_none() {
            self.fences.hosts.remove(host);
        }
    }

    /// Ends what has waited long enough.
    pub(super) fn end_late_cuts(&mut self, now: Instant) {
        let late = self.switches.values().filter(|switch| switch.cuts.all().any(|wait| wait.is_late(None, now)));
        let hosts: BTreeSet<_> = late.map(|switch| switch.connection.host.clone()).collect();
        for host in hosts {
            let bundles = self.switches.of_host(&host).filter_map(|id| {
                let switch = self.switches.get(&id)?;
                matches!(switch.job, Some(InFlight::Bundle(_))).then_some(switch.job_since)
            });
            let bundle_since = bundles.min();
            self.end_cuts(&host, |wait| !wait.is_late(bundle_since, now));
            self.push_host(&host);
        }
    }

    /// A bundle of a switch has ended.
    pub(super) fn bundle_ended(&mut self, id: ConnectionId, now: Instant) {
        let Some(switch) = self.switches.get(&id) else { return };
        let (host, since) = (switch.connection.host.clone(), switch.job_since);
        for id in self.switches.of_host(&host).collect::<Vec<_>>() {
            if let Some(switch) = self.switches.get_mut(&id) {
                switch.cuts.bundle_ended(since, now);
            }
        }
    }

    /// Nobody can tell what the datapath does: what waits does so for a time. Where somebody was asked in vain, that begins now,
    /// and the host is left in peace for a while.
    fn go_by_time(&mut self, host: &HostName, was_asked: bool, now: Instant) {
        let Some(fence) = self.fences.hosts.get_mut(host) else { return };
        if fence.followed != Some(false) {
            warn!(
                %host,
                "nobody tells what the datapath does: what is taken away counts as gone {} ms after the switch said so",
                FOLLOWS_WITHIN.as_millis()
            );
        }
        fence.followed = Some(false);
        (fence.in_vain, fence.guests_until) = (0, None);
        if was_asked {
            fence.rests_until = Some(now + REST);
        }
        let soonest = was_asked.then_some(now + FOLLOWS_WITHIN);
        for id in self.switches.of_host(host).collect::<Vec<_>>() {
            if let Some(switch) = self.switches.get_mut(&id) {
                switch.cuts.go_by_time(soonest);
            }
        }
    }

    /// What does not wait any more is in force.
    fn end_cuts(&mut self, host: &HostName, waits: impl Fn(&Wait) -> bool) {
        for id in self.switches.of_host(host).collect::<Vec<_>>() {
            let Some(switch) = self.switches.get_mut(&id) else { continue };
            if switch.cuts.keep(&waits)
                && let Some(bridge) = &switch.bridge
            {
                self.awaited.heard_of(&bridge.name);
            }
        }
    }
}

impl Fence {
    fn was_silent(&mut self, asked: Respondent, now: Instant) {
        self.in_vain += 1;
        self.answered.take_if(|own| *own == asked);
        self.silent.retain(|_, since| now.duration_since(*since) < FORGOTTEN);
        self.silent.insert(asked, now);
    }

    /// Somebody answers, and the datapath does not follow: who answers has done nothing wrong.
    fn stale(&mut self) {
        (self.in_vain, self.guests_until) = (0, None);
    }

    /// How long one may take who answers; none where there is no time left for instances.
    fn patience(&self, asked: &Respondent, now: Instant) -> Option<Duration> {
        match self.guests_until {
            _ if asked.is_host() => Some(PATIENCE),
            Some(until) => Some(until.saturating_duration_since(now)).filter(|left| *left >= LEAST_PATIENCE),
            None => Some(GUESTS_PATIENCE),
        }
    }
}

/// How long a host may take that answers. Threads of OVS look at all cached flows within some milliseconds, longer where
/// there are many, or the machine is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for all instances of a fence: less than commands wait, since one may want to keep others waiting.
const GUESTS_PATIENCE: Duration = Duration::from_secs(3);
/// With less time than that nobody is asked.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// How many are asked in vain at most before it goes by time.
const MOST_ASKED: usize = 4;
/// How long a host is left in peace where nobody answered.
pub(super) const REST: Duration = Duration::from_secs(60);
/// How long it counts that somebody did not answer.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Respondent = Respondent {
        port: buoy_topology::PortNo::LOCAL,
        vlan: None,
        mac: None,
        address: std::net::Ipv4Addr::LOCALHOST,
    };

    #[test]
    fn instances_share_what_time_there_is() {
        let now = Instant::now();
        let guest = Respondent { port: buoy_topology::PortNo(1), ..HOST };
        let mut fence = Fence { guests_until: Some(now + GUESTS_PATIENCE), ..Fence::default() };
        let second = Duration::from_secs(1);
        assert_eq!(fence.patience(&guest, now + second), Some(GUESTS_PATIENCE - second));
        assert_eq!(fence.patience(&guest, now + GUESTS_PATIENCE), None);
        assert_eq!(fence.patience(&HOST, now + GUESTS_PATIENCE), Some(PATIENCE));
        fence.stale();
        assert_eq!(fence.patience(&guest, now + GUESTS_PATIENCE), Some(GUESTS_PATIENCE));
    }

    #[test]
    fn who_was_asked_in_vain_is_not_taken_for_one_that_answers() {
        let now = Instant::now();
        let mut fence = Fence { answered: Some(HOST), ..Fence::default() };
        fence.was_silent(HOST, now);
        assert_eq!((fence.in_vain, &fence.answered), (1, &None));
        assert!(fence.silent.contains_key(&HOST));
        fence.was_silent(Respondent { vlan: 7.try_into().ok(), ..HOST }, now + FORGOTTEN);
        assert!(!fence.silent.contains_key(&HOST), "that was long ago");
    }
}
