//! What a switch refuses, what it keeps from the controller, and what it never gets because the disk refuses it.

use std::time::{Duration, Instant};

use buoy_flows::pipeline::Meter;
use buoy_testbed::probe::{Capture, eventually, ping};
use buoy_testbed::proxy::Proxy;
use buoy_testbed::scenario::{BRIDGES, SOON, associated, await_up_to_date, behind_proxies, buoyctl, switch};
use buoy_testbed::site::{DECLARATION, FLOATING_IP, REMOTE};

#[test]
fn a_refused_flow_is_told_with_its_reason_and_holds_nobody_up() {
    let (lab, daemon) = associated();
    // One source is translated, and the table takes no more.
    let limit = ["--", "set", "bridge", "br-int", "flow_tables:40=@table"];
    let table = ["--", "--id=@table", "create", "Flow_Table", "flow_limit=2", "overflow_policy=refuse"];
    lab.ovs_vsctl(table.iter().chain(&limit));
    let words = ["--format", "json", "--timeout", "1", "fip", "associate", "203.0.113.101", "web-2"];
    let refused = daemon.buoyctl(words);
    assert_eq!(refused.code(), 7, "{refused:?}");
    let view = refused.json();
    assert_eq!(view.get("applied"), Some(&false.into()), "{view}");
    let error = view.get("error").and_then(|own| own.as_str()).unwrap_or_default();
    assert!(error.contains("OFPFMFC_TABLE_FULL") && error.contains("table=40"), "{view}");
    assert!(error.contains("nw_src=10.0.0.12") || error.contains("ip_src=10.0.0.12"), "{view}");
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete(), "the other address goes on");
    let second = std::net::Ipv4Addr::new(203, 0, 113, 101);
    assert!(ping(&lab.node("remote"), second, 2).is_silent(), "half an association serves nobody");
    // A third thing is not held up.
    let other = buoyctl(&daemon, "network create green --cidr 10.9.0.0/24 --gateway 10.9.0.1");
    assert_eq!(other.get("applied"), Some(&true.into()), "{other}");
    lab.ovs_vsctl(["clear", "bridge", "br-int", "flow_tables"]);
    eventually(Duration::from_secs(30), "it is tried again", || {
        (buoyctl(&daemon, "fip show 203.0.113.101").get("applied")? == true).then_some(())
    });
    assert!(ping(&lab.node("remote"), second, 3).is_complete());
    assert_eq!(switch(&daemon, "br-int").get("error"), Some(&serde_json::Value::Null));
}

#[test]
fn what_comes_to_the_controller_is_metered() {
    let (lab, daemon) = associated();
    assert!(ping(&lab.node("vm1"), REMOTE, 3).is_complete());
    let counters = || {
        let stats = lab.ovs_ofctl(["meter-stats", "br-ex", "meter=623"]);
        let number = |key: &str| {
            let rest = stats.split(key).nth(1)?;
            rest.split(|own: char| !own.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        (number("packet_in_count:").expect(&stats), number("0: packet_count:").expect(&stats))
    };
    let started = Instant::now();
    let (before, _) = counters();
    // Nobody has this address: each packet to it asks the controller to find it.
    let flood = ["ping", "-q", "-c", "1500", "-l", "1500", "-W", "1", "203.0.113.77"];
    let (came, dropped) = eventually(SOON, "the meter drops", || {
        lab.node("vm1").run(flood);
        let (came, dropped) = counters();
        (dropped > 0).then_some((came, dropped))
    });
    // OpenFlow 1.3.5, 5.7: the rate, and the burst once.
    let rate = u64::from(Meter::Unresolved.rate());
    let most = before + rate + rate * (started.elapsed().as_secs() + 1);
    assert!(came - dropped <= most, "{} of {came} passed, {most} were allowed", came - dropped);
    assert!(ping(&lab.node("remote"), FLOATING_IP, 3).is_complete());
    assert_eq!(switch(&daemon, "br-ex").get("connected"), Some(&true.into()));
}

#[test]
fn a_frame_that_the_guard_refuses_is_counted_and_the_first_is_told() {
    let (lab, daemon) = associated();
    let capture = Capture::start(&lab.node("lan"), "server", "ether src 02:00:00:00:00:66");
    // Past all other stages, as a mistake in them would be: a foreign MAC with an address of ours.
    let frame = "0200cb007101020000000066080045000014000000004001b5f2cb007164c633640a";
    let actions = "set_field:1->reg0,set_field:2->reg1,resubmit(,50)";
    let words = format!("in_port=LOCAL,packet={frame},actions={actions}");
    for _ in 0..5 {
        lab.ovs_ofctl(["packet-out", "br-ex", &words]);
    }
    eventually(SOON, "the frames are counted", || {
        let drops = buoyctl(&daemon, "drops");
        let is_guard =
            |own: &&serde_json::Value| own.get("reason").is_some_and(|own| own == "guard: source MAC not registered");
        let row = drops.as_array()?.iter().find(is_guard)?;
        (row.get("packets")?.as_u64()? == 5).then_some(())
    });
    let told = eventually(SOON, "an alarm in the log", || {
        let log = daemon.log();
        let lines: Vec<_> =
            log.lines().filter(|line| line.contains("guard: a frame was kept")).map(str::to_owned).collect();
        (!lines.is_empty()).then_some(lines)
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    for part in ["br-ex", "02:00:00:00:00:66", "0x0800", "203.0.113.100"] {
        assert!(told.iter().all(|line| line.contains(part)), "{part}: {told:#?}");
    }
    assert!(capture.stop().is_empty(), "nothing left");
}

#[test]
fn whatever_a_refused_flow_belongs_to_is_not_in_force() {
    let (lab, daemon) = associated();
    let limit = ["--", "set", "bridge", "br-int", "flow_tables:70=@table"];
    let table = ["--", "--id=@table", "create", "Flow_Table", "flow_limit=3", "overflow_policy=refuse"];
    lab.ovs_vsctl(table.iter().chain(&limit));
    let words = "instance add web-3 --network blue --port vm3 --mac 02:00:0a:00:00:0d --ip 10.0.0.13";
    let refused = daemon.buoyctl(["--format", "json", "--timeout", "1"].into_iter().chain(words.split(' ')));
    assert_eq!(refused.code(), 7, "{refused:?}");
    let view = refused.json();
    let error = view.get("error").and_then(|own| own.as_str()).unwrap_or_default();
    assert!(error.contains("OFPFMFC_TABLE_FULL") && view.get("applied") == Some(&false.into()), "{view}");
}

#[test]
fn an_address_whose_port_is_missing_is_not_in_force() {
    let (lab, daemon) = associated();
    lab.ovs_vsctl(["del-port", "br-int", "vm1"]);
    let shows = |applied: bool, error: &str| {
        eventually(SOON, &format!("{error:?}"), || {
            let view = buoyctl(&daemon, "fip show 203.0.113.100");
            let told = view.get("error")?.as_str().unwrap_or_default().to_owned();
            (view.get("applied")? == applied && told.contains(error)).then_some(())
        });
    };
    shows(false, "bridge br-int has no port vm1");
    lab.ovs_vsctl(["add-port", "br-int", "vm1"]);
    shows(true, "");
    lab.ovs_vsctl(["del-port", "br-ex", "uplink0"]);
    shows(false, "bridge br-ex has no port uplink0");
    lab.ovs_vsctl(["add-port", "br-ex", "uplink0"]);
    shows(true, "");
    assert!(ping(&lab.node("client"), FLOATING_IP, 3).is_complete());
}

/// Switches check what they are to have while the store is at it. They commit none of it before the store has it.
#[test]
fn what_the_disk_refuses_is_checked_by_switches_and_is_never_in_force() {
    let (lab, daemon, proxies) = behind_proxies("flat");
    for command in DECLARATION {
        buoyctl(&daemon, command);
    }
    // Its flows would be on their way otherwise, and a switch checks one bundle at a time.
    eventually(SOON, "the gateway is known", || {
        (buoyctl(&daemon, "provider show lan").get("gateway_state")? == "resolved").then_some(())
    });
    await_up_to_date(&daemon, SOON);
    let is_its = |flow: &String| flow.contains("203.0.113.100") || flow.contains("10.0.0.11");
    let flows = |bridge| lab.lasting_flows(bridge).into_iter().filter(is_its).collect::<Vec<_>>();
    let before = BRIDGES.map(flows);
    // The daemon's state is on the lab's tmpfs, of which 16 MiB have to stay free.
    let room = |kilobytes: &str| {
        let line = format!("mount -o remount,size=$(({kilobytes}))k /run");
        let done = lab.host().run(["sh", "-c", &line]);
        assert!(done.success(), "{done}");
    };
    room("$(df --output=used -k /run | tail -1) + 8192");
    proxies.iter().for_each(Proxy::note_flow_mods);
    let words = ["--format", "json", "fip", "associate", "203.0.113.100", "web-1"];
    let refused = daemon.buoyctl(words);
    assert!(refused.code() == 1 && refused.to_string().contains("make room"), "{refused}");
    for proxy in &proxies {
        let is_checked = || proxy.flow_mods().iter().any(is_its).then_some(());
        eventually(SOON, "the bundle is sent to be checked", is_checked);
    }
    await_up_to_date(&daemon, SOON);
    assert_eq!(BRIDGES.map(flows), before);
    room("1048576");
    let done = daemon.buoyctl(words);
    assert!(done.success() && done.json().get("applied") == Some(&true.into()), "{done}");
    for proxy in &proxies {
        let sent: Vec<_> = proxy.flow_mods().into_iter().filter(is_its).collect();
        assert!(!sent.iter().any(|own| own.starts_with("Delete")), "it was taken back: {sent:#?}");
    }
}
