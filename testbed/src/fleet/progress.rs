//! How far a stage is, for a person who waits.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error where that is a terminal; a line per stage where it is none.
pub fn begin(stage: &str, steps: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        eprintln!("{stage}");
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:40} {bar:30} {pos} of {len}, {elapsed}");
    let total = u64::try_from(steps).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(stage.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Says how far it is.
pub fn reach(bar: &ProgressBar, step: usize) {
    bar.set_position(u64::try_from(step).unwrap_or(u64::MAX));
}
