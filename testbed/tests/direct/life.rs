//! From the first command to the last: plugged in later, over restarts, removed.

use std::time::Duration;

use buoy_testbed::probe::{PingRun, arping, eventually, flush_neighbours, ping};
use buoy_testbed::scenario::{SOON, associated, await_up_to_date, buoyctl, switch};
use buoy_testbed::site::{DECLARATION, FLOATING_IP, HOST, REMOTE};
use buoy_testbed::{Daemon, Lab, Rpc};

use crate::station::{ADD, DIRECT, SECOND, configure, plug_in, plugged, served};

#[test]
fn it_survives_the_daemon_and_a_restart() {
    let (lab, mut daemon) = served();
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    daemon.kill9();
    for node in ["client", "router", "vm3"] {
        flush_neighbours(&lab.node(node));
    }
    for (from, to) in [("client", DIRECT), ("remote", SECOND), ("vm3", REMOTE), ("vm3", FLOATING_IP)] {
        assert!(ping(&lab.node(from), to, 3).is_complete(), "{from} to {to}");
    }
    let mut run = PingRun::start(&lab.node("remote"), DIRECT, Duration::from_millis(5));
    run.await_reply(SOON);
    daemon.start_again();
    await_up_to_date(&daemon, SOON);
    run.await_more(50, SOON);
    assert!(run.stop().lost.is_empty());
    let shown = buoyctl(&daemon, "direct show gw");
    for (field, value) in [("name", "gw"), ("provider", "lan"), ("port", "vm3"), ("mac", "02:00:0a:00:00:0d")] {
        assert_eq!(shown.get(field), Some(&value.into()), "{shown}");
    }
    assert_eq!(shown.get("ips"), Some(&serde_json::json!(["203.0.113.110", "203.0.113.90"])), "{shown}");
    assert_eq!(shown.get("applied"), Some(&true.into()), "{shown}");
    assert_eq!(buoyctl(&daemon, "direct list"), serde_json::json!([shown]));
}

#[test]
fn removed_before_the_bridge_is_back_it_is_gone_when_that_is_said() {
    let (lab, mut daemon) = served();
    daemon.restart();
    let mut rpc = Rpc::connect(&daemon);
    let removed = rpc.call("direct.remove", serde_json::json!({"name": "gw", "timeout": 20}));
    // Asked at once: what is left of it would still be on its way out.
    let bridge = rpc.call("switch.show", serde_json::json!({"bridge": "br-ex"}));
    assert_eq!((removed.get("applied"), bridge.get("applied")), (Some(&true.into()), Some(&true.into())), "{bridge}");
    let left: Vec<_> = lab.dump_flows("br-ex").into_iter().filter(|flow| flow.contains("203.0.113.110")).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn its_port_may_come_and_go() {
    let (lab, daemon) = associated();
    configure(&lab.node("vm3"), &[DIRECT, SECOND], 24, std::net::Ipv4Addr::new(203, 0, 113, 1));
    let added = daemon.buoyctl(["--format", "json"].into_iter().chain(ADD.split(' ')));
    let view = added.json();
    assert_eq!((added.code(), view.get("ofport")), (7, Some(&serde_json::Value::Null)), "{view}");
    assert!(added.stderr.contains("bridge br-ex has no port vm3"), "{added}");
    assert_eq!(arping(&lab.node("client"), "eth0", DIRECT, Duration::from_secs(1)), None, "nobody is there");
    plug_in(&lab, "vm3");
    eventually(SOON, "it is served", || {
        (buoyctl(&daemon, "direct show gw").get("applied") == Some(&true.into())).then_some(())
    });
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    lab.ovs_vsctl(["del-port", "br-ex", "vm3"]);
    eventually(SOON, "the daemon has heard", || {
        buoyctl(&daemon, "direct show gw").get("error").and_then(|own| own.as_str()).map(drop)
    });
    assert!(ping(&lab.node("remote"), DIRECT, 2).is_silent());
    lab.ovs_vsctl(["add-port", "br-ex", "vm3"]);
    eventually(SOON, "it is back", || ping(&lab.node("remote"), DIRECT, 1).is_complete().then_some(()));
}

fn assert_silent(lab: &Lab) {
    for (from, to) in [("remote", DIRECT), ("client", SECOND), ("vm3", REMOTE), ("vm3", HOST)] {
        assert!(ping(&lab.node(from), to, 2).is_silent(), "{from} to {to}");
    }
    flush_neighbours(&lab.node("client"));
    assert_eq!(arping(&lab.node("client"), "eth0", DIRECT, Duration::from_secs(1)), None);
}

#[test]
fn removed_it_is_silent_and_its_address_is_its_pools_again() {
    let (lab, daemon) = plugged();
    assert_silent(&lab);
    let before = lab.lasting_flows("br-ex");
    buoyctl(&daemon, ADD);
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    let pool = buoyctl(&daemon, "pool show public");
    assert_eq!((pool.get("reserved"), pool.get("free")), (Some(&1.into()), Some(&18.into())), "{pool}");
    for refused in ["fip associate 203.0.113.110 web-2", "pool remove public 203.0.113.110", "provider delete lan"] {
        let output = daemon.buoyctl(refused.split(' '));
        assert!(output.code() == 4 && output.stderr.contains("direct port gw"), "{output}");
    }
    daemon.buoyctl(["direct", "remove", "gw"]).expect_success();
    assert_silent(&lab);
    let learnt = |flow: &String| flow.contains("203.0.113.50");
    let after = lab.lasting_flows("br-ex");
    let left: Vec<_> = after.symmetric_difference(&before).filter(|flow| !learnt(flow)).collect();
    assert!(left.is_empty(), "{left:#?}");
    buoyctl(&daemon, "fip associate 203.0.113.110 web-2");
    assert!(ping(&lab.node("remote"), DIRECT, 3).is_complete());
    assert_eq!(daemon.buoyctl(["direct", "remove", "gw"]).code(), 3);
    assert_eq!(daemon.buoyctl(["direct", "show", "gw"]).code(), 3);
}

#[test]
fn a_bridge_of_openflow_1_0_says_that_it_does_not_serve_it() {
    let lab = Lab::up("flat");
    lab.ovs_vsctl(["set", "bridge", "br-ex", "protocols=OpenFlow10"]);
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    for command in DECLARATION {
        buoyctl(&daemon, command);
    }
    plug_in(&lab, "vm3");
    configure(&lab.node("vm3"), &[DIRECT], 24, std::net::Ipv4Addr::new(203, 0, 113, 1));
    let added = daemon.buoyctl(["--format", "json"].into_iter().chain(ADD.split(' ')));
    assert_eq!(added.code(), 7, "{added}");
    let error = added.json().get("error").cloned().unwrap_or_default();
    assert_eq!(error, "bridge br-ex speaks OpenFlow 1.0, in which direct ports are not served");
    let limits = switch(&daemon, "br-ex").get("limits").map(ToString::to_string).unwrap_or_default();
    assert!(limits.contains("direct ports are not served"), "{limits}");
    assert!(ping(&lab.node("remote"), DIRECT, 2).is_silent());
    assert!(ping(&lab.node("remote"), HOST, 3).is_complete());
}
