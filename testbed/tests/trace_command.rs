//! `buoyctl trace` beside what a real switch does.

use buoy_testbed::probe::inject::ethernet;
use buoy_testbed::probe::{Capture, eventually, inject};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::FROM_US;
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;
use etherparse::PacketBuilder;
use serde_json::Value;

const GUEST: MacAddr = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);

fn field<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A lab in which web-1 reaches the world: the gateway has answered.
fn reachable() -> (Lab, Daemon) {
    let (lab, daemon) = associated();
    for source in ["", " --installed"] {
        eventually(SOON, "the gateway is known", || {
            let trace = buoyctl(&daemon, &format!("trace --from web-1 --to 198.51.100.10{source}"));
            (field(&trace, "/verdict/result") == "delivered").then_some(())
        });
    }
    (lab, daemon)
}

#[test]
fn desired_and_installed_say_the_same_of_a_packet() {
    let (_lab, daemon) = reachable();
    for (words, result, says) in [
        ("--from web-1 --to 198.51.100.10", "delivered", "provider lan gets it by uplink0"),
        ("--from web-1 --to 203.0.113.100", "delivered", "instance web-1 gets it"),
        ("--from gateway --source 198.51.100.10 --to 203.0.113.100 --proto tcp", "delivered", "instance web-1 gets it"),
        ("--from host --to 203.0.113.100", "delivered", "instance web-1 gets it"),
        ("--from gateway --to 203.0.113.101", "dropped", "to an address that is not associated"),
        ("--from web-2 --to 198.51.100.10", "dropped", "from an instance without a floating IP"),
        ("--from br-int:vm1 --source 10.0.0.12 --to 198.51.100.10", "dropped", "forged source address"),
        // The host with a MAC that is not its own.
        ("--from br-ex:LOCAL --bytes 0200cb0071010200000000990800", "dropped", "a MAC that is not its own"),
    ] {
        let desired = buoyctl(&daemon, &format!("trace {words}"));
        let installed = buoyctl(&daemon, &format!("trace {words} --installed"));
        assert_eq!(field(&desired, "/verdict/result"), result, "{words}: {desired:#}");
        assert!(field(&desired, "/verdict/sentence").contains(says), "{words}: {desired:#}");
        for part in ["/verdict", "/stages", "/bytes", "/assumed"] {
            assert_eq!(desired.pointer(part), installed.pointer(part), "{words}");
        }
        assert_eq!(installed.pointer("/installed"), Some(&true.into()), "{installed:#}");
    }
    let output = daemon.buoyctl(["trace", "--from", "br-int:vm9", "--to", "10.0.0.1"]);
    assert_eq!(output.code(), 3, "{output}");
}

#[test]
fn a_flow_of_somebody_else_is_seen_in_what_is_installed_alone() {
    let (lab, daemon) = reachable();
    lab.ovs_ofctl(["add-flow", "br-int", "table=20,priority=60000,ip,nw_dst=198.51.100.10,actions=drop"]);
    let words = "trace --from web-1 --to 198.51.100.10";
    let installed = buoyctl(&daemon, &format!("{words} --installed"));
    assert_eq!(field(&installed, "/verdict/result"), "dropped", "{installed:#}");
    let last = installed.pointer("/stages").and_then(Value::as_array).and_then(|own| own.last()).expect("stages");
    assert_eq!((last.pointer("/owner"), last.pointer("/table")), (Some(&Value::Null), Some(&20.into())), "{last:#}");
    assert_eq!(field(&buoyctl(&daemon, words), "/verdict/result"), "delivered");
}

/// Frames of web-1 to the station behind the router, each known by its IPv4 identification.
fn frames(gateway: MacAddr) -> Vec<Vec<u8>> {
    let ip = || PacketBuilder::ipv4([10, 0, 0, 11], [198, 51, 100, 10], 64);
    let mut packets = Vec::new();
    let mut add = |packet: Vec<u8>| packets.push(packet);
    for body in [&b""[..], b"x", b"odd", b"some more of it"] {
        let mut udp = Vec::new();
        ip().udp(4_000, 9).write(&mut udp, body).expect("a vector takes all bytes");
        add(udp.clone());
        // Without a checksum.
        udp.get_mut(26..28).expect("a UDP header").fill(0);
        add(udp);
        let mut tcp = Vec::new();
        ip().tcp(4_000, 9, 7, 100).write(&mut tcp, body).expect("a vector takes all bytes");
        add(tcp);
        let mut echo = Vec::new();
        ip().icmpv4_echo_request(1, 1).write(&mut echo, body).expect("a vector takes all bytes");
        add(echo);
    }
    // GRE, ESP, SCTP; first and later fragments of TCP and UDP.
    for (proto, place) in
        [(47, 0), (50, 0), (132, 0), (6, 0x2000), (17, 0x2000), (6, 0x2003), (17, 0x2003), (17, 0x0003)]
    {
        let mut packet = vec![0x45, 0, 0, 60, 0, 0];
        packet.extend(u16::to_be_bytes(place));
        packet.extend([64, proto, 0x12, 0x34, 10, 0, 0, 11, 198, 51, 100, 10]);
        packet.extend((0..40_u8).map(|byte| byte.wrapping_mul(37)));
        add(packet);
    }
    let frame = |(id, mut packet): (u16, Vec<u8>)| {
        packet.get_mut(4..6).expect("an IPv4 header").copy_from_slice(&id.to_be_bytes());
        packet.splice(0..0, [0x08, 0x00]);
        let mut frame = ethernet(gateway, GUEST, &packet);
        frame.resize(frame.len().max(60), 0);
        frame
    };
    (1..).zip(packets).map(frame).collect()
}

#[test]
fn the_bytes_on_the_wire_are_those_that_the_trace_says() {
    let (lab, daemon) = reachable();
    let network = buoyctl(&daemon, "network show blue");
    let gateway: MacAddr = field(&network, "/gateway_mac").parse().expect("a MAC");
    let frames = frames(gateway);
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    inject(&lab.node("vm1"), "eth0", &frames);
    let mut differences = Vec::new();
    for (id, frame) in (1_u16..).zip(&frames) {
        let is_it =
            |bytes: &[u8]| bytes.get(12..14) == Some(&[0x08, 0x00]) && bytes.get(18..20) == Some(&id.to_be_bytes()[..]);
        let seen = capture.wait_for(SOON, "frame of the guest", |own| is_it(&own.bytes));
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let trace = buoyctl(&daemon, &format!("trace --from br-int:vm1 --bytes {hex}"));
        let seen: String = seen.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if field(&trace, "/verdict/bytes") != seen {
            differences.push(format!("sent {hex}\nsaid {}\nseen {seen}", field(&trace, "/verdict/bytes")));
        }
    }
    println!("{} frames compared", frames.len());
    assert!(differences.is_empty(), "{} of {}\n{}", differences.len(), frames.len(), differences.join("\n\n"));
}
