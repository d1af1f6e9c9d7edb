//! Stations on br-ex that have a public address themselves.

use std::net::Ipv4Addr;

use buoy_testbed::scenario::{associated, buoyctl};
use buoy_testbed::{Daemon, Lab, Node};
use buoy_topology::MacAddr;
use serde_json::Value;

/// The station's MAC, which nobody outside may see.
pub(crate) const MAC: MacAddr = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0d]);
/// Its address, out of the pool.
pub(crate) const DIRECT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 110);
/// Its second address, in no pool.
pub(crate) const SECOND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 90);
/// What declares it.
pub(crate) const ADD: &str =
    "direct add gw --provider lan --port vm3 --mac 02:00:0a:00:00:0d --ip 203.0.113.110 --ip 203.0.113.90";

/// Takes the port of a guest from br-int to br-ex.
#[track_caller]
pub(crate) fn plug_in(lab: &Lab, port: &str) {
    lab.ovs_vsctl(["del-port", "br-int", port, "--", "add-port", "br-ex", port]);
}

/// Gives a guest public addresses instead of its own one.
#[track_caller]
pub(crate) fn configure(node: &Node, addresses: &[Ipv4Addr], prefix: u8, gateway: Ipv4Addr) {
    let ip = |line: &str| drop(node.run(["ip"].into_iter().chain(line.split(' '))).expect_success());
    ip("address flush dev eth0");
    for address in addresses {
        ip(&format!("address add {address}/{prefix} dev eth0"));
    }
    ip(&format!("route replace default via {gateway} dev eth0 onlink"));
}

/// Lab `flat` with a floating IP on the first instance, and the third guest as a station on br-ex.
#[track_caller]
pub(crate) fn plugged() -> (Lab, Daemon) {
    let (lab, daemon) = associated();
    plug_in(&lab, "vm3");
    configure(&lab.node("vm3"), &[DIRECT, SECOND], 24, Ipv4Addr::new(203, 0, 113, 1));
    (lab, daemon)
}

/// The same, declared.
#[track_caller]
pub(crate) fn served() -> (Lab, Daemon) {
    let (lab, daemon) = plugged();
    let direct = buoyctl(&daemon, ADD);
    assert_eq!(direct.get("applied"), Some(&true.into()), "{direct}");
    (lab, daemon)
}

/// How many packets were dropped for a reason.
#[track_caller]
pub(crate) fn drops(daemon: &Daemon, reason: &str) -> u64 {
    let rows = buoyctl(daemon, "drops");
    let is_it = |row: &&Value| row.get("reason").is_some_and(|own| own == reason);
    rows.as_array().into_iter().flatten().filter(is_it).filter_map(|row| row.get("packets")?.as_u64()).sum()
}
