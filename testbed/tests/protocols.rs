//! Every protocol passes the 1:1 rewrite unharmed: what arrives is what was sent, with another address and a lower time
//! to live, and with the checksums that a sender with that address would have written. Compared byte by byte.

use std::net::Ipv4Addr;

use buoy_testbed::Lab;
use buoy_testbed::datapath::Datapath;
use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::inject::ethernet;
use buoy_testbed::probe::{Capture, eventually, inject, ping};
use buoy_testbed::scenario::{SOON, associated, buoyctl};
use buoy_testbed::site::{FLOATING_IP, REGISTERED_MAC, REMOTE};
use buoy_topology::MacAddr;
use etherparse::{IpNumber, Ipv4Header, TcpHeader, UdpHeader};
use serde_json::Value;

const FIXED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
const GUEST_MAC: MacAddr = MacAddr::new([2, 0, 0x0a, 0, 0, 0x0b]);
const ROUTER_MAC: MacAddr = MacAddr::new([2, 0, 0xcb, 0, 0x71, 1]);
/// IANA protocol numbers.
const ICMP: u8 = 1;
const IGMP: u8 = 2;
const IPIP: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AH: u8 = 51;
const SCTP: u8 = 132;
const EXPERIMENT: u8 = 253;

/// A packet as a sender means it, with any addresses.
#[derive(Clone, Debug)]
struct Packet {
    what: String,
    protocol: u8,
    options: Vec<u8>,
    body: Body,
    /// Which bytes of the payload this fragment has; all of it where the packet is whole.
    fragment: Option<std::ops::Range<usize>>,
}

#[derive(Clone, Debug)]
enum Body {
    /// The same whatever the addresses are.
    Plain(Vec<u8>),
    /// A segment with a checksum over the addresses.
    Tcp(Vec<u8>),
    /// A datagram with one.
    Udp(Vec<u8>),
}

impl Packet {
    fn new(what: impl Into<String>, protocol: u8, body: Body) -> Self {
        Self { what: what.into(), protocol, options: Vec::new(), body, fragment: None }
    }

    fn payload(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let (source, destination) = (source.octets(), destination.octets());
        match &self.body {
            Body::Plain(bytes) => bytes.clone(),
            Body::Tcp(data) => {
                let mut header = TcpHeader::new(4_096, 4_097, 7, 512);
                header.syn = true;
                header.set_options_raw(&[2, 4, 5, 0xb4, 1, 3, 3, 7]).expect("they are short");
                let sum = header.calc_checksum_ipv4_raw(source, destination, data);
                header.checksum = sum.expect("it is short");
                [&header.to_bytes()[..], data].concat()
            }
            Body::Udp(data) => {
                let length = u16::try_from(8 + data.len()).expect("it is short");
                let mut header = UdpHeader { source_port: 4_096, destination_port: 4_097, length, checksum: 0 };
                let sum = header.calc_checksum_ipv4_raw(source, destination, data);
                header.checksum = sum.expect("it is short");
                [&header.to_bytes()[..], data].concat()
            }
        }
    }

    /// The packet with these addresses and this time to live; the identification tells it from others.
    fn bytes(&self, id: u16, source: Ipv4Addr, destination: Ipv4Addr, ttl: u8) -> Vec<u8> {
        let payload = self.payload(source, destination);
        let part = self.fragment.clone().unwrap_or(0..payload.len());
        let more_fragments = part.end < payload.len();
        let offset = u16::try_from(part.start / 8).expect("it is short");
        let data = payload.get(part).expect("a part of it").to_vec();
        let mut header = Ipv4Header {
            identification: id,
            dont_fragment: self.fragment.is_none(),
            more_fragments,
            fragment_offset: offset.try_into().expect("it is short"),
            dscp: 10.try_into().expect("six bits"),
            ecn: etherparse::IpEcn::ONE,
            options: self.options.as_slice().try_into().expect("a multiple of four"),
            ..Ipv4Header::new(0, ttl, IpNumber(self.protocol), source.octets(), destination.octets()).expect("short")
        };
        header.total_len = u16::try_from(header.header_len() + data.len()).expect("it is short");
        header.header_checksum = header.calc_header_checksum();
        [&header.to_bytes()[..], &data].concat()
    }

    /// Two bytes that a switch may harm: the userspace datapath of Open vSwitch changes a checksum where there is none, in
    /// the data of later fragments of TCP and UDP. The kernel's does not.
    fn harmed(&self, datapath: Datapath) -> Option<std::ops::Range<usize>> {
        let is_later = self.fragment.as_ref().is_some_and(|part| part.start > 0);
        let at = match self.protocol {
            TCP => 16,
            UDP => 6,
            _ => return None,
        };
        let at = 20 + self.options.len() + at;
        (is_later && datapath != Datapath::System).then_some(at..at + 2)
    }

    /// Whether a frame has this packet as it should be.
    fn is_in(&self, frame: &[u8], expected: &[u8], datapath: Datapath) -> bool {
        let mut packet = frame.get(14..).unwrap_or_default().to_vec();
        if let Some(harmed) = self.harmed(datapath)
            && let (Some(bytes), Some(right)) = (packet.get_mut(harmed.clone()), expected.get(harmed))
        {
            bytes.copy_from_slice(right);
        }
        packet == expected
    }

    /// The packet in fragments of so many bytes, the last first: nobody promises an order.
    fn fragments(self, size: usize) -> impl Iterator<Item = Self> {
        let length = self.payload(FIXED, REMOTE).len();
        let starts: Vec<_> = (0..length).step_by(size).collect();
        starts.into_iter().rev().map(move |start| {
            let what = format!("{} from byte {start}", self.what);
            Self { what, fragment: Some(start..length.min(start + size)), ..self.clone() }
        })
    }
}

/// Bytes that tell their places.
fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect()
}

/// A datagram without a checksum (RFC 768).
fn without_checksum(length: usize) -> Body {
    let header = UdpHeader { source_port: 4_096, destination_port: 4_097, length: 0, checksum: 0 };
    let length_field = u16::try_from(8 + length).expect("it is short");
    Body::Plain([&UdpHeader { length: length_field, ..header }.to_bytes()[..], &data(length)].concat())
}

/// An echo reply: nobody answers it.
fn echo_reply(length: usize) -> Body {
    let header = etherparse::Icmpv4Header::with_checksum(
        etherparse::Icmpv4Type::EchoReply(etherparse::IcmpEchoHeader { id: 7, seq: 1 }),
        &data(length),
    );
    Body::Plain([&header.to_bytes()[..], &data(length)].concat())
}

/// A datagram whose checksum becomes zero by the rewrite, and so has to be written as 0xffff.
fn checksum_of_zero(source: Ipv4Addr, destination: Ipv4Addr) -> Body {
    let sum = |filler: u16| {
        let data = filler.to_be_bytes();
        let header = UdpHeader { source_port: 4_096, destination_port: 4_097, length: 10, checksum: 0 };
        header.calc_checksum_ipv4_raw(source.octets(), destination.octets(), &data).expect("it is short")
    };
    let filler = (0..=u16::MAX).find(|filler| sum(*filler) == 0xffff).expect("each sum has its filler");
    Body::Udp(filler.to_be_bytes().to_vec())
}

/// Packets of all kinds. `source` and `destination` are the addresses after the rewrite.
fn all_kinds(source: Ipv4Addr, destination: Ipv4Addr) -> Vec<Packet> {
    let mut packets = vec![Packet::new("UDP with a sum of zero", UDP, checksum_of_zero(source, destination))];
    for length in [0, 1, 2, 3, 17, 1_400] {
        let named = |name| format!("{name} with {length} bytes");
        packets.push(Packet::new(named("TCP"), TCP, Body::Tcp(data(length))));
        packets.push(Packet::new(named("UDP"), UDP, Body::Udp(data(length))));
        packets.push(Packet::new(named("UDP without a checksum"), UDP, without_checksum(length)));
        packets.push(Packet::new(named("ICMP"), ICMP, echo_reply(length)));
    }
    for (name, protocol) in
        [("SCTP", SCTP), ("GRE", GRE), ("ESP", ESP), ("AH", AH), ("IGMP", IGMP), ("IPIP", IPIP), ("253", EXPERIMENT)]
    {
        for length in [0, 12, 61, 1_480] {
            packets.push(Packet::new(format!("{name} with {length} bytes"), protocol, Body::Plain(data(length))));
        }
    }
    for words in 1..=10 {
        // No operation as often as there is room, and the end of the list.
        let options: Vec<u8> = std::iter::repeat_n(1, words * 4 - 1).chain([0]).collect();
        for (name, protocol, body) in [("TCP", TCP, Body::Tcp(data(33))), ("UDP", UDP, Body::Udp(data(33)))] {
            let what = format!("{name} with {} bytes of options", options.len());
            packets.push(Packet { options: options.clone(), ..Packet::new(what, protocol, body) });
        }
    }
    for (name, protocol, body) in [
        ("TCP fragment", TCP, Body::Tcp(data(3_500))),
        ("UDP fragment", UDP, Body::Udp(data(3_500))),
        ("UDP fragment without a checksum", UDP, without_checksum(3_500)),
        ("ICMP fragment", ICMP, echo_reply(3_500)),
        ("SCTP fragment", SCTP, Body::Plain(data(3_500))),
    ] {
        packets.extend(Packet::new(name, protocol, body).fragments(1_480));
    }
    packets
}

/// One direction through the rewrite.
struct Way<'a> {
    from: (&'a str, &'a str),
    to: (&'a str, &'a str),
    macs: (MacAddr, MacAddr),
    sent: (Ipv4Addr, Ipv4Addr),
    seen: (Ipv4Addr, Ipv4Addr),
}

impl Way<'_> {
    #[track_caller]
    fn assert_unharmed(&self, lab: &Lab, packets: &[Packet]) {
        let (node, interface) = self.to;
        let capture = Capture::start(&lab.node(node), interface, "ip");
        let datapath = lab.namespaces().datapath;
        let numbered = || (0x4000..).zip(packets);
        let (from, to) = self.macs;
        let frames = numbered().map(|(id, packet)| {
            let bytes = packet.bytes(id, self.sent.0, self.sent.1, 64);
            ethernet(to, from, &[&[0x08, 0x00], &bytes[..]].concat())
        });
        let frames: Vec<_> = frames.collect();
        let (node, interface) = self.from;
        for some in frames.chunks(20) {
            inject(&lab.node(node), interface, some);
        }
        for (id, packet) in numbered() {
            let expected = packet.bytes(id, self.seen.0, self.seen.1, 63);
            let seen =
                || capture.frames().into_iter().filter(|frame| frame.bytes.get(18..20) == Some(&id.to_be_bytes()));
            let arrived = || seen().any(|frame| packet.is_in(&frame.bytes, &expected, datapath));
            let end = std::time::Instant::now() + SOON;
            while !arrived() {
                let instead: Vec<_> = seen().map(|frame| hex(frame.bytes.get(14..).unwrap_or_default())).collect();
                let listing = listing(&seen().collect::<Vec<_>>());
                let (what, expected) = (&packet.what, hex(&expected));
                assert!(std::time::Instant::now() < end, "{what}: {expected}\nnot in\n{instead:#?}\n{listing}");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        capture.stop();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(80).map(|byte| format!("{byte:02x}")).collect()
}

/// Out of the instance and into it, between the instance's interface and the provider's router.
fn ways(gateway_mac: MacAddr) -> [Way<'static>; 2] {
    let (guest, router) = (("vm1", "eth0"), ("router", "lan0"));
    let out = Way {
        from: guest,
        to: router,
        macs: (GUEST_MAC, gateway_mac),
        sent: (FIXED, REMOTE),
        seen: (FLOATING_IP, REMOTE),
    };
    let macs = (ROUTER_MAC, REGISTERED_MAC.parse().expect("a MAC"));
    [out, Way { from: router, to: guest, macs, sent: (REMOTE, FLOATING_IP), seen: (REMOTE, FIXED) }]
}

/// A site that is in use, and the MAC of the network's gateway.
fn in_use() -> (Lab, buoy_testbed::Daemon, MacAddr) {
    let (lab, daemon) = associated();
    let gateway_mac = buoyctl(&daemon, "network show blue").get("gateway_mac").and_then(Value::as_str).map(str::parse);
    let remote = lab.node("remote");
    eventually(SOON, "the floating IP answers", || ping(&remote, FLOATING_IP, 1).is_complete().then_some(()));
    (lab, daemon, gateway_mac.expect("a gateway").expect("a MAC"))
}

#[test]
fn packets_of_all_kinds_pass_unharmed_in_both_directions() {
    let (lab, _daemon, gateway_mac) = in_use();
    for way in ways(gateway_mac) {
        way.assert_unharmed(&lab, &all_kinds(way.seen.0, way.seen.1));
    }
}

#[test]
fn jumbo_packets_pass_where_the_links_take_them() {
    let (lab, _daemon, gateway_mac) = in_use();
    let links = [
        ("vm1", "eth0"),
        ("host", "vm1"),
        ("host", "uplink0"),
        ("lan", "server"),
        ("lan", "router"),
        ("lan", "br0"),
        ("router", "lan0"),
    ];
    for (node, interface) in links {
        lab.node(node).run(["ip", "link", "set", interface, "mtu", "9000"]).expect_success();
    }
    let jumbo = [
        Packet::new("jumbo TCP", TCP, Body::Tcp(data(8_900))),
        Packet::new("jumbo UDP", UDP, Body::Udp(data(8_971))),
        Packet::new("jumbo ESP", ESP, Body::Plain(data(8_980))),
    ];
    for way in ways(gateway_mac) {
        way.assert_unharmed(&lab, &jumbo);
    }
}
