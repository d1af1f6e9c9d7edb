//! What is done with a fleet, one thing after the other.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::check;
use super::client::Client;
use super::controller::Controller;
use super::crew::Crew;
use super::fairness;
use super::layout::Layout;
use super::power::{Before, Return, come_back};
use super::progress::{begin, reach};
use super::report::{Fleet, Memory, Report};
use super::spread::millis;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How often the power comes back, with slow switches beside and without.
    pub returns: usize,
    /// How many rounds of associations there are, with slow switches beside and without.
    pub rounds: usize,
    /// Associations in each round.
    pub associations: usize,
}

impl Effort {
    /// Enough for medians.
    pub const FULL: Self = Self { returns: 3, rounds: 4, associations: 100 };
    /// Enough to see that all is well.
    pub const QUICK: Self = Self { returns: 1, rounds: 1, associations: 20 };
}

/// Runs a fleet from its first connection to its last.
pub fn run(layout: Layout, effort: Effort) -> Result<Report> {
    let hosts = layout.hosts().end + layout.slow_hosts().end - layout.slow_hosts().start;
    let controller = Controller::start(hosts * 2)?;
    let result = run_with(&controller, layout, effort);
    match result {
        Ok(report) => controller.stop().map(|()| report),
        Err(error) => {
            let log = controller.last_words();
            Err(error.context(format!("buoyd said last:\n{log}")))
        }
    }
}

fn run_with(controller: &Controller, layout: Layout, effort: Effort) -> Result<Report> {
    let mut client = controller.client()?;
    let declared = declare(layout, &mut client)?;
    let alone = controller.usage()?;
    let mut crew = Crew::new(layout, controller.endpoint());
    let has_slow = !crew.slow().is_empty();

    let mut come = |stage: &str, crew: &mut Crew, before, slow| {
        come_back(stage, crew, controller, &mut client, before, slow).context(stage.to_owned())
    };
    let mut returns = vec![come("power returns to empty switches", &mut crew, Before::Empty, false)?];
    let full = controller.usage()?;
    let reconnect = come("all connect again with what they have", &mut crew, Before::Kept, false)?;
    ensure!(reconnect.flow_mods == 0, "{} flow mods went to switches that had everything", reconnect.flow_mods);
    let checked = check::check(layout, &crew, &mut controller.client()?)?;

    let mut beside: Vec<Return> = Vec::new();
    for _ in 1..effort.returns {
        if has_slow {
            beside.push(come("power returns, with slow switches beside", &mut crew, Before::Empty, true)?);
        }
        returns.push(come("power returns to empty switches", &mut crew, Before::Empty, false)?);
    }
    if has_slow {
        beside.push(come("power returns, with slow switches beside", &mut crew, Before::Empty, true)?);
    }
    let fairness = if has_slow {
        let mut client = controller.client()?;
        Some(fairness::compare(layout, &mut crew, &mut client, effort.rounds, effort.associations)?)
    } else {
        None
    };
    // What all of it left behind is still what the daemon says.
    check::check(layout, &crew, &mut controller.client()?).context("after all of it")?;

    let switches = crew.swift().len();
    let slow = crew.slow().iter().map(|peer| peer.pace().word()).step_by(2).map(str::to_owned).collect();
    Ok(Report {
        fleet: Fleet { switches, addresses: layout.addresses(), slow },
        declared_ms: millis(declared),
        memory: Memory::of(alone, full, controller.usage()?, layout),
        returns,
        beside,
        reconnect,
        fairness,
        checked,
    })
}

/// Declares the whole site; returns how long that took.
fn declare(layout: Layout, client: &mut Client) -> Result<Duration> {
    let parts = layout.parts();
    let bar = begin("the site is declared", parts.len());
    let since = Instant::now();
    client.ask_in_parts("site.apply", parts, |count| reach(&bar, count))?;
    bar.finish_and_clear();
    Ok(since.elapsed())
}
