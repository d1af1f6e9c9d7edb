//! Cuts that a switch has acknowledged and that may not be in force yet: each waits for a fence, or for a time. Which of these is
//! decided in [`super::fences`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use buoy_flows::pipeline::Entity;

/// The entities of a switch whose cuts the datapath may not have followed yet.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    waiting: HashMap<Arc<Entity>, Wait>,
    /// Cuts of flows that belonged to nobody.
    strays: Option<Wait>,
}

/// What a cut waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    /// The fence; none where nobody answers.
    pub(super) fence: Option<u64>,
    /// When it is in force without one.
    pub(super) until: Instant,
}

impl Wait {
    /// Whether it has waited long enough for what nobody tells. A bundle that was under way by then may be the reason why the
    /// datapath has not even been told.
    pub(super) fn is_late(&self, bundle_since: Option<Instant>, now: Instant) -> bool {
        self.fence.is_none() && self.until <= now && bundle_since.is_none_or(|since| since > self.until)
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

    pub(super) fn add(&mut self, entities: HashSet<Option<Arc<Entity>>>, wait: Wait) {
        for entity in entities {
            match entity {
                Some(entity) => drop(self.waiting.insert(entity, wait)),
                None => self.strays = Some(wait),
            }
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Wait> {
        self.waiting.values().chain(&self.strays)
    }

    /// Keeps those that still wait. Tells whether there were others.
    pub(super) fn keep(&mut self, waits: impl Fn(&Wait) -> bool) -> bool {
        let before = (self.waiting.len(), self.strays.is_some());
        self.waiting.retain(|_, wait| waits(wait));
        self.strays = self.strays.filter(waits);
        before != (self.waiting.len(), self.strays.is_some())
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Wait> {
        self.waiting.values_mut().chain(&mut self.strays)
    }

    /// No fence ends them, and time does not before that.
    pub(super) fn go_by_time(&mut self, soonest: Option<Instant>) {
        for wait in self.all_mut() {
            wait.fence = None;
            wait.until = soonest.map_or(wait.until, |soonest| wait.until.max(soonest));
        }
    }

    /// A bundle has ended that held some of them up: the datapath is told of them now. A short one is within the room that
    /// the time has.
    pub(super) fn bundle_ended(&mut self, since: Instant, now: Instant) {
        if now.duration_since(since) < ROOM {
            return;
        }
        for wait in self.all_mut().filter(|wait| since <= wait.until && wait.until <= now) {
            wait.until = now + FOLLOWS_WITHIN;
        }
    }
}

/// When the datapath counts as having followed, where nobody can tell, from the switch's acknowledgement on. Two rounds of
/// revalidators are enough. Open vSwitch takes up to 1.3 s for one before it allows itself fewer cached flows.
pub(super) const FOLLOWS_WITHIN: Duration = Duration::from_secs(3);
/// What of that two such rounds leave.
const ROOM: Duration = Duration::from_millis(400);

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(60);

    fn waits(fence: u64, until: Instant) -> Wait {
        Wait { fence: Some(fence), until }
    }

    #[test]
    fn cuts_of_a_fence_that_found_nothing_out_wait_until_their_own_time_is_over() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([Some(Arc::new(Entity::Base))]), waits(0, now + FOLLOWS_WITHIN));
        cuts.add(HashSet::from([None]), waits(1, now + FOLLOWS_WITHIN * 2));
        cuts.go_by_time(None);
        assert!(!cuts.keep(|wait| wait.fence.is_none_or(|own| own >= 9)), "no fence ends them");
        assert!(cuts.keep(|wait| !wait.is_late(None, now + FOLLOWS_WITHIN)));
        assert!(!cuts.has(&Entity::Base) && cuts.has_strays());
        assert!(cuts.keep(|wait| !wait.is_late(None, now + FOLLOWS_WITHIN * 2)));
        assert!(cuts.is_empty());
    }

    #[test]
    fn what_was_spent_on_asking_in_vain_does_not_count() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([None]), waits(0, now));
        cuts.go_by_time(Some(now + LATER));
        assert!(!cuts.keep(|wait| !wait.is_late(None, now + LATER - FOLLOWS_WITHIN)));
        assert!(cuts.keep(|wait| !wait.is_late(None, now + LATER)));
    }

    #[test]
    fn no_time_ends_a_cut_while_a_bundle_is_under_way_that_may_hold_it_up() {
        let now = Instant::now();
        let (until, later) = (now + FOLLOWS_WITHIN, now + LATER);
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([None]), Wait { fence: None, until });
        assert!(!cuts.keep(|wait| !wait.is_late(Some(now), later)), "one that was under way in time");
        cuts.bundle_ended(now, later);
        assert!(!cuts.keep(|wait| !wait.is_late(None, later)), "the datapath was only told now");
        // What begins when the time is over holds nothing up: cuts one after the other do not keep each other waiting.
        let over = later + FOLLOWS_WITHIN;
        cuts.bundle_ended(over + LATER, over + LATER * 2);
        assert!(cuts.keep(|wait| !wait.is_late(Some(over + LATER), over + LATER)));
    }

    #[test]
    fn short_bundles_back_to_back_do_not_keep_a_cut_waiting() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([None]), Wait { fence: None, until: now + FOLLOWS_WITHIN });
        let each = Duration::from_millis(20);
        for number in 0..200 {
            cuts.bundle_ended(now + each * number, now + each * (number + 1));
        }
        assert!(cuts.keep(|wait| !wait.is_late(None, now + each * 200)));
    }

    #[test]
    fn no_time_ends_what_a_fence_is_under_way_for() {
        let now = Instant::now();
        let mut cuts = Cuts::default();
        cuts.add(HashSet::from([Some(Arc::new(Entity::Base))]), waits(3, now));
        assert!(!cuts.keep(|wait| !wait.is_late(None, now + LATER)));
        assert!(cuts.keep(|wait| wait.fence.is_none_or(|own| own >= 4)));
        assert!(cuts.is_empty());
    }
}
