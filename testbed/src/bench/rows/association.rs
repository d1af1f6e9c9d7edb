//! One association beside so many others, asked at the socket, durable and acknowledged by both bridges.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use buoy_flows::flow::owner::Feature;
use buoy_flows::flow::{Flow, Owner};
use buoy_flows::openflow::{FlowModCommand, MatchField, TableId};

use super::Effort;
use crate::Switch;
use crate::bench::figures::{Figures, timed};
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    stage.ensure_connected();
    let mut socket = BufReader::new(UnixStream::connect(stage.daemon.socket()).expect("the daemon accepts"));
    let mut bare = Bare::new(stage);
    let (mut ours, mut sums, mut processes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.of(3, 500) {
        ours.push(timed(|| ask(&mut socket, "fip.associate", r#","instance":"web-1""#)));
        ask(&mut socket, "fip.disassociate", "");
        sums.push(bare.associate(round));
        if round % 10 == 0 {
            processes.push(timed(|| stage.ovs_ofctl(&["add-flow"], "br-int", &[PROBE], None)));
            stage.ovs_ofctl(&["--strict", "del-flows"], "br-int", &[PROBE_NAME], None);
        }
    }
    Row::new("one association", stage.size, Unit::Micros, Figures::of_micros(&ours))
        .beside("two bare bundle round trips and one fsync", Figures::of_micros(&sums), Some((Bound::AtMost, 1.5)))
        .beside("one process of ovs-ofctl add-flow", Figures::of_micros(&processes), Some((Bound::AtMost, 0.05)))
}

/// A client that does what an association takes, and nothing else.
#[derive(Debug)]
pub(super) struct Bare {
    bridges: [Switch; 2],
    file: File,
}

impl Bare {
    pub(super) fn new(stage: &Stage) -> Self {
        let bridges = ["br-int", "br-ex"].map(|bridge| Switch::connect(&stage.lab, bridge));
        Self { bridges, file: File::create(stage.file("probe")).expect("a file") }
    }

    /// Appends to a file and syncs it, then gives both bridges as many flows as an association has there, in this order,
    /// one bundle each; how long that took. The flows are gone afterwards.
    pub(super) fn associate(&mut self, round: u16) -> Duration {
        let sync = timed(|| {
            self.file.write_all(&[0; 4_096]).expect("the disk has room");
            self.file.sync_all().expect("the disk syncs");
        });
        let bundles = timed(|| self.install(round, FlowModCommand::Add));
        self.install(round, FlowModCommand::DeleteStrict);
        sync + bundles
    }

    /// Gives both bridges the flows of an association and takes them away again: two bundles for each.
    pub(super) fn add_and_delete(&mut self) {
        self.install(0, FlowModCommand::Add);
        self.install(0, FlowModCommand::DeleteStrict);
    }

    fn install(&mut self, round: u16, command: FlowModCommand) {
        for (bridge, count) in self.bridges.iter_mut().zip(FLOWS) {
            bridge.install(&probes(count, round), command);
        }
    }
}

/// Flows that no packet meets.
fn probes(count: u16, round: u16) -> Vec<Flow> {
    let owner = Owner { feature: Feature::Nat, entity: u32::MAX };
    let flow = |number| Flow::new(TableId(200 + number), round, owner).on(MatchField::EthType(0x88b5));
    (0..u8::try_from(count).expect("a few")).map(flow).collect()
}

fn ask(socket: &mut BufReader<UnixStream>, method: &str, more: &str) {
    let line =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"address":"203.0.113.100"{more}}}}}"#);
    socket.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the daemon reads");
    let mut answer = String::new();
    socket.read_line(&mut answer).expect("the daemon answers");
    assert!(answer.contains(r#""applied":true"#), "{answer}");
}

/// The flows of an association on br-int and on br-ex.
const FLOWS: [u16; 2] = [2, 1];
const PROBE: &str = "table=202,priority=7,dl_type=0x88b5,actions=drop";
const PROBE_NAME: &str = "table=202,priority=7,dl_type=0x88b5";
