use std::net::Ipv4Addr;

use etherparse::{Icmpv4Slice, Ipv4HeaderSlice, PacketBuilder, TcpSlice, UdpSlice};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{ErrorKind, Quoting, as_sent, error, forbids_fragments};

const SENDER: [u8; 4] = [198, 51, 100, 7];
const FLOATING: [u8; 4] = [203, 0, 113, 100];
const FIXED: [u8; 4] = [10, 0, 0, 11];

/// A frame from `FLOATING` that somebody at `SENDER` complains about.
fn sent(is_tcp: bool, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let ip = etherparse::Ipv4Header {
        options: options.try_into().expect("a multiple of four"),
        ..etherparse::Ipv4Header::new(0, 9, etherparse::IpNumber::TCP, FLOATING, SENDER).expect("it is short")
    };
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ip(etherparse::IpHeaders::Ipv4(ip, Default::default()));
    let mut frame = Vec::new();
    if is_tcp {
        builder.tcp(4_096, 80, 1, 512).write(&mut frame, payload).expect("it is short");
    } else {
        builder.udp(4_096, 53).write(&mut frame, payload).expect("it is short");
    }
    frame
}

/// An error of a type about a packet, of which `kept` bytes after the header are quoted.
fn complaint(icmp_type: u8, packet: &[u8], kept: usize) -> Vec<u8> {
    let header = Ipv4HeaderSlice::from_slice(packet).expect("a packet");
    let quoted = &packet[..packet.len().min(header.slice().len() + kept)];
    let icmp = etherparse::Icmpv4Type::Unknown { type_u8: icmp_type, code_u8: 1, bytes5to8: [0, 0, 5, 120] };
    let builder = PacketBuilder::ethernet2([6; 6], [2; 6]).ipv4(SENDER, FLOATING, 60).icmpv4(icmp);
    let mut frame = Vec::new();
    builder.write(&mut frame, quoted).expect("it is short");
    frame
}

/// Holds that all checksums that can be checked are right.
fn assert_sums(frame: &[u8]) {
    let ip = Ipv4HeaderSlice::from_slice(&frame[14..]).expect("a packet");
    let icmp = &frame[14 + ip.slice().len()..];
    let parsed = Icmpv4Slice::from_slice(icmp).expect("an ICMP message");
    assert_eq!(super::checksum::of(icmp), 0, "the error's own");
    let inner = Ipv4HeaderSlice::from_slice(parsed.payload()).expect("a packet is quoted");
    assert_eq!(inner.to_header().calc_header_checksum(), inner.header_checksum(), "the quoted header's");
    let payload = &parsed.payload()[inner.slice().len()..];
    let whole = usize::from(inner.total_len()) == parsed.payload().len();
    match inner.protocol() {
        etherparse::IpNumber::TCP if whole => {
            let tcp = TcpSlice::from_slice(payload).expect("a segment");
            let sum = tcp.calc_checksum_ipv4(inner.source(), inner.destination()).expect("it is short");
            assert_eq!(sum, tcp.checksum(), "the quoted segment's");
        }
        etherparse::IpNumber::UDP if whole => {
            let udp = UdpSlice::from_slice(payload).expect("a datagram");
            let header = udp.to_header();
            let sum = header.calc_checksum_ipv4_raw(inner.source(), inner.destination(), udp.payload());
            assert_eq!(sum.expect("it is short"), udp.checksum(), "the quoted datagram's");
        }
        _ => {}
    }
}

fn options() -> impl Strategy<Value = Vec<u8>> {
    (0_usize..=10).prop_flat_map(|words| vec(any::<u8>(), words * 4))
}

proptest! {
    #[test]
    fn what_is_quoted_is_translated_with_its_checksums_and_back(
        is_tcp in any::<bool>(),
        icmp_type in prop::sample::select(vec![3_u8, 11, 12]),
        options in options(),
        payload in vec(any::<u8>(), 0..64),
        kept in prop::sample::select(vec![0_usize, 8, 12, 18, 20, 1_000]),
    ) {
        let packet = sent(is_tcp, &options, &payload);
        let before = complaint(icmp_type, &packet[14..], kept);
        assert_sums(&before);
        let mut frame = before.clone();
        let mut quoting = Quoting::of(&mut frame).expect("an error");
        prop_assert_eq!(quoting.quoted_source(), Some(FLOATING.into()));
        prop_assert_eq!(quoting.quoted_destination(), Some(SENDER.into()));
        quoting.quote_source(FIXED.into());
        quoting.quote_destination(Ipv4Addr::new(192, 0, 2, 9));
        prop_assert_eq!(quoting.quoted_source(), Some(FIXED.into()));
        prop_assert_eq!(quoting.source(), Some(SENDER.into()));
        assert_sums(&frame);
        let mut quoting = Quoting::of(&mut frame).expect("an error");
        quoting.quote_source(FLOATING.into());
        quoting.quote_destination(SENDER.into());
        prop_assert_eq!(frame, before);
    }

    #[test]
    fn a_packet_is_quoted_as_it_was_before_the_hop(
        is_tcp in any::<bool>(),
        options in options(),
        payload in vec(any::<u8>(), 0..64),
    ) {
        let forwarded = sent(is_tcp, &options, &payload);
        let before = as_sent(&forwarded, FIXED.into()).expect("a packet");
        let ip = Ipv4HeaderSlice::from_slice(&before[14..]).expect("a packet");
        prop_assert_eq!((ip.source_addr(), ip.ttl()), (FIXED.into(), 10));
        prop_assert_eq!(ip.to_header().calc_header_checksum(), ip.header_checksum());
        let mut answer = error(&before, ErrorKind::FragmentationNeeded(1_400), SENDER.into()).expect("an error");
        assert_sums(&answer);
        prop_assert_eq!(&answer[34..36], &[3, 4]);
        prop_assert_eq!(&answer[38..42], &[0, 0, 0x05, 0x78]);
        let quoting = Quoting::of(&mut answer).expect("an error");
        prop_assert_eq!((quoting.destination(), quoting.quoted_source()), (Some(FIXED.into()), Some(FIXED.into())));
        // And once more the same way it is what it was, but for the time that another hop took.
        let again = as_sent(&before, FLOATING.into()).expect("a packet");
        prop_assert_eq!(&again[26..], &forwarded[26..]);
    }

    #[test]
    fn no_bytes_do_harm(
        frame in vec(any::<u8>(), 0..120), cut in 0_usize..120, at in 0_usize..90, byte in any::<u8>(),
    ) {
        let mut bent = complaint(3, &sent(true, &[], b"payload")[14..], 1_000);
        bent.truncate(cut);
        if let Some(place) = bent.get_mut(at) {
            *place = byte;
        }
        for mut frame in [frame, bent] {
            let _ = error(&frame, ErrorKind::TimeExceeded, FIXED.into());
            let _ = (as_sent(&frame, FIXED.into()), forbids_fragments(&frame));
            let len = frame.len();
            if let Some(mut quoting) = Quoting::of(&mut frame) {
                quoting.quote_source(FIXED.into());
                quoting.quote_destination(FIXED.into());
            }
            prop_assert_eq!(frame.len(), len);
        }
    }
}

#[test]
fn a_datagram_without_a_checksum_gets_none() {
    let mut packet = sent(false, &[], b"payload")[14..].to_vec();
    packet[26..28].fill(0);
    let mut frame = complaint(3, &packet, 1_000);
    Quoting::of(&mut frame).expect("an error").quote_source(FIXED.into());
    let quoted = &frame[14 + 20 + 8..];
    assert_eq!(quoted[26..28], [0, 0]);
}

#[test]
fn what_is_no_error_or_quotes_nothing_is_left_alone() {
    let packet = sent(true, &[], b"payload");
    let error = complaint(3, &packet[14..], 8);
    let changed = |at: usize, byte: u8| {
        let mut frame = error.clone();
        frame[at] = byte;
        frame
    };
    let cases = [
        ("an echo request", complaint(8, &packet[14..], 8)),
        ("a redirect", complaint(5, &packet[14..], 8)),
        ("TCP", packet.clone()),
        ("IPv6", changed(12, 0x86)),
        ("a later fragment", changed(21, 9)),
        ("a quoted header of another version", changed(14 + 20 + 8, 0x65)),
        ("less than a quoted header", error[..14 + 20 + 8 + 19].to_vec()),
        ("a length beyond its end", changed(16, 9)),
    ];
    for (what, mut frame) in cases {
        assert!(Quoting::of(&mut frame).is_none(), "{what}");
    }
}

#[test]
fn time_exceeded_goes_back_and_quotes_the_packet() {
    let packet = sent(false, &[1, 1, 1, 0], &[7; 1_000]);
    let mut answer = error(&packet, ErrorKind::TimeExceeded, FIXED.into()).expect("an error");
    assert_eq!(answer[..14], [[2; 6], [4; 6]].concat().into_iter().chain([0x08, 0x00]).collect::<Vec<_>>());
    assert_eq!(answer.len(), 14 + 576);
    let ip = Ipv4HeaderSlice::from_slice(&answer[14..]).expect("a packet");
    assert_eq!((ip.source(), ip.destination(), ip.ttl()), (FIXED, FLOATING, 64));
    assert_eq!(ip.to_header().calc_header_checksum(), ip.header_checksum());
    assert_eq!(answer[34..36], [11, 0]);
    assert_sums(&answer);
    let quoting = Quoting::of(&mut answer).expect("an error");
    assert_eq!(quoting.quoted_source(), Some(FLOATING.into()));
}

#[test]
fn only_the_bit_forbids_fragments() {
    let mut packet = sent(false, &[], b"payload");
    for (high, forbids) in [(0x00, false), (0x40, true), (0x20, false), (0x60, true), (0x80, false)] {
        packet[20] = high;
        assert_eq!(forbids_fragments(&packet), forbids, "{high:#x}");
    }
    assert!(!forbids_fragments(&packet[..20]));
}

#[test]
fn nothing_answers_an_error_a_fragment_a_group_or_nobody() {
    let packet = sent(false, &[], b"payload");
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = packet.clone();
        frame.splice(at..at + bytes.len(), bytes.iter().copied());
        frame
    };
    let cases = [
        ("an error", complaint(3, &packet[14..], 8)),
        ("a later fragment", changed(20, &[0, 9])),
        ("to a group", changed(30, &[224, 0, 0, 5])),
        ("to a group's MAC", changed(0, &[0xff; 6])),
        ("from nobody", changed(26, &[0; 4])),
        ("from a group", changed(26, &[224, 0, 0, 5])),
        ("ARP", changed(12, &[0x08, 0x06])),
    ];
    for (what, frame) in cases {
        assert_eq!(error(&frame, ErrorKind::TimeExceeded, FIXED.into()), None, "{what}");
    }
    let echo = complaint(8, &packet[14..], 8);
    assert!(error(&echo, ErrorKind::TimeExceeded, FIXED.into()).is_some(), "an echo request is no error");
}
