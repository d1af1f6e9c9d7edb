//! A daemon with so many floating IPs in its store meets empty bridges, until both have acknowledged everything.

use super::Effort;
use crate::bench::figures::{Figures, timed};
use crate::bench::limit::{Prepared, client};
use crate::bench::peers::{OsKen, has_os_ken};
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::scenario::BRIDGES;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    stage.connect();
    let files = BRIDGES.map(|bridge| {
        let file = stage.file(&format!("{bridge}.flows"));
        stage.ovs_ofctl(&["--no-stats", "dump-flows"], bridge, &[], Some(&file));
        file
    });
    let mut os_ken = (stage.size <= MOST_OF_OS_KEN && has_os_ken())
        .then(|| OsKen::start(&BRIDGES.map(|bridge| stage.management(bridge))));
    let prepared = BRIDGES.map(|bridge| Prepared::new(client(&stage.lab, bridge).flows()));

    let (mut ours, mut limit, mut ofctl, mut python) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds(stage.size) {
        stage.tell(&format!("round {}", round + 1));
        ours.push(stage.connect());
        stage.disconnect();
        let mut clients = BRIDGES.map(|bridge| client(&stage.lab, bridge));
        limit.push(timed(|| clients.iter_mut().zip(&prepared).for_each(|(client, own)| own.send(client))));
        stage.clear();
        if round == 0 || stage.size <= MOST_OF_OFCTL {
            ofctl.push(timed(|| {
                for (bridge, file) in BRIDGES.iter().zip(&files) {
                    let file = file.to_str().expect("a path in UTF-8");
                    stage.ovs_ofctl(&["--bundle", "add-flows"], bridge, &[file], None);
                }
            }));
            stage.clear();
        }
        if let Some(os_ken) = &mut os_ken {
            python.push(os_ken.send());
            stage.clear();
        }
    }
    let ours = Figures::of_millis(&ours);
    let row = Row::new("full programming of empty bridges", stage.size, Unit::Millis, ours)
        .beside(
            "the same messages, encoded before (the limit)",
            Figures::of_millis(&limit),
            Some((Bound::AtMost, 1.11)),
        )
        .beside("ovs-ofctl --bundle add-flows", Figures::of_millis(&ofctl), Some((Bound::AtMost, 1.0)));
    if python.is_empty() {
        row
    } else {
        row.beside("os-ken", Figures::of_millis(&python), Some((Bound::AtMost, 0.125)))
    }
}

/// Beyond that it takes minutes, and is done once.
const MOST_OF_OFCTL: u32 = 10_000;
/// It takes a minute for 400,000 flows.
const MOST_OF_OS_KEN: u32 = 10_000;
