//! Associations of 64 clients at once, each waiting until its own is durable and in both bridges.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Effort;
use super::association::Bare;
use crate::bench::bare_store::commits_a_second;
use crate::bench::figures::Figures;
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::{Rpc, crowd};

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    stage.ensure_connected();
    let mut bare = Bare::new(stage);
    let (time, clients) = (effort.of(Duration::from_millis(100), Duration::from_secs(3)), CLIENTS.min(stage.size));
    let (mut ours, mut store, mut bundles) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.of(1, 5) {
        ours.push(associations_a_second(stage, clients, time));
        store.push(commits_a_second(&stage.file(&format!("bare-{round}")), clients, RECORD, time));
        bundles.push(bundles_a_second(&mut bare, time));
    }
    Row::new("associations of 64 clients", stage.size, Unit::PerSecond, Figures::of(ours))
        .aiming(Bound::AtLeast, 5_000.0)
        .beside("bare sled, one writer that batches", Figures::of(store), Some((Bound::AtLeast, 0.5)))
        .beside(
            "bare bundles, one for each bridge, one after the other",
            Figures::of(bundles),
            Some((Bound::AtLeast, 0.5)),
        )
}

/// Each client takes its address from its instance and gives it back, again and again; both count.
fn associations_a_second(stage: &Stage, clients: u32, time: Duration) -> f64 {
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
    f64::from(count) / time.as_secs_f64()
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
