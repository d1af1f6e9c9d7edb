//! Whether slow switches delay others: one association after the other on hosts that are not slow, with slow ones beside
//! them and without.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::crew::{Crew, Peers};
use super::layout::Layout;
use super::progress::begin;
use super::spread::Spread;
use crate::dice::Dice;

/// How long associations took.
#[derive(Clone, Debug, Serialize)]
pub struct Fairness {
    /// Without slow switches.
    pub alone: Spread,
    /// With slow switches beside.
    pub beside: Spread,
    /// Addresses that a bridge lacked, or still had, for too long, without slow switches.
    pub late_alone: usize,
    /// The same with slow switches beside.
    pub late_beside: usize,
}

/// Associates so many addresses in each of so many rounds, with slow switches and without, by turns.
pub fn compare(
    layout: Layout,
    crew: &mut Crew,
    client: &mut Client,
    rounds: usize,
    associations: usize,
) -> Result<Fairness> {
    let bar = begin("associations, with and without slow switches", 2 * rounds * associations);
    let mut dice = Dice::new(7);
    let (mut times, mut late) = ([Vec::new(), Vec::new()], [0, 0]);
    for round in 0..2 * rounds {
        // Which comes first changes with each round: without and with, with and without.
        let is_beside = matches!(round % 4, 1 | 2);
        crew.disconnect(Peers::Slow)?;
        if is_beside {
            crew.connect(false, true)?;
            await_slow(crew)?;
        }
        let until = Instant::now() + ROUND;
        for done in 0..associations {
            let (took, is_late) = associate(layout, client, &mut dice)?;
            let place = usize::from(is_beside);
            times.iter_mut().skip(place).take(1).for_each(|own| own.push(took));
            late.iter_mut().skip(place).take(1).for_each(|own| *own += usize::from(is_late));
            bar.inc(1);
            if done + 1 >= FEWEST && Instant::now() >= until {
                break;
            }
        }
    }
    bar.finish_and_clear();
    crew.disconnect(Peers::Slow)?;
    let ([alone, beside], [late_alone, late_beside]) = (times.map(Spread::of), late);
    Ok(Fairness { alone, beside, late_alone, late_beside })
}

/// Takes an address away from its instance and gives it back; returns how long the latter took, and whether a bridge
/// still lacked either when the answer came.
fn associate(layout: Layout, client: &mut Client, dice: &mut Dice) -> Result<(Duration, bool)> {
    let hosts = usize::try_from(layout.hosts().end)?;
    let host = u32::try_from(dice.below(hosts))?;
    let number = u32::try_from(dice.below(usize::try_from(layout.addresses())?))?;
    let address = layout.floating_ip(host, number);
    let is_pending =
        |answer: &Value| answer.get("pending").and_then(Value::as_array).is_some_and(|own| !own.is_empty());
    let taken = client.ask("fip.disassociate", json!({"address": address, "timeout": PATIENCE}))?;
    let since = Instant::now();
    let params = json!({"address": address, "instance": Layout::instance(host, number), "timeout": PATIENCE});
    let answer = client.ask("fip.associate", params)?;
    Ok((since.elapsed(), is_pending(&taken) || is_pending(&answer)))
}

/// Waits until the slow switches have come so far that they are slow.
fn await_slow(crew: &Crew) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    let are_there = || crew.slow().iter().all(|peer| peer.seen().asked.is_some());
    while !are_there() {
        ensure!(Instant::now() < deadline, "the slow switches were not asked for their flows in {} s", LIMIT.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A slow switch takes some seconds for its handshake.
const LIMIT: Duration = Duration::from_secs(60);
/// No round takes much longer: a switch that reads nothing is given up by the daemon.
const ROUND: Duration = Duration::from_secs(10);
/// So many associations a round has all the same.
const FEWEST: usize = 2;
/// How long an association waits for its bridges, in seconds.
const PATIENCE: u32 = 30;
