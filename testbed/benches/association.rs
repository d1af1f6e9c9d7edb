//! One association, asked at the socket, durable and acknowledged by both bridges, beside its bare sum: the same bundles
//! by a bare client and one fsync, in turn, on one machine.
//!
//! `cargo bench -p buoy-testbed --bench association -- 0 10000` measures it beside no and beside 10,000 other
//! associations.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use buoy_flows::flow::owner::Feature;
use buoy_flows::flow::{Flow, Owner};
use buoy_flows::openflow::{FlowModCommand, MatchField, TableId};
use buoy_testbed::site::DECLARATION;
use buoy_testbed::{Daemon, Lab, Switch, crowd};

fn main() {
    let sizes: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    println!("{ROUNDS} rounds, in microseconds        median     min      max");
    for others in if sizes.is_empty() { vec![0] } else { sizes } {
        println!("beside {others} others");
        measure(others);
    }
}

fn measure(others: u32) {
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on a disk");
    let lab = Lab::up("flat");
    let state = disk.path().canonicalize().expect("it exists").join("state");
    let daemon = Daemon::start_with(&lab, state.to_str().expect("a path in UTF-8"), &[]);
    lab.point_at_controller();
    for command in DECLARATION {
        daemon.buoyctl_json(command.split(' '));
    }
    crowd::move_in(&lab, &daemon, others);
    let mut socket = BufReader::new(UnixStream::connect(daemon.socket()).expect("the daemon accepts"));
    let mut bridges = ["br-int", "br-ex"].map(|bridge| Switch::connect(&lab, bridge));
    let mut file = File::create(disk.path().join("probe")).expect("a file");

    let (mut ours, mut bare, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(timed(|| ask(&mut socket, "fip.associate", r#","instance":"web-1""#)));
        ask(&mut socket, "fip.disassociate", "");
        let sync = timed(|| {
            file.write_all(&[0; 4096]).expect("the disk has room");
            file.sync_all().expect("the disk syncs");
        });
        let bundles = timed(|| {
            for (bridge, flows) in bridges.iter_mut().zip([2, 1]) {
                bridge.install(&probes(flows, round), FlowModCommand::Add);
            }
        });
        synced.push(sync);
        bare.push(sync + bundles);
        for (bridge, flows) in bridges.iter_mut().zip([2, 1]) {
            bridge.install(&probes(flows, round), FlowModCommand::DeleteStrict);
        }
    }
    let ours = show("one association at the socket", ours);
    let bare = show("two bare bundles and one fsync", bare);
    show("  of which the fsync", synced);
    println!("ratio of the medians: {:.2}", ours / bare);
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

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Prints median, lowest and highest; returns the median in microseconds.
fn show(what: &str, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let micros = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6);
    let median = micros(times.get(times.len() / 2));
    println!("{what:<36} {median:>8.0} {:>8.0} {:>8.0}", micros(times.first()), micros(times.last()));
    median
}

const ROUNDS: u16 = 500;
