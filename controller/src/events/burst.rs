//! What happens too often to tell each time: of a burst the first is told at once, and the others later in one word. Pure:
//! time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// What was told lately, by what it was about.
#[derive(Debug)]
pub struct Bursts<K> {
    pause: Duration,
    told: HashMap<K, Burst>,
    /// Of how much nothing was told, since too many kinds went on at once.
    untold: u64,
}

#[derive(Clone, Copy, Debug)]
struct Burst {
    told_at: Instant,
    since: u64,
}

impl<K: Clone + Eq + Hash> Bursts<K> {
    /// Nothing was told yet; one thing is told once in a pause.
    pub fn new(pause: Duration) -> Self {
        Self { pause, told: HashMap::new(), untold: 0 }
    }

    /// Something happened so many times. Tells whether it is to be told now.
    pub fn heard(&mut self, key: K, times: u64, now: Instant) -> bool {
        if let Some(burst) = self.told.get_mut(&key) {
            burst.since = burst.since.saturating_add(times);
            return false;
        }
        if self.told.len() >= MOST_KEYS {
            self.untold = self.untold.saturating_add(times);
            return false;
        }
        self.told.insert(key, Burst { told_at: now, since: 0 });
        true
    }

    /// What went on after it was told, how often: to be told now that its pause is over.
    pub fn over(&mut self, now: Instant) -> Vec<(K, u64)> {
        let mut over = Vec::new();
        let pause = self.pause;
        self.told.retain(|key, burst| {
            if now.duration_since(burst.told_at) < pause {
                return true;
            }
            let goes_on = burst.since > 0;
            if goes_on {
                over.push((key.clone(), burst.since));
                *burst = Burst { told_at: now, since: 0 };
            }
            goes_on
        });
        over
    }

    /// Of how much nothing was told, asked once places are free again.
    pub fn take_untold(&mut self) -> u64 {
        if self.told.len() < MOST_KEYS { std::mem::take(&mut self.untold) } else { 0 }
    }
}

/// Things that are remembered at once.
const MOST_KEYS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_burst_is_told_and_the_others_are_counted() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut bursts = Bursts::new(Duration::from_secs(60));
        assert!(bursts.heard("a", 1, start));
        assert!(!bursts.heard("a", 1, after(1)));
        assert!(!bursts.heard("a", 2, after(59)));
        assert!(bursts.heard("b", 1, after(2)));
        assert_eq!(bursts.over(after(59)), []);
        assert_eq!(bursts.over(after(60)), [("a", 3)]);
        assert_eq!(bursts.over(after(70)), []);
        assert!(!bursts.heard("a", 1, after(61)), "it goes on");
        assert!(bursts.heard("b", 1, after(71)), "its pause was silent");
        assert_eq!(bursts.over(after(121)), [("a", 1)]);
        assert_eq!(bursts.over(after(181)), []);
        assert!(bursts.heard("a", 1, after(182)));
    }

    #[test]
    fn a_flood_of_kinds_is_bounded_and_counted() {
        let start = Instant::now();
        let mut bursts = Bursts::new(Duration::from_secs(60));
        let told = (0..10_000).filter(|key| bursts.heard(*key, 1, start)).count();
        assert_eq!(told, MOST_KEYS);
        assert_eq!(bursts.take_untold(), 0);
        assert_eq!(bursts.over(start + Duration::from_secs(60)), []);
        assert_eq!(bursts.take_untold(), 10_000 - MOST_KEYS as u64);
        assert_eq!(bursts.take_untold(), 0);
    }
}
