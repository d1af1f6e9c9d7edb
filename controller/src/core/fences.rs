//! Fences: what was taken away, or leads somewhere else, is in force when the datapath has followed it, and not before.
//!
//! ```text
//!   cut acknowledged ──> fence: who can answer is asked, one after the other ──followed──> in force
//!            │                  └──nobody answers──> the host rests: no fence for a while
//!            └──while it rests──────────> by time ──[`FOLLOWS_WITHIN`] after the acknowledgement──> in force
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
    /// Until when nobody is asked.
    rests_until: Option<Instant>,
    /// Who was asked in vain, and when.
    pub(super) silent: HashMap<Respondent, Instant>,
    /// Who answered last.
    pub(super) answered: Option<Respondent>,
    /// Whether the datapath was seen to follow, where something was cut.
    followed: Option<bool>,
}

/// The entities of a switch whose cuts the datapath may not have followed yet.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    waiting: HashMap<Arc<Entity>, Wait>,
    /// Cuts of flows that belonged to nobody.
    strays: Option<Wait>,
}

/// What a cut waits for.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// The fence; none where nobody answers.
    fence: Option<u64>,
    /// When it is in force without one.
    until: Instant,
}

impl Wait {
    /// Whether it has waited long enough for what nobody tells.
    fn is_late(&self, now: Instant) -> bool {
        self.fence.is_none() && self.until <= now
    }
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

impl Cuts {
    /// Whether one of an entity is waited for.
    pub(super) fn has(&self, entity: &Entity) -> bool {
        self.waiting.contains_key(entity)
    }

    /// Whether one is waited for of which it is not known whose it was.
    pub(super) fn has_strays(&self) -> bool {
        self.strays.is_some()
    }

    /// Whether any is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.strays.is_none()
    }

    fn add(&mut self, entities: HashSet<Option<Arc<Entity>>>, wait: Wait) {
        for entity in entities {
            match entity {
                Some(entity) => drop(self.waiting.insert(entity, wait)),
                None => self.strays = Some(wait),
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Wait> {
        self.waiting.values().chain(&self.strays)
    }

    /// Keeps those that still wait. Tells whether there were others.
    fn keep(&mut self, waits: impl Fn(&Wait) -> bool) -> bool {
        let before = (self.waiting.len(), self.strays.is_some());
        self.waiting.retain(|_, wait| waits(wait));
        self.strays = self.strays.filter(waits);
        before != (self.waiting.len(), self.strays.is_some())
    }

    fn go_by_time(&mut self) {
        self.waiting.values_mut().chain(&mut self.strays).for_each(|wait| wait.fence = None);
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

    /// Begins a fence, where somebody waits for one and none is under way.
    pub(super) fn begin_fence(&mut self, host: &HostName, now: Instant) {
        while let Some(fence) = self.fences.hosts.get(host).filter(|fence| fence.runs.is_none()) {
            let in_vain = fence.in_vain;
            let waits =
                |id| self.switches.get(&id).is_some_and(|switch| switch.cuts.all().any(|own| own.fence.is_some()));
            if !self.switches.of_host(host).any(waits) {
                return;
            }
            let asked = self.respondent(host, now).filter(|_| in_vain < MOST_ASKED);
            let Some((id, asked, patience)) = asked else { return self.go_by_time(host, now) };
            let Some(switch) = self.switches.get(&id) else { return };
            // A dump would find the canary, and take it for a flow that is too many: the fence waits until it is over.
            if matches!(switch.job, Some(InFlight::Dump)) {
                return;
            }
            let command = Command::Fence { asked: asked.clone(), patience };
            let is_taken = switch.connection.commands.try_send(command).is_ok();
            let Some(fence) = self.fences.hosts.get_mut(host) else { return };
            if is_taken {
                fence.runs = Some((id, asked));
                fence.next += 1;
            } else {
                fence.was_silent(asked, now);
            }
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
                fence.in_vain = 0;
                fence.silent.remove(&asked);
                fence.answered = Some(asked);
                let next = fence.next;
                self.end_cuts(&host, |wait| wait.fence.is_none_or(|own| own >= next));
            }
            FenceEnd::Silent => fence.was_silent(asked, now),
            // Whether that is the datapath or who answers, asking others takes too long.
            FenceEnd::Behind => {
                fence.was_silent(asked, now);
                self.go_by_time(&host, now);
            }
        }
        self.begin_fence(&host, now);
        self.push_host(&host);
    }

    /// A switch is away: if it ran a fence, nothing more can be expected of that.
    pub(super) fn fencer_left(&mut self, id: ConnectionId, host: &HostName, now: Instant) {
        if let Some(fence) = self.fences.hosts.get_mut(host) {
            fence.runs.take_if(|(own, _)| *own == id);
        }
        self.begin_fence(host, now);
        if self.switches.of_host(host).next().is_none() {
            self.fences.hosts.remove(host);
        }
    }

    /// Ends what has waited long enough.
    pub(super) fn end_late_cuts(&mut self, now: Instant) {
        let late = self.switches.values().filter(|switch| switch.cuts.all().any(|wait| wait.is_late(now)));
        let hosts: BTreeSet<_> = late.map(|switch| switch.connection.host.clone()).collect();
        for host in hosts {
            self.end_cuts(&host, |wait| !wait.is_late(now));
            self.push_host(&host);
        }
    }

    /// Nobody can tell what the datapath does: what waits does so for a time. The host is left in peace for a while.
    fn go_by_time(&mut self, host: &HostName, now: Instant) {
        let Some(fence) = self.fences.hosts.get_mut(host) else { return };
        if fence.followed != Some(false) {
            warn!(
                %host,
                "nobody answers for the datapath: what is taken away counts as gone {} ms after the switch said so",
                FOLLOWS_WITHIN.as_millis()
            );
        }
        fence.followed = Some(false);
        fence.in_vain = 0;
        fence.rests_until = Some(now + REST);
        for id in self.switches.of_host(host).collect::<Vec<_>>() {
            if let Some(switch) = self.switches.get_mut(&id) {
                switch.cuts.go_by_time();
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
}

/// When the datapath counts as having followed, where nobody can tell, from the switch's acknowledgement on: revalidators sleep
/// for half a second at most (ovs-vswitchd.conf.db(5), `max-revalidator`), and two of their rounds are enough.
const FOLLOWS_WITHIN: Duration = Duration::from_millis(1_500);
/// How many are asked in vain at most before it goes by time.
const MOST_ASKED: usize = 4;
/// How long a host is left in peace where nobody answered.
pub(super) const REST: Duration = Duration::from_secs(60);
/// How long it counts that somebody did not answer.
const FORGOTTEN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Respondent = Respondent {
        port: buoy_topology::PortNo::LOCAL,
        vlan: None,
        mac: None,
        address: std::net::Ipv4Addr::LOCALHOST,
    };

    fn waits(fence: u64, until: Instant) -> Wait {
        Wait { fence: Some(fence), until }
    }

    #[test]
    fn cuts_of_a_fence_that_found_nothing_out_wait_until_their_own_time_is_over() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([Some(Arc::new(Entity::Base))]), waits(0, now + FOLLOWS_WITHIN));
        cuts.add(HashSet::from([None]), waits(1, now + FOLLOWS_WITHIN * 2));
        cuts.go_by_time();
        assert!(!cuts.keep(|wait| wait.fence.is_none_or(|own| own >= 9)), "no fence ends them");
        assert!(cuts.keep(|wait| !wait.is_late(now + FOLLOWS_WITHIN)));
        assert!(!cuts.has(&Entity::Base) && cuts.has_strays());
        assert!(cuts.keep(|wait| !wait.is_late(now + FOLLOWS_WITHIN * 2)));
        assert!(cuts.is_empty());
    }

    #[test]
    fn no_time_ends_what_a_fence_is_under_way_for() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([Some(Arc::new(Entity::Base))]), waits(3, now));
        assert!(!cuts.keep(|wait| !wait.is_late(now + REST)));
        assert!(cuts.keep(|wait| wait.fence.is_none_or(|own| own >= 4)));
        assert!(cuts.is_empty());
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
