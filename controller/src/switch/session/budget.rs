//! How many packets a second a switch may bring to the core.

use std::time::Instant;

/// A token bucket: as many at once as it holds, and as many a second.
#[derive(Debug)]
pub(super) struct Budget {
    rate: u32,
    left: f64,
    since: Instant,
}

impl Budget {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { rate, left: rate.into(), since: now }
    }

    /// Takes one; false where none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let rate = f64::from(self.rate);
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * rate;
        self.left = (self.left + earned).min(rate);
        self.since = now;
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_pass_than_the_rate_allows() {
        let start = Instant::now();
        let mut budget = Budget::new(10, start);
        let passed = |budget: &mut Budget, ms| {
            let now = start + Duration::from_millis(ms);
            (0..100).filter(|_| budget.take(now)).count()
        };
        assert_eq!(passed(&mut budget, 0), 10);
        assert_eq!(passed(&mut budget, 0), 0);
        assert_eq!(passed(&mut budget, 500), 5);
        assert_eq!(passed(&mut budget, 60_000), 10, "what was not used is not saved up");
    }
}
