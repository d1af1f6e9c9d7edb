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
    let grown = row("memory, as it has grown", stage);
    churn(stage, effort.of(10, 100_000));
    let churned = row("memory, after further changes", stage);
    stage.daemon.stop();
    stage.daemon.start_again();
    await_up_to_date(&stage.daemon, LONG);
    vec![grown, churned, row("memory, after a restart", stage)]
}

fn row(what: &'static str, stage: &Stage) -> Row {
    let bytes = stage.daemon.memory().saturating_sub(stage.empty);
    let each = Duration::from_micros(bytes).as_secs_f64() * 1e6 / f64::from(stage.size);
    Row::new(what, stage.size, Unit::BytesEach, Figures::of(vec![each])).aiming(Bound::AtMost, 1_024.0)
}

/// So many times a floating IP of the crowd goes from its instance and comes back.
fn churn(stage: &Stage, times: u32) {
    let mut rpc = Rpc::connect(&stage.daemon);
    let all: Vec<u32> = (0..times).map(|number| number % stage.size).collect();
    for piece in all.chunks(1_000) {
        rpc.pipeline(piece.iter().flat_map(|number| {
            let (address, instance) = (crowd::address(*number), format!("crowd-{number}"));
            let come = json!({"address": address, "instance": instance, "wait": "store"});
            [("fip.disassociate", json!({"address": address, "wait": "store"})), ("fip.associate", come)]
        }));
    }
    await_up_to_date(&stage.daemon, LONG);
}

const LONG: Duration = Duration::from_secs(600);
