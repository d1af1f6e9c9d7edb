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
use crate::bench::ovn::{self, Ovn};
use crate::bench::report::{Bound, Missing, Row, Unit};
use crate::bench::stage::Stage;
use crate::scenario::BRIDGES;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Vec<Row> {
    stage.ensure_connected();
    let mut socket = BufReader::new(UnixStream::connect(stage.daemon.socket()).expect("the daemon accepts"));
    let mut bare = Bare::new(stage);
    let (mut ours, mut sums, mut processes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.instants(stage.size) {
        ours.push(timed(|| ask(&mut socket, "fip.associate", r#","instance":"web-1""#)));
        ask(&mut socket, "fip.disassociate", "");
        sums.push(bare.associate(round));
        if round % 10 == 0 {
            processes.push(timed(|| stage.ovs_ofctl(&["add-flow"], "br-int", &[PROBE], None)));
            stage.ovs_ofctl(&["--strict", "del-flows"], "br-int", &[PROBE_NAME], None);
        }
    }
    let flows = flows_of_one(stage, &mut socket);
    let ovn = beside_ovn(stage, effort);

    let mut time = Row::new("one association", stage.size, Unit::Micros, Figures::of_micros(&ours))
        .beside("two bare bundle round trips and one fsync", Figures::of_micros(&sums), Some((Bound::AtMost, 1.5)))
        .beside("one process of ovs-ofctl add-flow", Figures::of_micros(&processes), Some((Bound::AtMost, 0.05)));
    let mut flows = Row::new("flows of one floating IP", stage.size, Unit::Number, Figures::of(vec![flows]))
        .aiming(Bound::AtMost, 5.0);
    if let Some((times, each)) = ovn {
        // Of what OVN takes beside few others a process is most.
        let goal = (stage.size >= MOST_OF_OVN).then_some((Bound::AtMost, 0.01));
        time = time.beside("ovn-nbctl --wait=hv lr-nat-add", Figures::of_micros(&times), goal);
        if let Some(each) = each {
            flows = flows.beside("OVN, on the gateway's bridge", Figures::of(vec![each]), None);
        }
    }
    vec![time, flows]
}

/// How many flows both bridges have more with an association than without.
fn flows_of_one(stage: &Stage, socket: &mut BufReader<UnixStream>) -> f64 {
    let count = || BRIDGES.iter().map(|bridge| stage.flow_count(bridge)).sum::<u32>();
    let before = count();
    ask(socket, "fip.associate", r#","instance":"web-1""#);
    let after = count();
    ask(socket, "fip.disassociate", "");
    (after - before).into()
}

/// OVN's times, and its flows for each floating IP where it has some. Where it fails, the report says so.
fn beside_ovn(stage: &mut Stage, effort: Effort) -> Option<(Vec<Duration>, Option<f64>)> {
    if stage.size > MOST_OF_OVN || !ovn::is_found() {
        return None;
    }
    stage.tell("OVN takes in as many");
    let times = |ovn: &Ovn| {
        stage.tell("one more in OVN");
        (0..effort.rounds(stage.size)).map(|_| ovn.associate()).collect::<anyhow::Result<Vec<_>>>()
    };
    match Ovn::start(stage.size).and_then(|ovn| Ok((times(&ovn)?, ovn.flows_each))) {
        Ok(measured) => Some(measured),
        Err(error) => {
            let why = format!("beside {} others: {error:#}", stage.size);
            stage.missing.push(Missing { peer: "OVN", why });
            None
        }
    }
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
/// With more its northd takes minutes.
const MOST_OF_OVN: u32 = 10_000;
