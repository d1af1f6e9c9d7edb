//! The MAC that the provider bound an address to changes while the address is in use.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{Capture, PingRun, StreamRun};
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::site::{DECLARATION, FLOATING_IP};
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;

/// The MACs that the address has in turn.
const MACS: [&str; 2] = ["02:00:cb:00:71:64", "02:00:cb:00:71:65"];
const CHANGES: usize = 20;
/// It shares the first MAC.
const SECOND: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);

/// Two addresses of policy `vmac` that share a MAC.
fn bound() -> (Lab, Daemon) {
    let lab = Lab::up("flat");
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    let [provider, rest @ ..] = DECLARATION;
    buoyctl(&daemon, &format!("{provider} --mac-policy vmac"));
    let [mac, _] = MACS;
    let set = [FLOATING_IP, SECOND].map(|address| format!("fip set {address} --mac {mac}"));
    let associate = ["fip associate 203.0.113.100 web-1", "fip associate 203.0.113.101 web-2"];
    for command in rest.into_iter().chain(set.iter().map(String::as_str)).chain(associate) {
        let result = buoyctl(&daemon, command);
        assert_eq!(result.get("applied"), Some(&true.into()), "{command}: {result}");
    }
    (lab, daemon)
}

#[test]
fn traffic_goes_on_while_the_mac_changes_and_no_frame_has_a_third_one() {
    let (lab, daemon) = bound();
    let remote = lab.node("remote");
    let capture = Capture::start(&lab.node("lan"), "server", &format!("src host {FLOATING_IP} or src host {SECOND}"));
    let mut pings = [FLOATING_IP, SECOND].map(|address| PingRun::start(&remote, address, Duration::from_millis(2)));
    pings.iter_mut().for_each(|run| run.await_reply(SOON));
    let stream = StreamRun::start(&remote, &lab.node("vm1"), FLOATING_IP, 7_001);
    for mac in MACS.into_iter().cycle().skip(1).take(CHANGES) {
        let result = buoyctl(&daemon, &format!("fip set {FLOATING_IP} --mac {mac}"));
        assert_eq!((result.get("mac"), result.get("applied")), (Some(&mac.into()), Some(&true.into())), "{result}");
        pings.iter_mut().for_each(|run| run.await_more(5, SOON));
    }
    let pings = pings.map(PingRun::stop);
    assert!(pings.iter().all(|report| report.is_complete()), "{pings:?}\n{}", daemon.log());
    let stream = stream.stop();
    assert!(stream.broken.is_none() && stream.echoes > 10, "{stream:?}");

    let frames = capture.stop();
    let sent_by = |address| frames.iter().filter(move |frame| frame.ip.is_some_and(|ip| ip.src == address));
    let own = MACS.map(|mac| mac.parse::<MacAddr>().expect("a MAC"));
    let [first, _] = own;
    assert!(sent_by(SECOND).all(|frame| frame.src == first), "{}", listing(&frames));
    let mut sources: Vec<_> = sent_by(FLOATING_IP).map(|frame| frame.src).collect();
    sources.dedup();
    let expected: Vec<_> = own.into_iter().cycle().take(CHANGES + 1).collect();
    assert_eq!(sources, expected);
}

#[test]
fn an_address_in_use_keeps_a_mac_and_answers_for_the_new_one() {
    let (lab, daemon) = bound();
    let refused = daemon.buoyctl(["fip", "set", "203.0.113.100", "--mac", "none"]);
    assert_eq!(refused.status.code(), Some(4), "{refused}");
    let [_, second] = MACS;
    buoyctl(&daemon, &format!("fip set {FLOATING_IP} --mac {second}"));
    let answer = lab.node("client").run(["arping", "-c", "1", "-w", "5", "-I", "eth0", "203.0.113.100"]);
    assert!(answer.stdout.to_lowercase().contains(second), "{answer}");
    std::fs::write(lab.path("/run/list.csv"), format!("ip,mac\n{FLOATING_IP},{}\n", MACS[0]))
        .expect("/run is writable");
    let imported = buoyctl(&daemon, "pool import public /run/list.csv");
    assert_eq!(imported.get("applied"), Some(&true.into()), "{imported}");
    let answer = lab.node("client").run(["arping", "-c", "1", "-w", "5", "-I", "eth0", "203.0.113.100"]);
    assert!(answer.stdout.to_lowercase().contains(MACS[0]), "{answer}");
    buoyctl(&daemon, "fip release 203.0.113.100");
    let free = buoyctl(&daemon, "fip set 203.0.113.100 --mac none");
    assert_eq!(free.get("mac"), Some(&serde_json::Value::Null), "{free}");
}
