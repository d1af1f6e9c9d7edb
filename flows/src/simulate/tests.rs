use buoy_topology::{MacAddr, PortName, PortNo};
use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, PacketBuilder, PacketHeaders};

use super::trace::{MOST_LOOKUPS, MOST_NESTED};
use super::*;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, FieldId, MatchField, TableId};
use crate::pipeline::DropReason;

mod connections;

const GUEST: PortNo = PortNo(1);
const OTHER: PortNo = PortNo(2);

fn bridge(name: &str) -> PortName {
    name.parse().unwrap()
}

fn flow(table: u8, priority: u16) -> Flow {
    Flow::new(TableId(table), priority, Owner { feature: Feature::Admit, entity: 0 })
}

fn network(flows: impl IntoIterator<Item = Flow>) -> Network {
    let mut network = Network::default();
    network.add(bridge("br"), Switch::new(flows.into_iter().map(Entry::from), [GUEST, OTHER]));
    network
}

fn run(flows: impl IntoIterator<Item = Flow>, frame: &[u8]) -> Trace {
    network(flows).send(&bridge("br"), GUEST, frame)
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    builder.ipv4([10, 0, 0, 1], [203, 0, 113, 9], 64).udp(4_000, 53).write(&mut frame, payload).unwrap();
    frame
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    builder.ipv4([10, 0, 0, 1], [203, 0, 113, 9], 64).tcp(4_000, 80, 1, 1_000).write(&mut frame, payload).unwrap();
    frame
}

fn arp(operation: u16) -> Vec<u8> {
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        ArpOperation(operation),
        &[2, 0, 0, 0, 0, 1],
        &[10, 0, 0, 1],
        &[0; 6],
        &[10, 0, 0, 9],
    );
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [0xff; 6]).arp(packet.unwrap()).write(&mut frame).unwrap();
    frame
}

fn rewriting() -> Flow {
    let source = Action::SetField(MatchField::Ipv4Src(std::net::Ipv4Addr::new(198, 51, 100, 7).into()));
    let target = Action::SetField(MatchField::Ipv4Dst(std::net::Ipv4Addr::new(10, 9, 8, 7).into()));
    flow(0, 1).on(MatchField::EthType(0x0800)).apply([source, target, Action::DecNwTtl, Action::output(OTHER)])
}

/// The one frame that leaves, and where.
fn sent(trace: &Trace) -> (PortNo, Vec<u8>) {
    let all: Vec<_> = trace.sent().collect();
    let &[(_, port, frame)] = &*all else { panic!("{trace:#?}") };
    (port, frame.to_vec())
}

/// Ports and tables by their numbers.
struct Numbers;

impl Names for Numbers {
    fn port(&self, _: &PortName, port: PortNo) -> String {
        format!("port {port}")
    }

    fn table(&self, _: &PortName, table: TableId) -> String {
        format!("table {table}")
    }
}

#[test]
fn checksums_are_right_after_a_rewrite() {
    for payload in [&b""[..], b"x", b"odd", b"even", &[0xff; 1_201]] {
        for frame in [udp(payload), tcp(payload)] {
            let (port, frame) = sent(&run([rewriting()], &frame));
            assert_eq!(port, OTHER);
            let read = PacketHeaders::from_ethernet_slice(&frame).unwrap();
            let Some(etherparse::NetHeaders::Ipv4(ip, _)) = read.net else { panic!("{frame:02x?}") };
            assert_eq!((ip.source, ip.destination, ip.time_to_live), ([198, 51, 100, 7], [10, 9, 8, 7], 63));
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            let body = read.payload.slice();
            match read.transport.unwrap() {
                etherparse::TransportHeader::Udp(own) => {
                    assert_eq!(own.checksum, own.calc_checksum_ipv4(&ip, body).unwrap());
                }
                etherparse::TransportHeader::Tcp(own) => {
                    assert_eq!(own.checksum, own.calc_checksum_ipv4(&ip, body).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_udp_checksum_that_was_left_out_stays_out() {
    let mut frame = udp(b"hello");
    frame[40..42].fill(0);
    assert_eq!(sent(&run([rewriting()], &frame)).1[40..42], [0, 0]);
}

#[test]
fn bytes_that_no_flow_changes_stay_as_they_are() {
    let plain = flow(0, 1).apply([Action::output(OTHER)]);
    let mut odd = udp(b"with a trailer");
    odd.extend([0xa5; 9]);
    for frame in [odd, vec![0x5a; 14], vec![0x5a; 60], tcp(b"data"), arp(1)] {
        assert_eq!(sent(&run([plain.clone()], &frame)).1, frame);
    }
}

#[test]
fn a_tag_is_pushed_set_and_taken_off() {
    let vid = Action::SetField(MatchField::VlanVid(0x102a.into()));
    let push = flow(0, 1).apply([Action::PushVlan(0x8100), vid, Action::output(OTHER)]);
    let (_, tagged) = sent(&run([push], &udp(b"a")));
    assert_eq!(tagged[12..18], [0x81, 0x00, 0x00, 0x2a, 0x08, 0x00]);
    let pop = flow(0, 1).on(MatchField::VlanVid(0x102a.into())).apply([Action::PopVlan, Action::output(OTHER)]);
    assert_eq!(sent(&run([pop], &tagged)).1, udp(b"a"));
}

#[test]
fn an_arp_question_becomes_its_answer() {
    let whole = FieldId::whole;
    let swap = |src, dst| Action::Move { src: whole(src), dst: whole(dst) };
    let mac = MacAddr::new([2, 0, 0, 0, 0, 9]);
    let answer = flow(0, 1).on(MatchField::EthType(0x0806)).on(MatchField::ArpOp(1)).apply([
        swap(FieldId::ETH_SRC, FieldId::ETH_DST),
        Action::SetField(MatchField::EthSrc(mac.into())),
        Action::SetField(MatchField::ArpOp(2)),
        swap(FieldId::ARP_SHA, FieldId::ARP_THA),
        swap(FieldId::ARP_SPA, FieldId::ARP_TPA),
        Action::SetField(MatchField::ArpSha(mac.into())),
        Action::output(PortNo::IN_PORT),
    ]);
    let (port, frame) = sent(&run([answer.clone()], &arp(1)));
    assert_eq!(port, GUEST);
    assert_eq!(frame[..12], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9]);
    assert_eq!(frame[20..42], [0, 2, 2, 0, 0, 0, 0, 9, 10, 0, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]);
    // Another operation is not asked.
    let trace = run([answer], &arp(2));
    assert_eq!(trace.causes().collect::<Vec<_>>(), [&Cause::NoFlow]);
}

#[test]
fn an_echo_request_becomes_its_answer() {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut frame = Vec::new();
    builder.ipv4([10, 0, 0, 1], [10, 0, 0, 9], 7).icmpv4_echo_request(1, 2).write(&mut frame, b"odd").unwrap();
    let answer = flow(0, 1).on(MatchField::EthType(0x0800)).on(MatchField::IpProto(1)).on(MatchField::Icmpv4Type(8));
    let swap = Action::Move { src: FieldId::IPV4_SRC.whole(), dst: FieldId::IPV4_DST.whole() };
    let source = Action::SetField(MatchField::Ipv4Src(std::net::Ipv4Addr::new(10, 0, 0, 9).into()));
    let [kind, ttl] = [MatchField::Icmpv4Type(0), MatchField::NwTtl(64)].map(Action::SetField);
    let answer = answer.apply([swap, source, kind, ttl, Action::output(PortNo::IN_PORT)]);
    let (port, got) = sent(&run([answer], &frame));
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut expected = Vec::new();
    builder.ipv4([10, 0, 0, 9], [10, 0, 0, 1], 64).icmpv4_echo_reply(1, 2).write(&mut expected, b"odd").unwrap();
    assert_eq!((port, got), (GUEST, expected));
}

#[test]
fn what_ovs_does_not_write_is_not_written() {
    // A packet of protocol 0 keeps its addresses on the wire, whatever its flow says.
    let mut frame = udp(b"");
    frame[23] = 0;
    let (_, after) = sent(&run([rewriting()], &frame));
    assert_eq!(after, frame);
    let mac = Action::SetField(MatchField::ArpSha(MacAddr::new([2, 0, 0, 0, 0, 9]).into()));
    for operation in [0, 256, 0x0102] {
        let flow = flow(0, 1).on(MatchField::EthType(0x0806)).apply([mac.clone(), Action::output(OTHER)]);
        assert_eq!(sent(&run([flow], &arp(operation))).1, arp(operation));
    }
}

#[test]
fn headers_that_contradict_themselves_are_not_there() {
    let any = flow(0, 1).apply([Action::output(OTHER)]);
    let from_guest = flow(0, 9).on(MatchField::EthType(0x0800));
    let from_guest = from_guest.on(MatchField::Ipv4Src(std::net::Ipv4Addr::new(10, 0, 0, 1).into()));
    for (at, value) in [(14, 0x41), (16, 0xff), (17, 0x05)] {
        let mut frame = udp(b"some bytes");
        assert_eq!(run([any.clone(), from_guest.clone()], &frame).sent().count(), 0);
        frame[at] = value;
        assert_eq!(run([any.clone(), from_guest.clone()], &frame).sent().count(), 1, "byte {at}");
    }
}

#[test]
fn every_end_has_its_cause() {
    let drop = Flow::new(TableId(0), 1, Owner::dropping(DropReason::ForgedMac));
    let foreign = flow(0, 1);
    for (flows, cause) in [
        (vec![], Cause::NoFlow),
        (vec![drop], Cause::Named(DropReason::ForgedMac)),
        (vec![foreign], Cause::Silent),
        (vec![flow(0, 1).goto(TableId(7))], Cause::NoFlow),
        (vec![flow(0, 1).apply([Action::output(GUEST)])], Cause::IngressPort),
        (vec![flow(0, 1).apply([Action::output(PortNo(9))])], Cause::NoPort(PortNo(9))),
    ] {
        let trace = run(flows, &udp(b""));
        assert_eq!(trace.causes().collect::<Vec<_>>(), [&cause], "{trace:#?}");
        assert_eq!(trace.verdict().map(|end| &end.outcome), Some(&Outcome::Dropped(cause)));
    }
}

#[test]
fn a_packet_whose_time_is_over_goes_no_further() {
    let mut frame = udp(b"");
    frame[22] = 1;
    let trace = run([rewriting()], &frame);
    let [End { outcome: Outcome::Controller { reason, .. }, .. }] = &*trace.ends else { panic!("{trace:#?}") };
    assert_eq!(*reason, crate::openflow::PacketInReason::InvalidTtl);
}

#[test]
fn loops_end_at_the_limits_of_ovs() {
    let again = |table| Action::Resubmit { port: None, table: TableId(table) };
    let trace = run([flow(0, 1).apply([again(0)])], &udp(b""));
    assert_eq!(trace.causes().collect::<Vec<_>>(), [&Cause::TooDeep]);
    assert_eq!(trace.stages.len(), usize::try_from(MOST_NESTED).unwrap());
    // Each table asks the next one twice: 2^20 lookups.
    let wide = (0..20).map(|table| flow(table, 1).apply([again(table + 1), again(table + 1)]));
    let trace = run(wide.chain([flow(20, 1).apply([Action::output(OTHER)])]), &udp(b""));
    assert_eq!(trace.causes().collect::<Vec<_>>(), [&Cause::TooMany]);
    assert_eq!((trace.sent().count(), trace.stages.len()), (0, usize::try_from(MOST_LOOKUPS).unwrap()));
}

#[test]
fn a_patch_port_leads_on_with_the_headers_but_not_the_registers() {
    let note = Action::SetField(MatchField::Reg { index: 3, value: 7.into() });
    let mac = MacAddr::new([2, 0, 0, 0, 0, 9]);
    let source = Action::SetField(MatchField::EthSrc(mac.into()));
    let mut network = network([flow(0, 1).apply([note, source, Action::output(OTHER), Action::output(OTHER)])]);
    let kept = flow(0, 9).on(MatchField::Reg { index: 3, value: 7.into() });
    let other = [
        kept,
        flow(0, 1)
            .on(MatchField::InPort(PortNo(5)))
            .on(MatchField::EthSrc(mac.into()))
            .apply([Action::output(PortNo(6))]),
    ];
    network.add(bridge("br2"), Switch::new(other.map(Entry::from), [PortNo(6)]));
    network.join((&bridge("br"), OTHER), (&bridge("br2"), PortNo(5)));
    let trace = network.send(&bridge("br"), GUEST, &udp(b""));
    let sent: Vec<_> = trace.sent().map(|(bridge, port, _)| (bridge.as_str(), port)).collect();
    assert_eq!(sent, [("br2", PortNo(6)), ("br2", PortNo(6))]);
}

#[test]
fn what_is_not_modelled_is_not_guessed() {
    let normal = flow(0, 1).apply([Action::output(PortNo::NORMAL)]);
    let group = flow(0, 1).apply([Action::Group(3)]);
    let ipv6 = flow(0, 1).on(MatchField::Ipv6Src(std::net::Ipv6Addr::LOCALHOST.into()));
    for flows in [normal, group, ipv6] {
        let trace = run([flows], &udp(b""));
        assert!(matches!(&*trace.ends, [End { outcome: Outcome::Unjudged(_), .. }]), "{trace:#?}");
    }
}

#[test]
fn what_is_longer_is_measured_as_it_leaves() {
    let bit = FieldId::reg(8).part(0, 1);
    let longer = MatchField::Reg { index: 8, value: 1.into() };
    let measure = |len, first: Option<Action>| {
        let check = Action::CheckPktLarger { len, dst: bit };
        let pop = flow(0, 1).apply(first.into_iter().chain([check])).goto(TableId(1));
        [pop, flow(1, 2).on(longer.clone()), flow(1, 1).apply([Action::output(OTHER)])]
    };
    let mut frame = udp(&[7; 100]);
    let length = u16::try_from(frame.len()).unwrap();
    let passes = |len, first, frame: &[u8]| run(measure(len, first), frame).sent().count() == 1;
    assert!(passes(length, None, &frame) && !passes(length - 1, None, &frame));
    // What only fills the frame up does not count, nor does a tag that is off.
    frame.extend([0; 20]);
    assert!(passes(length, None, &frame) && !passes(length - 1, None, &frame));
    frame.splice(12..12, [0x81, 0x00, 0x00, 0x2a]);
    assert!(passes(length, Some(Action::PopVlan), &frame) && !passes(length, None, &frame));
    assert!(passes(length + 4, None, &frame));
    let trace = run(measure(length, None), &frame);
    assert_eq!(trace.stages[0].effects[0], Effect::Measured { length: frame.len() - 20, most: length });
}

#[test]
fn a_sentence_says_what_happens() {
    let trace = run([rewriting()], &udp(b""));
    let said = "the source address becomes 198.51.100.7; the destination address becomes 10.9.8.7; \
                the time to live counts down to 63; it leaves by port 2";
    assert_eq!(trace.sentence(0, &Numbers), said);
}
