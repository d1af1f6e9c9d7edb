//! How a number of times spread.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What many times have in common, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// The smallest.
    pub min_ms: f64,
    /// Half of them are no larger.
    pub median_ms: f64,
    /// Of a hundred, 99 are no larger.
    pub p99_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

impl Spread {
    /// The spread of these; all zero where there are none.
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut all: Vec<f64> = times.into_iter().map(millis).collect();
        all.sort_by(f64::total_cmp);
        let count = all.len();
        // The nearest rank.
        let at = |hundredths: usize| {
            let rank = (count * hundredths).div_ceil(100).max(1);
            all.get(rank - 1).copied().unwrap_or_default()
        };
        Self { count, min_ms: at(0), median_ms: at(50), p99_ms: at(99), max_ms: at(100) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min_ms, median_ms, p99_ms, max_ms, .. } = self;
        write!(f, "median {} (min {}, p99 {}, max {})", text(*median_ms), text(*min_ms), text(*p99_ms), text(*max_ms))
    }
}

/// Milliseconds, with what counts of them.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Milliseconds in words.
pub fn text(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_of_the_times_themselves() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis));
        assert_eq!(spread, Spread { count: 200, min_ms: 1.0, median_ms: 100.0, p99_ms: 198.0, max_ms: 200.0 });
        assert_eq!(Spread::of([]), Spread::default());
    }
}
