//! All switches connect at the same moment: the power of a data centre comes back, or its network.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::client::Client;
use super::controller::{Controller, busy};
use super::crew::{Crew, Peers};
use super::progress::{begin, reach};
use super::spread::{Spread, millis};

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Return {
    /// Until the last switch had its handshake behind it.
    pub connected_ms: f64,
    /// Until the last switch had committed its last bundle or, where none was due, had told its flows.
    pub applied_ms: f64,
    /// Until the daemon said so too.
    pub confirmed_ms: f64,
    /// The handshakes one by one.
    pub handshakes: Spread,
    /// The switches one by one: until each had all.
    pub switches: Spread,
    /// Connections that ended before that, and were made anew.
    pub losses: usize,
    /// Flow mods that were sent to them.
    pub flow_mods: usize,
    /// Flow mods in a second.
    pub flow_mods_per_s: f64,
    /// What the daemon needed of the processors.
    pub daemon_busy_ms: f64,
    /// What the switches needed: they run on the same machine.
    pub switches_busy_ms: f64,
}

/// What the switches have when they connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Empty,
    /// What they had.
    Kept,
}

/// Ends all connections and lets all switches connect anew; returns when each of those that are not slow has everything.
pub fn come_back(
    stage: &str,
    crew: &mut Crew,
    controller: &Controller,
    client: &mut Client,
    before: Before,
    with_slow: bool,
) -> Result<Return> {
    crew.disconnect(Peers::All)?;
    await_all_gone(client)?;
    if before == Before::Empty {
        crew.lose_power();
    }
    let own_pid = i32::try_from(std::process::id())?;
    let (daemon, own) = (controller.usage()?.busy, busy(own_pid)?);
    let since = crew.connect(true, with_slow)?;
    let quiet = if before == Before::Empty { QUIET } else { Duration::ZERO };
    let confirmed = await_applied(stage, crew, client, quiet)?;
    let seen: Vec<_> = crew.swift().iter().map(|peer| peer.seen()).collect();
    let after = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(since)).unwrap_or_default();
    let handshakes = Spread::of(seen.iter().map(|own| after(own.asked)));
    let switches = Spread::of(seen.iter().map(|own| after(own.committed.or(own.told))));
    let flow_mods = seen.iter().map(|own| own.flow_mods).sum::<usize>();
    let applied_s = (switches.max_ms / 1_000.0).max(f64::MIN_POSITIVE);
    Ok(Return {
        connected_ms: handshakes.max_ms,
        applied_ms: switches.max_ms,
        confirmed_ms: millis(confirmed.saturating_duration_since(since)),
        handshakes,
        switches,
        losses: crew.losses().0,
        flow_mods,
        flow_mods_per_s: f64::from(u32::try_from(flow_mods)?) / applied_s,
        daemon_busy_ms: millis(controller.usage()?.busy.saturating_sub(daemon)),
        switches_busy_ms: millis(busy(own_pid)?.saturating_sub(own)),
    })
}

/// Waits until the daemon knows of no connection any more.
fn await_all_gone(client: &mut Client) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = client.connected()?;
        if left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{left} switches still count as connected after {} s", LIMIT.as_secs());
        thread::sleep(LOOK);
    }
}

/// Waits until each switch that is not slow has everything: nothing is sent any more for a while, and the daemon says so.
pub fn await_applied(stage: &str, crew: &Crew, client: &mut Client, quiet: Duration) -> Result<Instant> {
    let (deadline, swift) = (Instant::now() + LIMIT, crew.swift());
    let bar = begin(stage, swift.len());
    let (mut last, mut moved) = ((0, 0), Instant::now());
    loop {
        let seen: Vec<_> = swift.iter().map(|peer| peer.seen()).collect();
        let told = seen.iter().filter(|own| own.told.is_some()).count();
        let now = (told, seen.iter().map(|own| own.flow_mods).sum::<usize>());
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        reach(
            &bar,
            seen.iter().filter(|own| own.told.is_some() && (quiet.is_zero() || own.committed.is_some())).count(),
        );
        if told == swift.len() && moved.elapsed() >= quiet {
            let lacking = lacking(crew, client)?;
            if lacking.is_empty() {
                bar.finish_and_clear();
                return Ok(Instant::now());
            }
            complain_after(deadline, &lacking, crew)?;
        } else if Instant::now() >= deadline {
            let (losses, first) = crew.losses();
            let lost = first.map(|first| format!("; {losses} connections were lost, the first by {first}"));
            let (all, after) = (swift.len(), LIMIT.as_secs());
            bail!("{told} of {all} switches were asked for their flows after {after} s{}", lost.unwrap_or_default());
        }
        thread::sleep(LOOK);
    }
}

/// The switches that lack something, each with what is known of it.
fn lacking(crew: &Crew, client: &mut Client) -> Result<Vec<String>> {
    let list = client.switches()?;
    let fine: HashSet<&str> =
        list.iter().filter(|own| own.connected && own.applied).map(|own| own.name.as_str()).collect();
    let mut lacking = Vec::new();
    for peer in crew.swift() {
        let bridge = peer.bridge();
        let name = bridge.name();
        if !fine.contains(name) {
            let error = list.iter().find(|own| own.name == name).and_then(|own| own.error.clone());
            lacking.push(format!("{name} ({})", error.unwrap_or_else(|| "not up to date".to_owned())));
        }
    }
    Ok(lacking)
}

fn complain_after(deadline: Instant, lacking: &[String], crew: &Crew) -> Result<()> {
    let all = crew.swift().len();
    let some = lacking.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    ensure!(
        Instant::now() < deadline,
        "{} of {all} switches are not up to date after {} s, among them {some}",
        lacking.len(),
        LIMIT.as_secs()
    );
    Ok(())
}

/// No stage takes longer.
pub const LIMIT: Duration = Duration::from_secs(600);
/// So long nothing was sent when the daemon is asked whether all is done: asking costs it time.
const QUIET: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(20);
