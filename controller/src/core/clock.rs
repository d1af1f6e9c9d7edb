//! The clock that cool-downs go by: the time of day at the start, and from then on what has passed. It cannot go back, and a
//! time of day that is wrong makes no cool-down longer than it is.

use std::time::Instant;

use buoy_topology::{Site, Time};

/// The clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    base: Time,
    started: Instant,
}

impl Clock {
    /// A clock that begins at the time of day, or where the newest stored release is if that lies later: the time of day
    /// was put back since, or was ahead then.
    pub(super) fn new(time_of_day: Time, site: &Site, now: Instant) -> Self {
        let newest = site.floating_ips().filter_map(|fip| fip.released.as_ref()).map(|released| released.at).max();
        Self { base: newest.unwrap_or_default().max(time_of_day), started: now }
    }

    /// What it shows.
    pub(super) fn at(&self, now: Instant) -> Time {
        Time(self.base.0.saturating_add(now.saturating_duration_since(self.started).as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buoy_topology::{EntityId, FloatingIp, Generation, Record, Released};

    use super::*;

    #[test]
    fn a_clock_that_was_put_back_goes_on_from_the_newest_release() {
        let mut fip = FloatingIp::new(EntityId(1), [203, 0, 113, 100].into());
        let by = "red".parse().unwrap();
        fip.released = Some(Released { by, at: Time(5_000), generation: Generation(1) });
        let site = Site::load(Generation(1), [Record::FloatingIp(fip)]);
        let now = Instant::now();
        for (time_of_day, base) in [(9_000, 9_000), (1_000, 5_000), (0, 5_000)] {
            let clock = Clock::new(Time(time_of_day), &site, now);
            assert_eq!(clock.at(now), Time(base));
            assert_eq!(clock.at(now + Duration::from_secs(301)), Time(base + 301));
        }
    }
}
