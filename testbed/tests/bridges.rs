//! Bridges that change under the daemon: datapath ids, names, port numbers, other controllers.

use std::time::Duration;

use buoy_flows::openflow::{ControllerRole, Message, Role};
use buoy_testbed::probe::{eventually, ping};
use buoy_testbed::scenario::{SOON, associated, await_up_to_date, buoyctl, declared, switch};
use buoy_testbed::site::{FLOATING_IP, REMOTE};
use buoy_testbed::{Daemon, Lab, Switch};
use serde_json::Value;

/// Bridges come back after at most a second (`max_backoff`), but hello and dump take their time on a busy machine.
const RECONNECT: Duration = Duration::from_secs(15);

fn switches(daemon: &Daemon) -> Vec<Value> {
    buoyctl(daemon, "switch list").as_array().cloned().unwrap_or_default()
}

#[track_caller]
fn assert_reaches(lab: &Lab) {
    let report = ping(&lab.node("remote"), FLOATING_IP, 3);
    assert!(report.is_complete(), "{report:?}");
}

#[test]
fn a_new_datapath_id_is_the_same_bridge() {
    let (lab, daemon) = associated();
    lab.ovs_vsctl(["set", "bridge", "br-ex", "other-config:datapath-id=00000000000000ab"]);
    eventually(RECONNECT, "br-ex is back under its new id", || {
        let now = switch(&daemon, "br-ex");
        (now["datapath_id"] == "00000000000000ab" && now["applied"] == true).then_some(())
    });
    let listed = switches(&daemon);
    assert_eq!(listed.len(), 2, "the old id is forgotten: {listed:#?}");
    assert_reaches(&lab);
}

#[test]
fn of_two_bridges_with_one_datapath_id_the_first_is_served_and_the_other_told() {
    let (lab, daemon) = associated();
    let twin = ["--", "set", "bridge", "br-twin", "datapath_type=netdev", "other-config:datapath-id=00000200cb007102"];
    let controller = ["--", "set-controller", "br-twin", "tcp:127.0.0.1:6653"];
    lab.ovs_vsctl(["add-br", "br-twin"].iter().chain(&twin).chain(&controller));
    let refused = eventually(RECONNECT, "the twin is listed with the reason", || {
        switches(&daemon).into_iter().find(|own| own["bridge"] == "br-twin")
    });
    assert_eq!(refused["connected"], false, "{refused}");
    let reason = refused["error"].as_str().expect("a reason");
    assert!(reason.contains("00000200cb007102") && reason.contains("br-ex"), "{reason}");
    assert_eq!(switch(&daemon, "br-ex")["connected"], true);
    assert_reaches(&lab);
    lab.ovs_vsctl(["set", "bridge", "br-twin", "other-config:datapath-id=00000000000000cd"]);
    eventually(RECONNECT, "the twin is served under an id of its own", || {
        (switch(&daemon, "br-twin")["applied"] == true).then_some(())
    });
}

#[test]
fn a_port_that_changes_its_number_is_followed() {
    let (lab, daemon) = associated();
    for (port, number) in [("vm1", "77"), ("uplink0", "88"), ("int-br-ex", "99")] {
        lab.ovs_vsctl(["set", "interface", port, &format!("ofport_request={number}")]);
        eventually(SOON, "the port has its new number", || {
            (lab.ovs_vsctl(["get", "interface", port, "ofport"]).trim() == number).then_some(())
        });
        eventually(SOON, &format!("traffic by port {number}"), || {
            ping(&lab.node("remote"), FLOATING_IP, 1).is_complete().then_some(())
        });
        await_up_to_date(&daemon, SOON);
    }
    assert_eq!(buoyctl(&daemon, "instance show web-1")["interfaces"][0]["ofport"], 77);
}

#[test]
fn a_port_that_goes_and_comes_back_is_served_again() {
    let (lab, daemon) = associated();
    assert_reaches(&lab);
    for (bridge, port) in [("br-int", "vm1"), ("br-ex", "uplink0")] {
        lab.ovs_vsctl(["del-port", bridge, port]);
        eventually(SOON, "nothing refers to the port any more", || {
            ping(&lab.node("remote"), FLOATING_IP, 1).is_silent().then_some(())
        });
        await_up_to_date(&daemon, SOON);
        lab.ovs_vsctl(["add-port", bridge, port]);
        eventually(SOON, "the port is served again", || {
            ping(&lab.node("remote"), FLOATING_IP, 1).is_complete().then_some(())
        });
    }
}

#[test]
fn a_renamed_bridge_gets_what_its_name_stands_for() {
    let (lab, daemon) = declared();
    let add = ["add-br", "br-one", "--", "set", "bridge", "br-one", "datapath_type=netdev"];
    lab.ovs_vsctl(add.iter().chain(&["--", "set-controller", "br-one", "tcp:127.0.0.1:6653"]));
    eventually(RECONNECT, "br-one is there", || {
        switches(&daemon).iter().any(|own| own["bridge"] == "br-one" && own["applied"] == true).then_some(())
    });
    assert_eq!(switch(&daemon, "br-one")["role"], Value::Null);
    let add = ["del-br", "br-one", "--", "add-br", "br-two", "--", "set", "bridge", "br-two", "datapath_type=netdev"];
    lab.ovs_vsctl(add.iter().chain(&["--", "set-controller", "br-two", "tcp:127.0.0.1:6653"]));
    eventually(RECONNECT, "br-two is there", || {
        switches(&daemon).iter().any(|own| own["bridge"] == "br-two" && own["applied"] == true).then_some(())
    });
    let old = switches(&daemon).into_iter().find(|own| own["bridge"] == "br-one").expect("it is remembered");
    assert_eq!(old["connected"], false);
}

#[test]
fn a_bridge_that_does_not_come_back_is_forgotten() {
    let (lab, daemon) = associated();
    lab.ovs_vsctl(["set", "controller", "br-ex", "target=\"tcp:127.0.0.1:6699\""]);
    eventually(RECONNECT, "br-ex is away", || (switch(&daemon, "br-ex")["connected"] == false).then_some(()));
    let release = daemon.buoyctl(["--timeout", "0.3", "fip", "release", "203.0.113.100"]);
    assert_eq!(release.code(), 7, "{release:?}");
    let again = || daemon.buoyctl(["--wait", "store", "fip", "allocate", "--address", "203.0.113.100"]);
    assert_eq!(again().code(), 4, "br-ex may still serve it");
    let connected = daemon.buoyctl(["switch", "forget", "br-int"]);
    assert_eq!(connected.code(), 4, "{connected:?}");
    let forgotten = daemon.buoyctl_json(["switch", "forget", "br-ex"]);
    assert_eq!(forgotten["addresses"], serde_json::json!(["203.0.113.100"]));
    assert!(forgotten["notices"][0].as_str().is_some_and(|own| own.contains("provider lan")), "{forgotten}");
    let told = daemon.buoyctl_json(["history", "--kind", "switch_forgotten"]);
    assert_eq!(told[0]["subject"], "br-ex", "{told}");
    assert_eq!(switches(&daemon).len(), 1);
    let unknown = daemon.buoyctl(["switch", "forget", "br-ex"]);
    assert_eq!(unknown.code(), 3, "{unknown:?}");
    assert_eq!(again().code(), 0);
    // It comes back all the same, with the flows of the address that leads nowhere now.
    lab.ovs_vsctl(["set", "controller", "br-ex", "target=\"tcp:127.0.0.1:6653\""]);
    await_up_to_date(&daemon, RECONNECT);
    assert!(!ping(&lab.node("remote"), FLOATING_IP, 1).is_complete());
}

#[test]
fn primary_is_claimed_and_a_lost_election_is_told() {
    let lab = Lab::up("flat");
    let mut other = Switch::connect(&lab, "br-int");
    let claim = |generation_id| Role { role: ControllerRole::Primary, generation_id };
    other.ask(Message::RoleRequest(claim(41)));
    let daemon = Daemon::start_with(&lab, buoy_testbed::daemon::STATE_DIR, &["--primary"]);
    lab.point_at_controller();
    let has_role = |role: &str| {
        eventually(RECONNECT, &format!("the daemon is {role}"), || {
            let listed = switches(&daemon);
            listed.iter().any(|own| own["bridge"] == "br-int" && own["controller_role"] == role).then_some(())
        });
    };
    has_role("primary");
    let (_, Message::RoleStatus(status)) = other.receive() else { panic!("the other is told") };
    assert_eq!((status.role, status.generation_id), (ControllerRole::Secondary, 42));
    for command in buoy_testbed::site::DECLARATION.into_iter().chain(["fip associate 203.0.113.100 web-1"]) {
        assert_eq!(buoyctl(&daemon, command)["applied"], true, "{command}");
    }
    assert!(ping(&lab.node("vm1"), REMOTE, 3).is_complete());
    // Another election, which the daemon loses.
    other.ask(Message::RoleRequest(claim(43)));
    has_role("secondary");
    let reason = switch(&daemon, "br-int")["error"].as_str().map(str::to_owned).expect("a reason");
    assert!(reason.contains("primary"), "{reason}");
    let words = ["--format", "json", "--timeout", "0.3", "fip", "associate", "203.0.113.101", "web-2"];
    let pending = daemon.buoyctl(words);
    assert_eq!(pending.code(), 7, "{pending:?}");
    assert!(ping(&lab.node("vm1"), REMOTE, 3).is_complete(), "what is installed goes on");
}
