//! `buoyctl trace` beside what a real switch does.

use std::time::Duration;

use buoy_testbed::probe::inject::ethernet;
use buoy_testbed::probe::{Capture, eventually, inject};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::FROM_US;
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;
use etherparse::PacketBuilder;
use serde_json::Value;

/// Long enough on a machine that does much else.
const LATE: Duration = Duration::from_secs(30);
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

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("it is ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}

#[test]
fn of_a_connection_the_trace_says_what_the_switch_does() {
    let (lab, daemon) = reachable();
    // Of one port there is nothing to choose.
    buoyctl(&daemon, "provider set lan --snat 203.0.113.110:20000-20000");
    let words = "trace --from web-2 --to 198.51.100.10 --proto udp --ct-state";
    let traces = ["new", "est", "rpl", "rel"].map(|state| {
        let [desired, installed] =
            ["", " --installed"].map(|source| buoyctl(&daemon, &format!("{words} {state}{source}")));
        for part in ["/verdict", "/stages", "/bytes", "/ct_state"] {
            assert_eq!(desired.pointer(part), installed.pointer(part), "{state}");
        }
        desired
    });
    let states = traces.each_ref().map(|own| field(own, "/ct_state"));
    assert_eq!(states, ["new|trk|snat", "est|trk|snat", "est|rpl|trk|dnat", "rel|rpl|trk|dnat"]);
    let results = traces.each_ref().map(|own| field(own, "/verdict/result"));
    assert_eq!(results, ["delivered", "delivered", "delivered", "controller"]);
    let [first, later, answer, error] = &traces;
    assert!(first.pointer("/notices").is_some_and(|own| own.to_string().contains("--ct-state")), "{first:#}");
    assert_eq!(field(answer, "/verdict/to"), "instance web-2", "{answer:#}");
    assert!(field(answer, "/packet").starts_with("udp 198.51.100.10:80 > 203.0.113.110:20000 "), "{answer:#}");

    let (vm2, lan) = (lab.node("vm2"), lab.node("lan"));
    let outside = Capture::start(&lan, "server", "udp and src host 203.0.113.110");
    let inside = Capture::start(&vm2, "eth0", "src host 198.51.100.10 and (udp or icmp[icmptype] == 11)");
    // The station itself refuses what it gets, which is no time exceeded.
    for (count, trace, from, to) in [
        (1, first, (&vm2, "eth0"), &outside),
        (1, answer, (&lan, "server"), &inside),
        (2, later, (&vm2, "eth0"), &outside),
    ] {
        inject(from.0, from.1, &[bytes(field(trace, "/bytes"))]);
        let seen = eventually(LATE, "the packet is there", || to.frames().get(count - 1).cloned());
        assert_eq!(seen.bytes, bytes(field(trace, "/verdict/bytes")), "{trace:#}");
    }
    inject(&lan, "server", &[bytes(field(error, "/bytes"))]);
    let seen = eventually(LATE, "the error is there", || inside.frames().get(1).cloned());
    // It quotes what the guest sent, after one hop.
    let (sent, quoted) = (bytes(field(first, "/bytes")), seen.bytes.get(42..).expect("a packet is quoted"));
    let header = etherparse::Ipv4HeaderSlice::from_slice(quoted).expect("an IPv4 header").to_header();
    assert_eq!((header.source, header.destination, header.time_to_live), ([10, 0, 0, 12], [198, 51, 100, 10], 63));
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    assert_eq!(quoted.get(20..), sent.get(34..));
}

#[test]
fn a_packet_that_leaves_by_no_port_has_no_connection() {
    let (_lab, daemon) = associated();
    for words in ["--from web-2 --to 198.51.100.10", "--from gateway --to 203.0.113.101"] {
        let output = daemon.buoyctl(format!("trace {words} --ct-state reply").split(' '));
        assert_eq!(output.code(), 2, "{output}");
        assert!(output.stderr.contains("leaves by no port"), "{output}");
    }
}
