//! Connections: how they begin, who belongs to them, and what is translated, byte by byte.

use std::net::Ipv4Addr;

use super::*;
use crate::openflow::{Ct, CtFlags, CtZone, Nat, NatFlags, NatRange};

const SHARED: [u8; 4] = [203, 0, 113, 9];
const FIXED: [u8; 4] = [10, 0, 0, 1];
const STATION: [u8; 4] = [198, 51, 100, 7];
const ROUTER: [u8; 4] = [198, 51, 100, 1];

fn ct(commit: bool, zone: CtZone, nat: Nat) -> Action {
    let flags = if commit { CtFlags::COMMIT } else { CtFlags::default() };
    Action::Ct(Ct { flags, zone, table: Some(TableId(1)), alg: 0, actions: vec![Action::Nat(nat)] })
}

fn range(flags: NatFlags, address: [u8; 4], ports: (u16, u16)) -> Nat {
    Nat { flags, addresses: NatRange::V4(address.into(), None), ports }
}

/// What comes from the guest begins connections; what comes for it has to belong to one.
fn tracking(zone: u16, nat: Nat) -> Network {
    let from = |port, actions: Vec<Action>| flow(0, 1).on(MatchField::InPort(port)).apply(actions);
    let out = |from, to| flow(1, 1).on(MatchField::InPort(from)).apply([Action::output(to)]);
    let invalid = flow(1, 2).on(MatchField::CtState(crate::openflow::Masked::new(0x30, 0x30)));
    network([
        from(GUEST, vec![ct(true, CtZone::Number(zone), nat)]),
        from(OTHER, vec![ct(false, CtZone::Number(zone), Nat::default())]),
        invalid,
        out(GUEST, OTHER),
        out(OTHER, GUEST),
    ])
}

fn shared() -> Network {
    tracking(7, range(NatFlags::SRC, SHARED, (20_000, 20_001)))
}

/// A packet of a protocol; a ping has the first port for its identifier.
fn packet(proto: u8, (src, sport): ([u8; 4], u16), (dst, dport): ([u8; 4], u16), is_answer: bool) -> Vec<u8> {
    let ip = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(src, dst, 60);
    let mut frame = Vec::new();
    match (proto, is_answer) {
        (1, false) => ip.icmpv4_echo_request(sport, 5).write(&mut frame, b"odd"),
        (1, true) => ip.icmpv4_echo_reply(dport, 5).write(&mut frame, b"odd"),
        (6, false) => ip.tcp(sport, dport, 1, 9_000).syn().write(&mut frame, b""),
        (6, true) => ip.tcp(sport, dport, 1, 9_000).syn().ack(2).write(&mut frame, b""),
        (17, _) => ip.udp(sport, dport).write(&mut frame, b"odd"),
        _ => {
            let mut sctp = [sport.to_be_bytes(), dport.to_be_bytes(), [0, 9], [0, 9], [0; 2], [0; 2]].concat();
            sctp.extend(*b"some data chunk.");
            let sum = super::super::sent::crc32c(&sctp);
            sctp[8..12].copy_from_slice(&sum.to_le_bytes());
            ip.write(&mut frame, etherparse::IpNumber(proto), &sctp)
        }
    }
    .unwrap();
    frame
}

/// An error about the packet of a frame, of which so many bytes after the header are quoted.
fn error(icmp_type: u8, from: [u8; 4], to: [u8; 4], about: &[u8], kept: usize) -> Vec<u8> {
    let kind = etherparse::Icmpv4Type::Unknown { type_u8: icmp_type, code_u8: 1, bytes5to8: [0; 4] };
    let ip = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(from, to, 60);
    let mut frame = Vec::new();
    ip.icmpv4(kind).write(&mut frame, &about[14..about.len().min(34 + kept)]).unwrap();
    frame
}

fn state(trace: &Trace) -> u32 {
    let effects = trace.stages.iter().flat_map(|own| &own.effects);
    let mut states =
        effects.filter_map(|own| if let Effect::Tracked(own) = own { Some(own.after.ct_state) } else { None });
    states.next_back().expect("the tracker was asked")
}

/// Sends a frame, which gets to the other side as another one; gives what the tracker said.
#[track_caller]
fn passes(network: &Network, known: &mut Connections, from: PortNo, frame: &[u8], expected: &[u8]) -> u32 {
    let trace = network.send_after(known, &bridge("br"), from, frame);
    let (_, got) = sent(&trace);
    assert_eq!(got, expected, "{trace:#?}");
    state(&trace)
}

#[track_caller]
fn is_invalid(network: &Network, known: &mut Connections, from: PortNo, frame: &[u8]) {
    let trace = network.send_after(known, &bridge("br"), from, frame);
    assert_eq!((state(&trace), trace.sent().count()), (0x30, 0), "{trace:#?}");
}

#[test]
fn a_connection_goes_out_translated_and_its_answers_come_back() {
    let network = shared();
    for proto in [1, 6, 17, 132] {
        let known = &mut Connections::default();
        let [port, given] = if proto == 1 { [4_000; 2] } else { [4_000, 20_000] };
        let first = packet(proto, (FIXED, port), (STATION, 53), false);
        let outside = packet(proto, (SHARED, given), (STATION, 53), false);
        // New, and still new until it is answered; one connection.
        for _ in 0..2 {
            assert_eq!(passes(&network, known, GUEST, &first, &outside), 0x61, "{proto}");
        }
        assert_eq!(known.iter().count(), 1);
        let answer = packet(proto, (STATION, 53), (SHARED, given), true);
        let inside = packet(proto, (STATION, 53), (FIXED, port), true);
        assert_eq!(passes(&network, known, OTHER, &answer, &inside), 0xaa, "{proto}");
        assert_eq!(passes(&network, known, GUEST, &first, &outside), 0x62, "{proto}");
    }
}

#[test]
fn an_error_quotes_the_packet_as_its_sender_sent_it() {
    let network = shared();
    for proto in [1, 6, 17] {
        for (kept, icmp_type) in [(8, 3), (8, 4), (8, 5), (11, 11), (400, 12)] {
            let known = &mut Connections::default();
            let given = if proto == 1 { 4_000 } else { 20_000 };
            let first = packet(proto, (FIXED, 4_000), (STATION, 53), false);
            let outside = packet(proto, (SHARED, given), (STATION, 53), false);
            passes(&network, known, GUEST, &first, &outside);
            // Of the station, and of a router on the way.
            for from in [STATION, ROUTER] {
                let out = error(icmp_type, from, SHARED, &outside, kept);
                let home = error(icmp_type, from, FIXED, &first, kept);
                assert_eq!(passes(&network, known, OTHER, &out, &home), 0xac, "{proto} {kept}");
            }
            // The guest's own about an answer.
            let answer = packet(proto, (STATION, 53), (SHARED, given), true);
            let inside = packet(proto, (STATION, 53), (FIXED, 4_000), true);
            passes(&network, known, OTHER, &answer, &inside);
            let own = error(icmp_type, FIXED, STATION, &inside, kept);
            let out = error(icmp_type, SHARED, STATION, &answer, kept);
            assert_eq!(passes(&network, known, GUEST, &own, &out), 0x64, "{proto} {kept}");
        }
    }
}

#[test]
fn what_belongs_to_no_connection_is_not_valid() {
    let network = shared();
    let known = &mut Connections::default();
    let outside = packet(17, (SHARED, 20_000), (STATION, 53), false);
    let quoting = |end: usize| error(3, STATION, SHARED, &outside[..end], 400);
    // About a packet that nobody sent, about one of somebody else, and cut short.
    is_invalid(&network, known, OTHER, &quoting(45));
    passes(&network, known, GUEST, &packet(17, (FIXED, 4_000), (STATION, 53), false), &outside);
    is_invalid(&network, known, OTHER, &error(3, STATION, ROUTER, &outside, 400));
    is_invalid(&network, known, OTHER, &quoting(41));
    // Answers without a question, port 0, other protocols, flags that make no sense.
    is_invalid(&network, known, GUEST, &packet(1, (FIXED, 9), (STATION, 9), true));
    is_invalid(&network, known, GUEST, &packet(6, (FIXED, 9), (STATION, 9), true));
    is_invalid(&network, known, GUEST, &packet(17, (FIXED, 0), (STATION, 9), false));
    is_invalid(&network, known, GUEST, &packet(47, (FIXED, 9), (STATION, 9), false));
    for (flags, is_valid) in [(0x02, true), (0x10, true), (0x04, true), (0x03, false), (0, false), (0x29, false)] {
        let mut frame = packet(6, (FIXED, 9), (STATION, u16::from(flags) + 1), false);
        frame[47] = flags;
        let trace = network.send_after(known, &bridge("br"), GUEST, &frame);
        assert_eq!(state(&trace) & 0x10 == 0, is_valid, "{flags:#x}");
    }
    // What nobody asked for is taken for the first of a connection, which is not kept.
    let before = known.iter().count();
    let unasked = packet(17, (ROUTER, 53), (SHARED, 20_000), false);
    assert_eq!(passes(&network, known, OTHER, &unasked, &unasked), 0x21);
    assert_eq!(known.iter().count(), before);
}

#[test]
fn each_connection_has_a_port_of_its_own_until_none_is_left() {
    let network = shared();
    let known = &mut Connections::default();
    let given = |known: &mut Connections, proto, port, to| {
        let frame = packet(proto, (FIXED, port), (to, 53), false);
        let trace = network.send_after(known, &bridge("br"), GUEST, &frame);
        let headers = Headers::of(OTHER, &sent(&trace).1).unwrap();
        (headers.nw_src == Ipv4Addr::from(SHARED)).then_some(headers.tp_src)
    };
    // Its own, another one, none; the same again towards another station, and by another protocol.
    assert_eq!(given(known, 17, 20_000, STATION), Some(20_000));
    assert_eq!(given(known, 17, 4_000, STATION), Some(20_001));
    assert_eq!(given(known, 17, 4_001, STATION), None);
    assert_eq!(given(known, 17, 4_001, ROUTER), Some(20_000));
    assert_eq!(given(known, 6, 4_001, STATION), Some(20_000));
    assert_eq!(known.iter().count(), 4);
    let frame = packet(17, (FIXED, 4_001), (STATION, 53), false);
    let trace = network.send_after(known, &bridge("br"), GUEST, &frame);
    assert_eq!(sent(&trace).1, frame, "it goes on as it came");
    assert!(
        trace.sentence(0, &Numbers).contains("first of a connection (ct_state=new|trk), and has no port left for it")
    );
    // Identifiers of pings are nobody's to choose.
    let ping = |from| packet(1, (from, 9), (STATION, 0), false);
    passes(&network, known, GUEST, &ping(FIXED), &packet(1, (SHARED, 9), (STATION, 0), false));
    passes(&network, known, GUEST, &ping([10, 0, 0, 2]), &ping([10, 0, 0, 2]));
}

#[test]
fn a_range_has_several_addresses_and_needs_no_ports() {
    let several = NatRange::V4(SHARED.into(), Some([203, 0, 113, 10].into()));
    let network = tracking(7, Nat { flags: NatFlags::SRC, addresses: several, ports: (20_000, 0) });
    let known = &mut Connections::default();
    for (port, expected) in [(1, (SHARED, 20_000)), (2, ([203, 0, 113, 10], 20_000)), (3, (FIXED, 3))] {
        let first = packet(17, (FIXED, port), (STATION, 53), false);
        passes(&network, known, GUEST, &first, &packet(17, expected, (STATION, 53), false));
    }
    let network = tracking(7, range(NatFlags::SRC, SHARED, (0, 0)));
    for (from, expected) in [(FIXED, 53), ([10, 0, 0, 2], 1_024), ([10, 0, 0, 3], 1_025)] {
        let first = packet(17, (from, 53), (ROUTER, 53), false);
        passes(&network, known, GUEST, &first, &packet(17, (SHARED, expected), (ROUTER, 53), false));
    }
}

#[test]
fn a_destination_is_translated_as_well() {
    let network = tracking(9, range(NatFlags::DST, STATION, (80, 80)));
    for proto in [6, 17] {
        let known = &mut Connections::default();
        let first = packet(proto, (FIXED, 4_000), (SHARED, 8_080), false);
        let out = packet(proto, (FIXED, 4_000), (STATION, 80), false);
        assert_eq!(passes(&network, known, GUEST, &first, &out), 0xa1);
        let answer = packet(proto, (STATION, 80), (FIXED, 4_000), true);
        let home = packet(proto, (SHARED, 8_080), (FIXED, 4_000), true);
        assert_eq!(passes(&network, known, OTHER, &answer, &home), 0x6a);
        let refused = error(3, STATION, FIXED, &out, 8);
        let home = error(3, SHARED, FIXED, &first, 8);
        assert_eq!(passes(&network, known, OTHER, &refused, &home), 0x6c);
    }
}

#[test]
fn zones_know_nothing_of_each_other() {
    let nat = || range(NatFlags::SRC, SHARED, (20_000, 20_000));
    let known = &mut Connections::default();
    let first = packet(17, (FIXED, 4_000), (STATION, 53), false);
    let out = packet(17, (SHARED, 20_000), (STATION, 53), false);
    for zone in [7, 8] {
        assert_eq!(passes(&tracking(zone, nat()), known, GUEST, &first, &out), 0x61);
    }
    assert_eq!(known.iter().map(|own| own.zone).collect::<Vec<_>>(), [7, 8]);
    // The zone may be what a register holds.
    let register = MatchField::Reg { index: 3, value: 7.into() };
    let field = CtZone::Field(FieldId::REG3.part(0, 16));
    let network = network([
        flow(0, 1).apply([Action::SetField(register), ct(false, field, Nat::default())]),
        flow(1, 1).on(MatchField::CtZone(7)).apply([Action::output(OTHER)]),
    ]);
    assert_eq!(passes(&network, known, GUEST, &first, &out), 0x61);
}

#[test]
fn who_is_translated_is_not_translated_again_in_its_zone() {
    let nat = range(NatFlags::SRC, SHARED, (20_000, 20_000));
    let again = ct(false, CtZone::Number(7), Nat::default());
    let Action::Ct(again) = again else { unreachable!("it is one") };
    let network = network([
        flow(0, 1).apply([ct(true, CtZone::Number(7), nat)]),
        flow(1, 1).apply([Action::Ct(Ct { table: Some(TableId(2)), ..again })]),
        flow(2, 1).apply([Action::output(OTHER)]),
    ]);
    let known = &mut Connections::default();
    let first = packet(17, (FIXED, 4_000), (STATION, 53), false);
    let out = packet(17, (SHARED, 20_000), (STATION, 53), false);
    assert_eq!(passes(&network, known, GUEST, &first, &out), 0x61);
    assert_eq!(known.iter().count(), 1);
}

#[test]
fn a_fragment_waits_and_what_is_not_modelled_is_not_guessed() {
    let network = shared();
    for fragment in [0x20, 0x01] {
        let mut frame = packet(17, (FIXED, 4_000), (STATION, 53), false);
        frame[20] = fragment;
        let trace = network.send(&bridge("br"), GUEST, &frame);
        assert_eq!(trace.verdict().map(|end| &end.outcome), Some(&Outcome::Held), "{trace:#?}");
    }
    let plain = Ct { flags: CtFlags::COMMIT, zone: CtZone::Number(7), table: None, alg: 0, actions: Vec::new() };
    for ct in [
        Ct { flags: CtFlags::FORCE, ..plain.clone() },
        Ct { alg: 21, ..plain.clone() },
        Ct { actions: vec![Action::SetField(MatchField::CtMark(1.into()))], ..plain.clone() },
    ] {
        let trace = run([flow(0, 1).apply([Action::Ct(ct)])], &udp(b""));
        assert!(matches!(&*trace.ends, [End { outcome: Outcome::Unjudged(_), .. }]), "{trace:#?}");
    }
    // Not even of packets that are no IPv4.
    let trace = run([flow(0, 1).apply([Action::Ct(plain)])], &arp(1));
    assert!(matches!(&*trace.ends, [End { outcome: Outcome::Unjudged(_), .. }]), "{trace:#?}");
}

#[test]
fn an_answer_is_the_packet_the_other_way_round() {
    for (proto, vlan) in
        [(1, None), (6, None), (17, None), (132, None), (6, Some([0x81, 0, 0, 9])), (1, Some([0x88, 0xa8, 0, 9]))]
    {
        let [question, expected] = [false, true].map(|is_answer| {
            let ends = [(FIXED, 4_000), (STATION, 53)];
            let [from, to] = if is_answer { [ends[1], ends[0]] } else { ends };
            let mut frame = packet(proto, from, to, is_answer);
            if is_answer {
                // It comes from whom the question went to.
                frame[..12].rotate_left(6);
            }
            frame.splice(12..12, vlan.into_iter().flatten());
            frame
        });
        let got = answer(&question).map(|own| (Headers::of(OTHER, &own), own.len()));
        // The acknowledgement's number is the station's own affair, as its time to live is.
        let mut expected = Headers::of(OTHER, &expected).unwrap();
        expected.nw_ttl = 64;
        assert_eq!(got, Some((Some(expected), question.len())), "{proto}");
    }
    let mut later = packet(17, (FIXED, 4_000), (STATION, 53), false);
    later[20] = 0x01;
    for frame in [arp(1), later, packet(1, (FIXED, 9), (STATION, 9), true)] {
        assert_eq!(answer(&frame), None);
    }
    // Its checksums are right: the sum over all that they cover is nothing.
    let sum = |bytes: &[u8]| {
        let words = bytes.chunks(2).map(|two| u32::from(two[0]) << 8 | two.get(1).copied().map_or(0, u32::from));
        let sum = words.sum::<u32>();
        (sum & 0xffff) + (sum >> 16)
    };
    for proto in [1, 6, 17] {
        let frame = answer(&packet(proto, (FIXED, 4_000), (STATION, 53), false)).unwrap();
        let pseudo = [&frame[26..34], &[0, proto], &u16::try_from(frame.len() - 34).unwrap().to_be_bytes()].concat();
        let covered = if proto == 1 { frame[34..].to_vec() } else { [&pseudo, &frame[34..]].concat() };
        assert_eq!((sum(&frame[14..34]), sum(&covered)), (0xffff, 0xffff), "{proto}");
    }
}

#[test]
fn a_connection_that_is_given_is_kept_unless_it_is_taken() {
    let end = |address: [u8; 4], port| Endpoint { address: address.into(), port, icmp_type: 0 };
    let original = Tuple { proto: 17, src: end(FIXED, 4_000), dst: end(STATION, 53) };
    let reply = Tuple { proto: 17, src: end(STATION, 53), dst: end(SHARED, 31_000) };
    let connection = Connection { zone: 7, original, reply, is_answered: true };
    let known = &mut Connections::default();
    assert!(known.add(connection) && !known.add(connection));
    assert!(!known.add(Connection { original: Tuple { src: end(FIXED, 1), ..original }, ..connection }));
    assert!(known.add(Connection { zone: 8, ..connection }));
    // A switch chose the port: it is none that is chosen here.
    let first = packet(17, (FIXED, 4_000), (STATION, 53), false);
    let out = packet(17, (SHARED, 31_000), (STATION, 53), false);
    assert_eq!(passes(&shared(), known, GUEST, &first, &out), 0x62);
}
