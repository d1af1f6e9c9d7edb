//! Associations of 64 clients at once, each waiting until its own is durable and in both bridges.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Effort;
use super::association::Bare;
use crate::bench::bare_store::commits_a_second;
use crate::bench::figures::Figures;
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::{Rpc, crowd};

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Vec<Row> {
    stage.ensure_connected();
    let mut bare = Bare::new(stage);
    let (time, clients) = (effort.of(Duration::from_millis(100), Duration::from_secs(3)), CLIENTS.min(stage.size));
    let (mut ours, mut shared, mut store, mut bundles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.of(1, 5) {
        let before = generation(stage);
        let count = associations(stage, clients, time);
        ours.push(count / time.as_secs_f64());
        shared.push(count / (generation(stage) - before));
        store.push(commits_a_second(&stage.file(&format!("bare-{round}")), clients, RECORD, time));
        bundles.push(bundles_a_second(&mut bare, time));
    }
    let rate = Row::new("associations of 64 clients", stage.size, Unit::PerSecond, Figures::of(ours))
        .aiming(Bound::AtLeast, 5_000.0)
        .beside("bare sled, one writer that batches", Figures::of(store), Some((Bound::AtLeast, 0.5)))
        .beside(
            "bare bundles, one for each bridge, one after the other",
            Figures::of(bundles),
            Some((Bound::AtLeast, 0.5)),
        );
    vec![rate, Row::new("of them in one commit", stage.size, Unit::Number, Figures::of(shared))]
}

/// What the daemon has committed: each commit is a generation, however many share it.
fn generation(stage: &Stage) -> f64 {
    stage.daemon.buoyctl_json(["status"]).get("generation").and_then(Value::as_f64).expect("status has a generation")
}

/// Each client takes its address from its instance and gives it back, again and again; both count.
fn associations(stage: &Stage, clients: u32, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let client = |number: u32| {
        let mut rpc = Rpc::connect(&stage.daemon);
        move || {
            let (address, instance) = (crowd::address(number), format!("crowd-{number}"));
            let mut count = 0_u32;
            while Instant::now() < end {
                rpc.call("fip.disassociate", json!({"address": address}));
                rpc.call("fip.associate", json!({"address": address, "instance": instance}));
                count += 2;
            }
            count
        }
    };
    let threads: Vec<_> = (0..clients).map(|number| thread::spawn(client(number))).collect();
    let count: u32 = threads.into_iter().map(|thread| thread.join().expect("a client ends")).sum();
    f64::from(count)
}

fn bundles_a_second(bare: &mut Bare, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let mut count = 0_u32;
    while Instant::now() < end {
        bare.add_and_delete();
        count += 2;
    }
    f64::from(count) / time.as_secs_f64()
}

const CLIENTS: u32 = 64;
/// About the bytes of an association in the store, with its event.
const RECORD: usize = 700;
