//! How long a switch is other than it should be, and what the daemon's memory holds, by number of floating IPs.
//!
//! `cargo bench -p buoy-testbed --bench repair -- 1000 10000`

use std::time::{Duration, Instant};

use buoy_testbed::probe::eventually;
use buoy_testbed::scenario::{await_up_to_date, switch};
use buoy_testbed::site::DECLARATION;
use buoy_testbed::{Daemon, Lab, Rpc, crowd};
use serde_json::Value;

fn main() {
    let sizes: Vec<u32> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000] } else { sizes };
    println!("floating IPs | what                                            |       ms");
    for size in sizes {
        measure(size);
    }
}

fn measure(size: u32) {
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on a disk");
    let lab = Lab::up("flat");
    let state = disk.path().canonicalize().expect("it exists").join("state");
    let mut daemon = Daemon::start_with(&lab, state.to_str().expect("a path in UTF-8"), &[]);
    lab.point_at_controller();
    for command in DECLARATION {
        daemon.buoyctl_json(command.split(' '));
    }
    crowd::plug_in(&lab, size);
    let tell = |what: &str, time: Duration| println!("{size:>12} | {what:<47} | {:>8.1}", time.as_secs_f64() * 1e3);
    let empty = daemon.memory();
    let mut rpc = Rpc::connect(&daemon);
    crowd::declare(&mut rpc, "lan");
    tell("declare the instances, durably", timed(|| crowd::add_instances(&mut rpc, 0..size, crowd::trunk)));
    let since = Instant::now();
    crowd::associate(&mut rpc, 0..size);
    await_up_to_date(&daemon, LONG);
    tell("associate all, durably and in both bridges", since.elapsed());
    let full = daemon.memory();
    println!(
        "{size:>12} | memory: {} KiB empty, {} KiB full, {} bytes each",
        empty >> 10,
        full >> 10,
        (full - empty) / u64::from(size)
    );

    let address = crowd::address(size / 2).to_string();
    let nat = format!("table=50,ip,nw_dst={address}");
    let one = repeated(10, || {
        lab.ovs_ofctl(["del-flows", "br-int", &nat]);
        timed(|| {
            eventually(LONG, "the flow is back", || {
                lab.ovs_ofctl(["dump-flows", "br-int", &nat]).contains(&address).then_some(())
            });
        })
    });
    tell("one flow deleted, until it is back (median of 10)", one);
    for bridge in ["br-int", "br-ex"] {
        let before = switch(&daemon, bridge);
        lab.ovs_ofctl(["del-flows", bridge]);
        let took = timed(|| await_repair(&daemon, bridge, &before));
        tell(&format!("all flows of {bridge} deleted, until they are back"), took);
    }
    daemon.kill9();
    tell("SIGKILL: start of the daemon, until it serves", timed(|| daemon.start_again()));
    tell("  from then until both bridges are known as right", timed(|| await_up_to_date(&daemon, LONG)));
    println!("{size:>12} | memory after the restart: {} KiB", daemon.memory() >> 10);
    lab.kill_vswitchd();
    lab.restart_vswitchd();
    tell("ovs-vswitchd killed: from its return until all is there", timed(|| await_up_to_date(&daemon, LONG)));
}

/// Waits until others' changes were noticed and all is as it should be.
fn await_repair(daemon: &Daemon, bridge: &str, before: &Value) {
    let count = |view: &Value, field: &str| view.get(field).and_then(Value::as_u64);
    eventually(LONG, "the flows are back", || {
        let now = switch(daemon, bridge);
        let is_noticed = count(&now, "repaired_flows") > count(before, "repaired_flows");
        let is_back = now.get("applied") == Some(&true.into()) && count(&now, "flows") == count(before, "flows");
        (is_noticed && is_back).then_some(())
    });
}

fn repeated(times: usize, mut work: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..times).map(|_| work()).collect();
    all.sort_unstable();
    all.swap_remove(times / 2)
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

const LONG: Duration = Duration::from_secs(120);
