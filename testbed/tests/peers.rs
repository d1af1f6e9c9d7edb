//! Peers that are silent, slow or mad: each is dropped with a reason, and hurts no other switch.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON object lacks reads as null")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{
    BufferId, Cookie, ErrorMsg, Hello, Match, MatchField, Message, PacketIn, PacketInReason, PortReason, PortStatus,
    TableId, Xid,
};
use buoy_testbed::fake::fake_port;
use buoy_testbed::probe::eventually;
use buoy_testbed::scenario::{SOON, buoyctl};
use buoy_testbed::site::DECLARATION;
use buoy_testbed::{Daemon, FakeSwitch, Lab, Rpc};
use buoy_topology::{MacAddr, PortNo};
use bytes::{Bytes, BytesMut};
use serde_json::json;

/// A lab with a daemon that also listens on a Unix socket, where the mad ones come in.
fn site() -> (Lab, Daemon, PathBuf) {
    let lab = Lab::up("flat");
    let endpoint = ["--openflow", "unix:/run/buoy/openflow.sock"];
    let daemon = Daemon::start_with(&lab, buoy_testbed::daemon::STATE_DIR, &endpoint);
    lab.point_at_controller();
    for command in DECLARATION {
        assert_eq!(buoyctl(&daemon, command)["applied"], true, "{command}");
    }
    let socket = lab.path("/run/buoy/openflow.sock");
    (lab, daemon, socket)
}

/// Why the last peer on the Unix socket was dropped.
#[track_caller]
fn reason(daemon: &Daemon) -> String {
    eventually(SOON, "a reason in `switch list`", || {
        let listed = buoyctl(daemon, "switch list");
        let dropped = listed.as_array()?.iter().find(|own| own["address"] == "unix" && own["connected"] == false)?;
        dropped["error"].as_str().map(str::to_owned)
    })
}

/// Associates and takes away again, some times; returns the median time that one took.
#[track_caller]
fn association_time(daemon: &Daemon) -> Duration {
    let mut times: Vec<_> = (0..15)
        .map(|_| {
            let since = Instant::now();
            assert_eq!(buoyctl(daemon, "fip associate 203.0.113.100 web-1")["applied"], true);
            assert_eq!(buoyctl(daemon, "fip disassociate 203.0.113.100")["applied"], true);
            since.elapsed()
        })
        .collect();
    times.sort();
    times.swap_remove(7)
}

fn encoded(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    message.encode(Xid(1), &mut out).expect("it can be written");
    out
}

#[test]
fn garbage_is_dropped_with_a_reason() {
    let (_lab, daemon, socket) = site();
    let hello = encoded(&Message::Hello(Hello::ours()));
    let newer = encoded(&Message::Hello(Hello { version: 6, bitmap: Some(vec![1 << 6]) }));
    let incompatible = encoded(&Message::Error(ErrorMsg::incompatible("no")));
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("a length below the header's", vec![4, 0, 0, 4, 0, 0, 0, 1], "message of 4 bytes"),
        ("a web browser", b"GET / HTTP/1.1\r\nHost: controller\r\n\r\n".repeat(2_000), "version 0x47"),
        ("a features reply cut short", [&hello[..], &[4, 6, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0]].concat(), "cut short"),
        ("only OpenFlow 1.5", newer.to_vec(), "0x06"),
        ("finds us incompatible", incompatible.to_vec(), "OpenFlow"),
        ("a match longer than its message", [&hello[..], &packet_in_with_a_long_match()].concat(), "cut short"),
    ];
    for (what, bytes, expected) in cases {
        let mut peer = FakeSwitch::connect(&socket, "br-mad", 0xbad);
        // Whoever is dropped while it still writes gets an error, and may.
        let _ = peer.send_bytes(&bytes);
        assert!(peer.is_closed(SOON), "{what}: still open");
        let reason = reason(&daemon);
        assert!(reason.contains(expected), "{what}: {reason}");
    }
    association_time(&daemon);
}

/// A packet-in whose match claims more bytes than there are.
fn packet_in_with_a_long_match() -> Vec<u8> {
    let mut bytes = vec![4, 10, 0, 40, 0, 0, 0, 1];
    bytes.extend([0; 16]);
    bytes.extend([0, 1, 0xff, 0xff]);
    bytes.resize(40, 0);
    bytes
}

#[test]
fn peers_that_say_nothing_are_few_and_soon_gone() {
    let (_lab, daemon, socket) = site();
    let mut idle: Vec<_> = (0..200).map(|number| FakeSwitch::connect(&socket, "br-idle", number)).collect();
    let turned_away = eventually(SOON, "most are turned away", || {
        let gone = idle.iter_mut().filter_map(|peer| peer.is_closed(Duration::from_millis(1)).then_some(())).count();
        (gone >= 200 - 64).then_some(gone)
    });
    assert_eq!(turned_away, 200 - 64);
    association_time(&daemon);
    eventually(Duration::from_secs(20), "all are gone", || {
        idle.iter_mut().all(|peer| peer.is_closed(Duration::from_millis(1))).then_some(())
    });
    assert!(reason(&daemon).contains("did not finish the handshake within 10 s"), "{}", reason(&daemon));
    let mut late = FakeSwitch::connect(&socket, "br-late", 0x1a7e);
    late.become_ready();
    assert_eq!(buoyctl(&daemon, "switch show br-late")["connected"], true);
}

#[test]
fn a_message_that_never_ends_is_no_sign_of_life() {
    let (_lab, daemon, socket) = site();
    let mut peer = FakeSwitch::connect(&socket, "br-drip", 0xd21b);
    peer.become_ready();
    // The longest message there is, a byte at a time.
    peer.send_bytes(&[4, 10, 0xff, 0xff, 0, 0, 0, 1]).expect("the daemon reads");
    let since = Instant::now();
    while peer.send_bytes(&[0]).is_ok() && since.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(since.elapsed() < Duration::from_secs(25), "still open after {:?}", since.elapsed());
    assert!(reason(&daemon).contains("echo"), "{}", reason(&daemon));
}

#[test]
fn a_switch_that_floods_slows_no_other() {
    let (_lab, daemon, socket) = site();
    let quiet = association_time(&daemon);
    let mut peer = FakeSwitch::connect(&socket, "br-loud", 0x10ad);
    peer.become_ready();
    let packet = Message::PacketIn(PacketIn {
        buffer_id: BufferId::NONE,
        total_len: 1_500,
        reason: PacketInReason::Action,
        table: TableId(10),
        cookie: Cookie(0),
        matching: Match::new().with(MatchField::InPort(PortNo(1))),
        frame: Bytes::from(vec![0; 1_500]),
    });
    // A port whose MAC changes back and forth, which no budget holds up.
    let port = |last: u8| {
        Message::PortStatus(PortStatus {
            reason: PortReason::Modify,
            port: fake_port(MacAddr::new([2, 0, 0, 0, 1, last])),
        })
    };
    let echo = Message::EchoRequest(Bytes::new());
    let storm = [packet, echo, port(1), port(2)].map(|message| encoded(&message)).concat().repeat(50);
    let stop = AtomicBool::new(false);
    let (loud, sent) = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut sent = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                if peer.send_bytes(&storm).is_err() {
                    break;
                }
                sent += 200;
                // It reads what it asked for.
                while matches!(peer.receive(Duration::from_millis(1)), Ok(Some(_))) {}
            }
            sent
        });
        let loud = association_time(&daemon);
        stop.store(true, Ordering::Relaxed);
        (loud, flood.join().expect("the flood ends"))
    });
    println!("an association and back: {quiet:?} alone, {loud:?} beside {sent} messages of a flood");
    assert!(sent > 1_000, "the flood was none: {sent} messages");
    assert!(loud < quiet * 4, "{quiet:?} alone, {loud:?} beside a flood");
}

#[test]
fn a_switch_that_asks_and_does_not_read_is_dropped() {
    let (_lab, daemon, socket) = site();
    let mut peer = FakeSwitch::connect(&socket, "br-deaf", 0xdeaf);
    peer.become_ready();
    let storm = encoded(&Message::EchoRequest(Bytes::from(vec![7; 1_000]))).repeat(100);
    let since = Instant::now();
    while peer.send_bytes(&storm).is_ok() && since.elapsed() < SOON {}
    assert!(since.elapsed() < SOON, "still open");
    assert!(reason(&daemon).contains("asks for more answers than it reads"), "{}", reason(&daemon));
    association_time(&daemon);
}

#[test]
fn a_switch_that_reads_nothing_slows_only_itself() {
    let (_lab, daemon, socket) = site();
    let quiet = association_time(&daemon);
    let mut peer = FakeSwitch::connect(&socket, "br-slow", 0x510).with_port("trunk");
    peer.become_ready();
    // From here on it reads nothing, and there is much for it to read.
    let mut rpc = Rpc::connect(&daemon);
    rpc.call(
        "network.create",
        json!({"name": "slow", "cidr": "10.128.0.0/9", "gateway": "10.128.0.1", "wait": "store"}),
    );
    let before = daemon.memory();
    let instance = |number: u32| {
        let [.., high, low] = number.to_be_bytes();
        let params = json!({
            "name": format!("slow-{number}"), "network": "slow", "port": "trunk", "bridge": "br-slow",
            "vlan": number, "mac": format!("02:00:0b:00:{high:02x}:{low:02x}"), "ip": format!("10.128.{high}.{low}"),
            "wait": "store",
        });
        ("instance.add", params)
    };
    rpc.pipeline((256..4_000).map(instance));
    let waiting = buoyctl(&daemon, "switch show br-slow");
    assert_eq!((&waiting["connected"], &waiting["applied"]), (&true.into(), &false.into()), "{waiting}");
    let slow = association_time(&daemon);
    let grown = daemon.memory().saturating_sub(before) >> 20;
    println!("an association and back: {quiet:?} alone, {slow:?} beside one that reads nothing; {grown} MiB more");
    assert!(slow < quiet * 4, "{quiet:?} alone, {slow:?} beside one that reads nothing");
    assert!(grown < 100, "{grown} MiB for 3,744 instances");
    let reason = eventually(Duration::from_secs(50), "it is dropped", || {
        let listed = buoyctl(&daemon, "switch list");
        let slow = listed.as_array()?.iter().find(|own| own["bridge"] == "br-slow")?;
        slow["error"].as_str().filter(|_| slow["connected"] == false).map(str::to_owned)
    });
    assert!(reason.contains("did not read what it was sent") || reason.contains("echo"), "{reason}");
}

#[test]
fn a_switch_that_never_tells_its_flows_holds_nobody_up() {
    let (_lab, daemon, socket) = site();
    let mut peer = FakeSwitch::connect(&socket, "br-mute", 0x307e);
    peer.shake_hands();
    eventually(SOON, "it is connected", || {
        let listed = buoyctl(&daemon, "switch list");
        listed.as_array()?.iter().any(|own| own["bridge"] == "br-mute" && own["connected"] == true).then_some(())
    });
    association_time(&daemon);
    let released = buoyctl(&daemon, "fip release 203.0.113.100");
    assert_eq!((&released["applied"], &released["pending"]), (&true.into(), &json!([])), "{released}");
    assert_eq!(buoyctl(&daemon, "provider set lan --garp on")["applied"], true);
    assert_eq!(buoyctl(&daemon, "fip associate 203.0.113.100 web-2")["applied"], true, "it can be given out again");
}
