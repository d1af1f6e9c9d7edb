//! The bytes of a packet as it leaves: what flows changed in its headers, and the checksums that depend on it.
//!
//! OVS changes checksums by the difference, so that a wrong one stays as wrong as it was, and a UDP checksum that was left
//! out stays out. It writes nothing into an IPv4 packet of protocol 0, nor into an ARP packet whose operation is 0 or
//! above 255, whatever flows say: flows must not let those pass.

use super::connections::Tuple;
use super::headers::{ARP, Headers, ICMP, IPV4, SCTP, TCP, UDP};
use super::tuple::{ERRORS, low};
use crate::icmp::Quoting;

/// The frame `before`, which had the headers `was`, with the headers that it has now.
pub(super) fn frame(before: &[u8], was: &Headers, is: &Headers) -> Vec<u8> {
    let tag = if was.vlan.is_some() { 4 } else { 0 };
    let Some(rest) = before.get(12 + tag..) else { return before.to_vec() };
    let mut frame = Vec::with_capacity(before.len() + 4);
    frame.extend(is.eth_dst.octets());
    frame.extend(is.eth_src.octets());
    if let Some(vlan) = is.vlan {
        frame.extend(vlan.kind.to_be_bytes());
        frame.extend(vlan.tci.to_be_bytes());
    }
    let start = frame.len() + payload_offset(rest);
    frame.extend(rest);
    if let Some(payload) = frame.get_mut(start..)
        && is.nw_proto != 0
    {
        match is.eth_type {
            IPV4 => ipv4(payload, was, is),
            ARP => arp(payload, is),
            _ => {}
        }
    }
    if let Some(quoted) = is.quoted.filter(|_| is.quoted != was.quoted) {
        quote(frame.get_mut(start - 14..).unwrap_or_default(), quoted);
    }
    frame
}

/// Sets ACK in a TCP segment, which answers one with these flags: SYN stays, and nothing else does.
pub(super) fn acknowledge(frame: &mut [u8], flags: u16) {
    let tag = if matches!(super::headers::word(frame, 12), Some(0x8100 | 0x88a8)) { 4 } else { 0 };
    let Some(rest) = frame.get(12 + tag..) else { return };
    let start = 12 + tag + payload_offset(rest);
    let Some(packet) = frame.get_mut(start..) else { return };
    let Some(header) = Headers::split_ipv4(packet).map(|(header, _)| header.len()) else { return };
    let Some(old) = packet.get(header + 13).copied() else { return };
    let new = low(flags & 0x02 | 0x10);
    put(packet, header + 13, &[new]);
    adjust(packet, header + 16, &[(0, 0), (old, new)]);
}

/// Puts addresses and ports into the packet that an ICMP error quotes. What is before the EtherType does not count.
fn quote(frame: &mut [u8], Tuple { proto, src, dst }: Tuple) {
    let Some(mut quoting) = Quoting::of_type(frame, &ERRORS) else { return };
    quoting.quote_source(src.address);
    quoting.quote_destination(dst.address);
    if proto != ICMP {
        quoting.quote_ports(src.port, dst.port);
    }
}

/// How long it is as it leaves, without what pads it to Ethernet's least length.
pub(super) fn length(before: &[u8], was: &Headers, is: &Headers) -> usize {
    let frame = frame(before, was, is);
    let tag = if is.vlan.is_some() { 4 } else { 0 };
    let whole = frame.get(12 + tag..).and_then(|rest| {
        let start = 12 + tag + payload_offset(rest);
        let (header, body) = Headers::split_ipv4(frame.get(start..)?).filter(|_| is.eth_type == IPV4)?;
        Some(start + header.len() + body.len())
    });
    whole.unwrap_or(frame.len())
}

/// Where the payload begins after source and tag: behind the EtherType, or behind LLC and SNAP.
fn payload_offset(rest: &[u8]) -> usize {
    let is_length = super::headers::word(rest, 0).is_some_and(|kind| kind < 0x0600);
    if is_length { 10 } else { 2 }
}

fn ipv4(packet: &mut [u8], was: &Headers, is: &Headers) {
    let Some((header, body)) = Headers::split_ipv4(packet) else { return };
    let (start, end) = (header.len(), header.len() + body.len());
    // The userspace datapath takes a later fragment for a whole packet, and changes what would be its checksum.
    let checksum = match (is.nw_proto, body.len()) {
        (TCP, 20..) => Some(start + 16),
        (UDP, 8..) => Some(start + 6),
        _ => None,
    };
    let Some(packet) = packet.get_mut(..end) else { return };
    for (at, old, new) in [(12, was.nw_src, is.nw_src), (16, was.nw_dst, is.nw_dst)] {
        if old == new {
            continue;
        }
        put(packet, at, &new.octets());
        let difference = old.octets().into_iter().zip(new.octets()).collect::<Vec<_>>();
        adjust(packet, 10, &difference);
        if let Some(at) = checksum {
            changed_under(packet, at, &difference, is.nw_proto);
        }
    }
    transport(packet, start, was, is);
    for (at, old, new) in [(1, was.nw_tos, is.nw_tos), (8, was.nw_ttl, is.nw_ttl)] {
        if old != new {
            put(packet, at, &[new]);
            adjust(packet, 10, &if at % 2 == 0 { [(old, new), (0, 0)] } else { [(0, 0), (old, new)] });
        }
    }
}

/// Ports, or type and code of ICMP.
fn transport(packet: &mut [u8], start: usize, was: &Headers, is: &Headers) {
    let (first, second, checksum) = match is.nw_proto {
        ICMP => {
            let pairs = [(was.tp_src, is.tp_src), (was.tp_dst, is.tp_dst)];
            let [kind, code] = pairs.map(|pair| (low(pair.0), low(pair.1)));
            if kind.0 != kind.1 || code.0 != code.1 {
                put(packet, start, &[kind.1, code.1]);
                adjust(packet, start + 2, &[kind, code]);
            }
            return;
        }
        TCP => (start, start + 2, start + 16),
        UDP => (start, start + 2, start + 6),
        SCTP => return sctp(packet.get_mut(start..).unwrap_or_default(), was, is),
        _ => return,
    };
    for (at, old, new) in [(first, was.tp_src, is.tp_src), (second, was.tp_dst, is.tp_dst)] {
        if old != new {
            put(packet, at, &new.to_be_bytes());
            let [old, new] = [old, new].map(u16::to_be_bytes);
            let changed: Vec<_> = old.into_iter().zip(new).collect();
            changed_under(packet, checksum, &changed, is.nw_proto);
        }
    }
}

/// Ports of SCTP, whose checksum (RFC 9260, appendix A) covers no address.
fn sctp(packet: &mut [u8], was: &Headers, is: &Headers) {
    if (was.tp_src, was.tp_dst) == (is.tp_src, is.tp_dst) || packet.len() < 12 {
        return;
    }
    let sum = |packet: &mut [u8]| {
        let kept = [8, 9, 10, 11].map(|at| packet.get(at).copied().unwrap_or_default());
        put(packet, 8, &[0; 4]);
        (u32::from_le_bytes(kept), crc32c(packet))
    };
    let (kept, right) = sum(packet);
    put(packet, 0, &[is.tp_src.to_be_bytes(), is.tp_dst.to_be_bytes()].concat());
    let (_, now) = sum(packet);
    put(packet, 8, &(kept ^ right ^ now).to_le_bytes());
}

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let shifted = |sum: u32| (sum >> 1) ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| shifted(sum)))
}

fn arp(packet: &mut [u8], is: &Headers) {
    if !packet.starts_with(&[0, 1, 8, 0, 6, 4]) || packet.len() < 28 {
        return;
    }
    put(packet, 6, &u16::from(is.nw_proto).to_be_bytes());
    put(packet, 8, &is.arp_sha.octets());
    put(packet, 14, &is.nw_src.octets());
    put(packet, 18, &is.arp_tha.octets());
    put(packet, 24, &is.nw_dst.octets());
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Changes a checksum of TCP or UDP. For UDP zero says that there is none, and is not made by accident.
fn changed_under(packet: &mut [u8], at: usize, changed: &[(u8, u8)], proto: u8) {
    let is_left_out = |packet: &[u8]| proto == UDP && packet.get(at..at + 2) == Some(&[0, 0]);
    if is_left_out(packet) {
        return;
    }
    adjust(packet, at, changed);
    if is_left_out(packet) {
        put(packet, at, &[0xff, 0xff]);
    }
}

/// Changes a checksum by what changed in the bytes that it covers, which begin at an even place (RFC 1624, equation 3).
fn adjust(bytes: &mut [u8], at: usize, changed: &[(u8, u8)]) {
    let Some(sum) = super::headers::word(bytes, at) else { return };
    let mut sum = u64::from(!sum);
    for pair in changed.chunks_exact(2) {
        let &[(old_high, new_high), (old_low, new_low)] = pair else { continue };
        sum += u64::from(!u16::from_be_bytes([old_high, old_low]));
        sum += u64::from(u16::from_be_bytes([new_high, new_low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let folded = u16::try_from(sum).expect("it was folded to 16 bits");
    put(bytes, at, &(!folded).to_be_bytes());
}
