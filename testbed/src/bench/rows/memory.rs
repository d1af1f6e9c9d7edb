//! What each association takes of the daemon's resident memory, its instance and their flows included.

use std::time::Duration;

use serde_json::json;

use super::Effort;
use crate::bench::figures::Figures;
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::scenario::await_up_to_date;
use crate::{Rpc, crowd};

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Vec<Row> {
    stage.ensure_connected();
    let grown = each(stage);
    let churned = churn(stage, effort.of(20, 10 * stage.size));
    let full = restarted(stage);
    stage.release_crowd();
    let instances = restarted(stage);
    stage.associate_crowd();
    await_up_to_date(&stage.daemon, LONG);
    let row = |what, bytes| Row::new(what, stage.size, Unit::BytesEach, Figures::of(bytes));
    let all_told = |what, bytes| row(what, bytes).aiming(Bound::AtMost, 1_024.0);
    vec![
        all_told("memory, as it has grown", vec![grown]),
        all_told("memory, during further changes", churned),
        all_told("memory, after a restart", vec![full]),
        row("memory, of which instances", vec![instances]),
        row("memory, of which floating IPs", vec![(full - instances).max(0.0)]),
    ]
}

/// What there is by each of the crowd, beyond what an empty daemon takes.
fn each(stage: &Stage) -> f64 {
    let bytes = stage.daemon.memory().saturating_sub(stage.empty);
    Duration::from_micros(bytes).as_secs_f64() * 1e6 / f64::from(stage.size)
}

fn restarted(stage: &mut Stage) -> f64 {
    stage.daemon.stop();
    stage.daemon.start_again();
    await_up_to_date(&stage.daemon, LONG);
    each(stage)
}

/// Floating IPs of the crowd go from their instances and come back, one after the other, until so many changes are made;
/// what there is by each ten times meanwhile, when both bridges have everything.
fn churn(stage: &Stage, changes: u32) -> Vec<f64> {
    let mut rpc = Rpc::connect(&stage.daemon);
    let mut numbers = (0..stage.size).cycle();
    let tenth = changes / 10 / 2;
    let sample = |number: u32| {
        let mut left = tenth;
        while left > 0 {
            let piece = left.min(PIECE);
            rpc.pipeline(numbers.by_ref().take(usize::try_from(piece).expect("a few")).flat_map(|own| {
                let (address, instance) = (crowd::address(own), format!("crowd-{own}"));
                let come = json!({"address": address, "instance": instance, "wait": "store"});
                [("fip.disassociate", json!({"address": address, "wait": "store"})), ("fip.associate", come)]
            }));
            left -= piece;
        }
        stage.tell(&format!("{} of {changes} changes", number * tenth * 2));
        await_up_to_date(&stage.daemon, LONG);
        each(stage)
    };
    (1..=10).map(sample).collect()
}

/// So many addresses go and come in one go.
const PIECE: u32 = 1_000;
const LONG: Duration = Duration::from_secs(600);
