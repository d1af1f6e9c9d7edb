//! Events of a real switch: ports, connections, what is in force, claims of others, frames that the guard keeps.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use buoy_testbed::Daemon;
use buoy_testbed::probe::inject::{arp, ethernet};
use buoy_testbed::probe::{eventually, inject};
use buoy_testbed::scenario::{associated, buoyctl, declared, switch};
use buoy_testbed::site::FLOATING_IP;
use buoy_topology::MacAddr;
use serde_json::{Value, json};

/// Long enough for whatever has to happen, on a machine that has much else to do.
const LONG: Duration = Duration::from_secs(60);

/// A connection that watches, and all that it was told.
struct Watch {
    reader: BufReader<UnixStream>,
    told: Vec<Value>,
}

impl Watch {
    #[track_caller]
    fn start(daemon: &Daemon, since: u64) -> Self {
        let mut stream = UnixStream::connect(daemon.socket()).expect("the daemon serves its socket");
        stream.set_read_timeout(Some(LONG)).expect("a timeout can be set");
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "watch.start", "params": {"since": since}});
        writeln!(stream, "{request}").expect("the daemon reads");
        let mut watch = Self { reader: BufReader::new(stream), told: Vec::new() };
        let answer = watch.message();
        assert!(answer.get("result").is_some(), "{answer}");
        watch
    }

    #[track_caller]
    fn message(&mut self) -> Value {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line);
        assert!(read.is_ok() && line.ends_with('\n'), "{read:?} after {:#?}", self.told);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next event of this kind about this subject; those before it are kept, and their numbers must follow each other.
    #[track_caller]
    fn until(&mut self, kind: &str, subject: &str) -> Value {
        let deadline = Instant::now() + LONG;
        loop {
            assert!(Instant::now() < deadline, "no {kind} of {subject} in {:#?}", self.told);
            let mut message = self.message();
            let event = message.get_mut("params").map(Value::take).unwrap_or_default();
            let seq = |event: &Value| event.get("seq").and_then(Value::as_u64).expect("a number");
            if let Some(last) = self.told.last() {
                assert_eq!(seq(&event), seq(last) + 1);
            }
            self.told.push(event.clone());
            if event.get("kind") == Some(&kind.into()) && event.get("subject") == Some(&subject.into()) {
                return event;
            }
        }
    }
}

fn detail<'a>(event: &'a Value, field: &str) -> &'a Value {
    event.get("detail").and_then(|detail| detail.get(field)).unwrap_or_else(|| panic!("no {field}: {event}"))
}

#[test]
fn an_association_is_told_and_then_that_it_is_in_force() {
    let (_lab, daemon) = declared();
    for bridge in ["br-ex", "br-int"] {
        let mut watch = Watch::start(&daemon, 0);
        let connected = watch.until("switch_connected", bridge);
        assert_eq!(detail(&connected, "dialect"), "OpenFlow 1.3");
        watch.until("switch_applied", bridge);
    }
    let mut watch = Watch::start(&daemon, newest(&daemon));
    buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    let associated = watch.until("associated", "203.0.113.100");
    let applied = watch.until("applied", "203.0.113.100");
    assert_eq!(detail(&applied, "generation"), detail(&associated, "generation"));
    assert_eq!(detail(&applied, "instance"), "web-1");
    buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    watch.until("moved", "203.0.113.100");
    assert_eq!(detail(&watch.until("applied", "203.0.113.100"), "instance"), "web-2");
    buoyctl(&daemon, "fip release 203.0.113.100");
    watch.until("released", "203.0.113.100");
    assert_eq!(detail(&watch.until("applied", "203.0.113.100"), "instance"), &Value::Null);
}

#[test]
fn ports_that_go_and_come_are_told() {
    let (lab, daemon) = associated();
    let mut watch = Watch::start(&daemon, newest(&daemon));
    lab.ovs_vsctl(["del-port", "br-int", "vm1"]);
    let down = watch.until("port_down", "vm1");
    assert_eq!((detail(&down, "bridge"), detail(&down, "reason")), (&"br-int".into(), &"removed".into()));
    lab.ovs_vsctl(["add-port", "br-int", "vm1"]);
    let up = watch.until("port_up", "vm1");
    assert_eq!((detail(&up, "bridge"), detail(&up, "reason")), (&"br-int".into(), &"added".into()));
    lab.node("vm1").run(["ip", "link", "set", "eth0", "down"]).expect_success();
    assert_eq!(detail(&watch.until("port_down", "vm1"), "reason"), "link");
    lab.node("vm1").run(["ip", "link", "set", "eth0", "up"]).expect_success();
    assert_eq!(detail(&watch.until("port_up", "vm1"), "reason"), "link");
}

#[test]
fn a_switch_that_goes_and_comes_is_told_and_drift_that_is_repaired() {
    let (lab, daemon) = associated();
    let mut watch = Watch::start(&daemon, newest(&daemon));
    lab.ovs_ofctl(["del-flows", "br-int", "table=40"]);
    let repaired = watch.until("drift_repaired", "br-int");
    assert!(detail(&repaired, "flows").as_u64() > Some(0), "{repaired}");
    // A connection that is asked for anew keeps the flows: the target changes, and is never absent.
    let target = lab.ovs_vsctl(["get-controller", "br-int"]).trim().to_owned();
    lab.ovs_vsctl(["set-controller", "br-int", "tcp:127.0.0.1:9"]);
    assert!(!detail(&watch.until("switch_disconnected", "br-int"), "reason").is_null());
    lab.ovs_vsctl(["set-controller", "br-int", &target]);
    watch.until("switch_connected", "br-int");
    let applied = watch.until("switch_applied", "br-int");
    assert!(detail(&applied, "generation").as_u64() > Some(0), "{applied}");
}

#[test]
fn a_claim_of_somebody_else_is_a_conflict_and_told_once() {
    let (lab, daemon) = associated();
    let mut watch = Watch::start(&daemon, newest(&daemon));
    let foreign = MacAddr::new([2, 0, 0, 0, 0, 0x66]);
    let claim = ethernet(MacAddr::BROADCAST, foreign, &arp(1, foreign, FLOATING_IP, FLOATING_IP));
    inject(&lab.node("client"), "eth0", std::slice::from_ref(&claim));
    let conflict = watch.until("conflict", "203.0.113.100");
    assert_eq!(detail(&conflict, "mac"), "02:00:00:00:00:66");
    assert_eq!((detail(&conflict, "provider"), detail(&conflict, "instance")), (&"lan".into(), &"web-1".into()));
    let provider = until_provider(&daemon, |own| {
        inject(&lab.node("client"), "eth0", std::slice::from_ref(&claim));
        own.get("conflicts").and_then(Value::as_u64) >= Some(3)
    });
    assert_eq!(provider.get("guard_alarms"), Some(&0.into()), "{provider}");
    buoyctl(&daemon, "fip set 203.0.113.100 --note x");
    watch.until("address_changed", "203.0.113.100");
    let told = watch.told.iter().filter(|event| event.get("kind") == Some(&"conflict".into())).count();
    assert_eq!(told, 1, "{:#?}", watch.told);
}

#[test]
fn a_frame_that_the_guard_keeps_is_an_alarm_and_told_once() {
    let (lab, daemon) = associated();
    let mut watch = Watch::start(&daemon, newest(&daemon));
    // Past all other stages, as a mistake in them would be: a foreign MAC with an address of ours.
    let frame = "0200cb007101020000000066080045000014000000004001b5f2cb007164c633640a";
    let words = format!("in_port=LOCAL,packet={frame},actions=set_field:1->reg0,set_field:2->reg1,resubmit(,50)");
    for _ in 0..5 {
        lab.ovs_ofctl(["packet-out", "br-ex", &words]);
    }
    let alarm = watch.until("guard_alarm", "lan");
    let wanted = json!({
        "bridge": "br-ex", "port": "br-ex", "mac": "02:00:00:00:00:66", "ethertype": "0x0800",
        "address": "203.0.113.100", "frames": 1,
    });
    assert_eq!(alarm.get("detail"), Some(&wanted));
    until_provider(&daemon, |own| own.get("guard_alarms").and_then(Value::as_u64) == Some(5));
    buoyctl(&daemon, "fip set 203.0.113.100 --note x");
    watch.until("address_changed", "203.0.113.100");
    let told = watch.told.iter().filter(|event| event.get("kind") == Some(&"guard_alarm".into())).count();
    assert_eq!(told, 1, "{:#?}", watch.told);
}

#[test]
fn a_restart_is_told_and_the_numbers_go_on() {
    let (_lab, mut daemon) = associated();
    let before = newest(&daemon);
    daemon.kill9();
    daemon.start_again();
    let mut watch = Watch::start(&daemon, before);
    watch.until("daemon_started", "buoyd");
    for bridge in ["br-ex", "br-int"] {
        let mut watch = Watch::start(&daemon, before);
        watch.until("switch_connected", bridge);
        watch.until("switch_applied", bridge);
    }
    assert_eq!(switch(&daemon, "br-int").get("applied"), Some(&true.into()));
}

/// The newest event until now.
#[track_caller]
fn newest(daemon: &Daemon) -> u64 {
    let mut stream = UnixStream::connect(daemon.socket()).expect("the daemon serves its socket");
    writeln!(stream, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "watch.start"})).expect("the daemon reads");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("the daemon answers");
    let answer: Value = serde_json::from_str(&line).expect("JSON");
    answer.pointer("/result/newest").and_then(Value::as_u64).unwrap_or_else(|| panic!("{answer}"))
}

#[track_caller]
fn until_provider(daemon: &Daemon, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(LONG, "the provider shows it", || {
        let provider = buoyctl(daemon, "provider show lan");
        holds(&provider).then_some(provider)
    })
}
