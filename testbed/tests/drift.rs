//! What others change in a switch is put back; what is theirs stays.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON object lacks reads as null")]

use std::time::{Duration, Instant};

use buoy_flows::pipeline::Meter;
use buoy_testbed::probe::{PingRun, eventually, ping};
use buoy_testbed::scenario::{SOON, associated, await_up_to_date, switch};
use buoy_testbed::site::{FLOATING_IP, HOST};
use buoy_testbed::{Daemon, Lab};

/// Lets somebody else change a bridge, waits until it is as before, and tells how long that took.
fn is_put_back(lab: &Lab, daemon: &Daemon, bridge: &str, change: &[&str]) -> Duration {
    await_up_to_date(daemon, SOON);
    let before = lab.lasting_flows(bridge);
    assert!(before.len() > 10, "{before:#?}");
    let repaired = switch(daemon, bridge)["repaired_flows"].as_u64().expect("a count");
    lab.ovs_ofctl(change);
    let since = Instant::now();
    eventually(SOON, &format!("{change:?} is undone"), || (lab.lasting_flows(bridge) == before).then_some(()));
    let took = since.elapsed();
    eventually(SOON, "the repair is counted", || {
        (switch(daemon, bridge)["repaired_flows"].as_u64() > Some(repaired)).then_some(())
    });
    took
}

#[test]
fn whatever_others_do_to_our_flows_is_undone() {
    let (lab, daemon) = associated();
    let mut times = Vec::new();
    for (bridge, change) in [
        ("br-int", vec!["--strict", "del-flows", "br-int", "table=70,priority=0"]),
        ("br-int", vec!["del-flows", "br-int", "table=40"]),
        ("br-ex", vec!["del-flows", "br-ex"]),
        ("br-int", vec!["mod-flows", "br-int", "table=60,actions=drop"]),
        ("br-int", vec!["add-flow", "br-int", "cookie=0x62756f2200000007,table=30,priority=999,actions=drop"]),
        ("br-ex", vec!["add-flow", "br-ex", "cookie=0x7,table=50,priority=0,actions=NORMAL"]),
    ] {
        let took = is_put_back(&lab, &daemon, bridge, &change);
        println!("{change:?}: undone after {took:?}");
        times.push(took);
    }
    times.sort();
    assert!(times.get(times.len() / 2).is_some_and(|median| *median < Duration::from_secs(1)), "{times:?}");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
}

#[test]
fn foreign_flows_stay_and_are_counted() {
    let (lab, daemon) = associated();
    assert_eq!(switch(&daemon, "br-int")["foreign_flows"], 0);
    let foreign = "cookie=0x7,table=30,priority=7,udp,tp_dst=4789,actions=drop";
    lab.ovs_ofctl(["add-flow", "br-int", foreign]);
    let count = |count: u64| {
        eventually(SOON, "the foreign flows are counted", || {
            (switch(&daemon, "br-int")["foreign_flows"] == count).then_some(())
        });
    };
    count(1);
    daemon.buoyctl(["fip", "disassociate", "203.0.113.100"]);
    assert!(lab.lasting_flows("br-int").iter().any(|flow| flow.contains("tp_dst=4789")));
    lab.ovs_ofctl(["del-flows", "br-int", "cookie=0x7/-1"]);
    count(0);
    assert_eq!(switch(&daemon, "br-int")["repaired_flows"], 0);
}

#[test]
fn foreign_flow_that_shadows_ours_is_warned_of() {
    let (lab, daemon) = associated();
    assert_eq!(switch(&daemon, "br-int")["warnings"], serde_json::json!([]));
    lab.ovs_ofctl(["add-flow", "br-int", "cookie=0x7,table=40,priority=60000,ip,actions=drop"]);
    lab.ovs_ofctl(["add-flow", "br-int", "cookie=0x7,table=99,priority=60000,ip,actions=drop"]);
    let warnings = eventually(SOON, "a warning", || {
        let warnings = switch(&daemon, "br-int")["warnings"].clone();
        warnings.as_array().is_some_and(|own| !own.is_empty()).then_some(warnings)
    });
    let warnings = warnings.as_array().expect("a list");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let text = warnings[0].as_str().expect("a text");
    assert!(text.contains("table=40") && text.contains("priority=60000"), "{text}");
}

#[test]
fn a_switch_that_was_killed_is_complete_again() {
    let (lab, daemon) = associated();
    // What is learnt on the way is part of it.
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    await_up_to_date(&daemon, SOON);
    let before = ["br-ex", "br-int"].map(|bridge| lab.lasting_flows(bridge));
    let mut run = PingRun::start(&lab.node("remote"), FLOATING_IP, Duration::from_millis(10));
    run.await_reply(SOON);
    lab.kill_vswitchd();
    lab.restart_vswitchd();
    let since = Instant::now();
    await_up_to_date(&daemon, Duration::from_secs(15));
    println!("up to date {:?} after ovs-vswitchd was there again", since.elapsed());
    run.await_more(20, SOON);
    println!("longest gap of a ping at 10 ms: {:?}", run.stop().longest_gap);
    for (bridge, before) in ["br-ex", "br-int"].into_iter().zip(before) {
        eventually(SOON, "the same flows as before", || (lab.lasting_flows(bridge) == before).then_some(()));
    }
    let meters = lab.ovs_ofctl(["dump-meters", "br-ex"]);
    assert_eq!(meters.matches("meter=").count(), Meter::ALL.len(), "{meters}");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    assert!(ping(&lab.node("remote"), HOST, 3).is_complete());
}
