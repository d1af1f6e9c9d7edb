//! What is under way, for a person who waits.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar where standard error is a terminal, a line for each thing that begins where it is none.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    since: Instant,
    step: Arc<Mutex<String>>,
}

impl Progress {
    /// Of so many steps none is done.
    pub(super) fn start(steps: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let template = "[{elapsed}] {bar:30} {pos} of {len} {wide_msg}";
            let style = ProgressStyle::with_template(template).expect("the template is fine");
            let bar = ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX)).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, since: Instant::now(), step: Arc::default() }
    }

    /// The next step begins.
    pub(super) fn step(&self, step: String) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
        self.show("");
    }

    /// A step is over.
    pub(super) fn done(&self) {
        self.bar.iter().for_each(|bar| bar.inc(1));
    }

    /// A part of the step begins.
    pub(super) fn tell(&self, part: &str) {
        self.show(part);
    }

    /// All is done.
    pub(super) fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }

    fn show(&self, part: &str) {
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        let text = if part.is_empty() { step.clone() } else { format!("{step}: {part}") };
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => eprintln!("[{:>6.1} s] {text}", self.since.elapsed().as_secs_f64()),
        }
    }
}
