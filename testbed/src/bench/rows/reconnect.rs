//! A switch comes back that still has everything: no flow mod is sent, and that is known when it has told all.

use super::Effort;
use crate::bench::figures::{Figures, timed};
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;
use crate::bench::watch::Watch;
use crate::scenario::BRIDGES;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    stage.ensure_connected();
    let (mut ours, mut dumps) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds(stage.size) {
        let began = std::time::Instant::now();
        let mut watch = Watch::start(&stage.daemon);
        stage.lab.ovs_appctl(["bridge/reconnect"]);
        ours.push(watch.until_applied());
        let files = BRIDGES.map(|bridge| stage.file(&format!("{bridge}.dump")));
        let mut since = Vec::new();
        dumps.push(timed(|| {
            for (bridge, file) in BRIDGES.iter().zip(&files) {
                since.push(began.elapsed().as_secs_f64());
                stage.ovs_ofctl(&["dump-flows"], bridge, &[], Some(file));
            }
        }));
        for (file, since) in files.into_iter().zip(since) {
            let sent = younger(&std::fs::read_to_string(&file).expect("ovs-ofctl has written it"), since);
            assert!(sent <= LEARNT, "{sent} flows were sent again");
        }
    }
    let ours = Figures::of_millis(&ours);
    Row::new("reconnect, everything is there", stage.size, Unit::Millis, ours).beside(
        "ovs-ofctl dump-flows of both bridges to files",
        Figures::of_millis(&dumps),
        Some((Bound::AtMost, 1.2)),
    )
}

/// How many flows of a dump have been there for less than so many seconds.
fn younger(dump: &str, seconds: f64) -> usize {
    let age = |line: &str| line.split_once("duration=")?.1.split_once('s')?.0.parse::<f64>().ok();
    dump.lines().filter_map(age).filter(|age| *age < seconds).count()
}

/// What is learnt of the gateway meanwhile takes a few flows. A table that is sent again has more, also the smallest.
const LEARNT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn young_flows_of_a_dump_are_counted() {
        let dump =
            "OFPST_FLOW reply:\n cookie=0x1, duration=7.5s, table=0, n_packets=0\n cookie=0x1, duration=3.25s, table=1";
        assert_eq!((younger(dump, 3.0), younger(dump, 4.0), younger(dump, 8.0)), (0, 1, 2));
    }
}
