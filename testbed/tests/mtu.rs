//! A provider that takes shorter packets than the guests' interfaces do: they are told, and go on.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::frame::Frame;
use buoy_testbed::probe::{Capture, eventually, inject, ping, tcp_exchange, tcp_server};
use buoy_testbed::scenario::{associated, buoyctl, switch};
use buoy_testbed::site::{FLOATING_IP, REMOTE};
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;
use etherparse::{IpHeaders, IpNumber, Ipv4Header, PacketBuilder, VlanId};

/// Long enough for what is done again after a while.
const LATE: Duration = Duration::from_secs(30);

fn narrow() -> (Lab, Daemon) {
    let (lab, daemon) = associated();
    let provider = buoyctl(&daemon, "provider set lan --mtu 1400");
    assert_eq!(provider.get("mtu"), Some(&1_400.into()), "{provider}");
    assert_eq!(provider.get("applied"), Some(&true.into()), "{provider}");
    assert_eq!(switch(&daemon, "br-int").get("limits"), Some(&serde_json::json!([])));
    (lab, daemon)
}

/// What one ping of an IPv4 packet of this length says: on stdout, or in what the kernel knew already.
fn probe(lab: &Lab, node: &str, to: Ipv4Addr, length: u32, fragments: &str) -> String {
    let (size, to) = ((length - 28).to_string(), to.to_string());
    let output = lab.node(node).run(["ping", "-n", "-c", "1", "-W", "2", "-M", fragments, "-s", &size, &to]);
    format!("{}{}", output.stdout, output.stderr)
}

/// A packet that must not be cut gets there whole.
#[track_caller]
fn passes(lab: &Lab, node: &str, to: Ipv4Addr, length: u32) {
    let whole = format!("{} bytes from {to}", length - 20);
    eventually(LATE, &format!("{whole}, to {node}"), || {
        forget_paths(lab, node);
        probe(lab, node, to, length, "do").contains(&whole).then_some(())
    });
}

fn forget_paths(lab: &Lab, node: &str) {
    lab.node(node).run(["ip", "route", "flush", "cache"]).expect_success();
}

#[test]
fn what_is_longer_is_told_the_right_length_and_what_is_not_passes() {
    let (lab, daemon) = narrow();
    eventually(LATE, "the gateway is known", || ping(&lab.node("vm1"), REMOTE, 1).is_complete().then_some(()));
    passes(&lab, "vm1", REMOTE, 1_400);
    let capture = Capture::start(&lab.node("vm1"), "eth0", "icmp[icmptype] == icmp-unreach");
    let told = eventually(LATE, "the answer", || {
        forget_paths(&lab, "vm1");
        let said = probe(&lab, "vm1", REMOTE, 1_401, "do");
        said.contains("From 10.0.0.1").then_some(said)
    });
    assert!(told.contains("From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)"), "{told}");
    // The packet is quoted as it was sent: length, time to live, addresses.
    let error = capture.wait_for(LATE, "the error", |frame| frame.ip.is_some());
    drop(capture);
    let quoted = error.bytes.get(14 + 20 + 8..).expect("a quoted packet");
    assert_eq!(quoted.get(2..4), Some(&1_401_u16.to_be_bytes()[..]));
    assert_eq!(quoted.get(8), Some(&64));
    assert_eq!(quoted.get(12..20), Some(&[10, 0, 0, 11, 198, 51, 100, 10][..]));
    let words =
        quoted.get(..20).expect("a header").chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum = words.sum::<u32>();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "the checksum of the quoted header");

    // Who allows fragments is not told, and the packet is counted.
    forget_paths(&lab, "vm1");
    let lost = probe(&lab, "vm1", REMOTE, 1_401, "dont");
    assert!(lost.contains("100% packet loss") && !lost.contains("From"), "{lost}");
    eventually(LATE, "the drop is counted", || {
        let rows = buoyctl(&daemon, "drops");
        let of_it = rows.as_array()?.iter().find(|row| row["reason"] == "longer than the provider's MTU")?;
        (of_it["packets"].as_u64()? >= 2).then_some(())
    });
    let length = u16::to_be_bytes(1_401);
    let header = [&[0x45, 0][..], &length, &[0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 11, 198, 51, 100, 10]].concat();
    let gateway = buoyctl(&daemon, "network show blue")["gateway_mac"].as_str().expect("a MAC").replace(':', "");
    let packet: String = header.iter().map(|byte| format!("{byte:02x}")).collect();
    let frame = format!("{gateway}02000a00000b0800{packet}{}", "00".repeat(1_381));
    let trace = buoyctl(&daemon, &format!("trace --from br-int:vm1 --bytes {frame}"));
    assert_eq!(trace["verdict"]["sentence"], "longer than the provider's MTU, in table 65 (size) of br-int");
    let stages = trace["stages"].as_array().expect("stages");
    let said = |stage: &serde_json::Value| stage["sentence"].as_str().unwrap_or_default().to_owned();
    assert!(stages.iter().any(|own| said(own).starts_with("its 1415 bytes are more than 1414")), "{stages:#?}");
    // What does not leave for the provider is not measured.
    buoyctl(&daemon, "fip associate 203.0.113.101 web-2");
    for to in [Ipv4Addr::new(203, 0, 113, 101), FLOATING_IP, Ipv4Addr::new(10, 0, 0, 12)] {
        passes(&lab, "vm1", to, 1_500);
    }
    passes(&lab, "remote", FLOATING_IP, 1_400);
    buoyctl(&daemon, "provider set lan --mtu none");
    passes(&lab, "vm1", REMOTE, 1_500);
}

#[test]
fn a_transfer_learns_the_length_on_the_way() {
    let (lab, mut daemon) = narrow();
    buoyctl(&daemon, "provider set lan --no-snat 198.51.100.10/32");
    lab.node("router").run("ip route add 10.0.0.0/24 via 203.0.113.2".split(' ')).expect_success();
    let _servers = ["remote", "client"].map(|node| tcp_server(&lab.node(node), 8_080));
    let payload = "x".repeat(60_000);
    // To the one with the floating IP, to the other with the fixed one.
    for (to, seen) in [(Ipv4Addr::new(203, 0, 113, 50), FLOATING_IP), (REMOTE, Ipv4Addr::new(10, 0, 0, 11))] {
        let done = tcp_exchange(&lab.node("vm1"), to, 8_080, &payload, LATE).expect("it completes");
        assert_eq!((done.reply.len(), done.peer.ip()), (payload.len(), seen.into()));
        let known = lab.node("vm1").run(["ip", "route", "get", &to.to_string()]);
        assert!(known.stdout.contains("mtu 1400"), "{known:?}");
    }
    // The answers are the daemon's.
    daemon.kill9();
    forget_paths(&lab, "vm1");
    assert!(probe(&lab, "vm1", REMOTE, 1_401, "do").contains("100% packet loss"));
}

/// A datagram that must not be cut, of an instance behind a trunk.
fn tagged(gateway: MacAddr, length: usize) -> Vec<u8> {
    let (from, guest) = (Ipv4Addr::new(10, 0, 0, 13), MacAddr::new([2, 0, 0x0a, 0, 0, 0x0d]));
    let ip = Ipv4Header::new(0, 64, IpNumber::UDP, from.octets(), REMOTE.octets()).expect("it is short");
    let ip = Ipv4Header { dont_fragment: true, ..ip };
    let builder = PacketBuilder::ethernet2(guest.octets(), gateway.octets());
    let builder = builder.single_vlan(VlanId::try_new(42).expect("it is one"));
    let mut frame = Vec::new();
    let udp = builder.ip(IpHeaders::Ipv4(ip, Default::default())).udp(4_000, 9);
    udp.write(&mut frame, &vec![0; length - 28]).expect("a vector takes all bytes");
    frame
}

#[test]
fn the_tag_of_a_trunk_does_not_count() {
    let (lab, daemon) = narrow();
    buoyctl(&daemon, "instance add trunked --network blue --port vm3 --mac 02:00:0a:00:00:0d --ip 10.0.0.13 --vlan 42");
    buoyctl(&daemon, "fip associate 203.0.113.103 trunked");
    eventually(LATE, "the gateway is known", || ping(&lab.node("vm1"), REMOTE, 1).is_complete().then_some(()));
    let network = buoyctl(&daemon, "network show blue");
    let gateway: MacAddr = network["gateway_mac"].as_str().and_then(|own| own.parse().ok()).expect("a MAC");
    let beyond = Capture::start(&lab.node("lan"), "server", "udp and src host 203.0.113.103");
    let inside = Capture::start(&lab.node("vm3"), "eth0", "");
    inject(&lab.node("vm3"), "eth0", &[tagged(gateway, 1_401), tagged(gateway, 1_400)]);
    // They pass in their order: what did not come before the second does not come.
    beyond.wait_for(LATE, "the one that fits", |frame| frame.bytes.get(16..18) == Some(&1_400_u16.to_be_bytes()));
    let is_told =
        |frame: &Frame| frame.vlans == [42] && frame.bytes.windows(4).any(|own| own == [0x05, 0x78, 0x45, 0x00]);
    inside.wait_for(LATE, "the answer about the other one", is_told);
    assert_eq!(beyond.stop().len(), 1);
}
