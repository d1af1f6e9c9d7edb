//! What was measured of one thing, and what that comes to.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Samples, and the three figures that are shown of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// The sample in the middle.
    pub(super) median: f64,
    /// The lowest.
    pub(super) min: f64,
    /// The highest.
    pub(super) max: f64,
    /// All of them, in the order in which they were measured.
    pub(super) samples: Vec<f64>,
}

impl Figures {
    /// The figures of samples; there is at least one.
    #[track_caller]
    pub(super) fn of(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().expect("something was measured");
        Self { median: at(sorted.len() / 2), min: at(0), max: at(sorted.len().saturating_sub(1)), samples }
    }

    /// The figures of times, in milliseconds.
    #[track_caller]
    pub(super) fn of_millis(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    /// The figures of times, in microseconds.
    #[track_caller]
    pub(super) fn of_micros(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e6).collect())
    }
}

/// How long something takes.
pub(super) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_lowest_and_highest() {
        let figures = Figures::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((figures.median, figures.min, figures.max), (2.0, 1.0, 3.0));
        assert_eq!(figures.samples, [3.0, 1.0, 2.0]);
        assert_eq!(Figures::of(vec![7.0]).median, 7.0);
    }
}
