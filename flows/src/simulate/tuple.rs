//! The connection that a packet belongs to, as it shows it itself; an ICMP error shows it by the packet that it quotes.

use std::net::Ipv4Addr;

use super::connections::{Endpoint, Tuple};
use super::headers::{Headers, ICMP, SCTP, TCP, UDP, word};

/// What a packet shows of its connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) tuple: Tuple,
    /// An error about the connection, which is none of its packets.
    pub(super) is_error: bool,
}

impl Shown {
    /// None where no connection has such packets: another protocol, port 0, an error that quotes nothing of its receiver.
    pub(super) fn of(headers: &Headers) -> Option<Self> {
        let Headers { nw_src, nw_dst, nw_proto, tp_src, tp_dst, .. } = *headers;
        if nw_proto == ICMP && ERRORS.contains(&low(tp_src)) {
            // The connection's next packet this way would go from whom the quoted one was for.
            let quoted = headers.quoted.filter(|own| own.src.address == nw_dst)?;
            return Some(Self { tuple: quoted.reversed(), is_error: true });
        }
        let (src, dst) = ((nw_src, tp_src), (nw_dst, tp_dst));
        let tuple = if nw_proto == ICMP {
            echo((nw_src, nw_dst), (low(tp_src), low(tp_dst)), headers.icmp_id)
        } else {
            ports(nw_proto, src, dst)
        };
        Some(Self { tuple: tuple?, is_error: false })
    }
}

/// The packet that the body of an ICMP error quotes; none where it is cut short or a fragment.
pub(super) fn quoted(body: &[u8]) -> Option<Tuple> {
    let packet = body.get(8..)?;
    let len = usize::from(packet.first()? & 0x0f) * 4;
    let (header, rest) = packet.split_at_checked(len).filter(|_| len >= 20)?;
    let proto = *header.get(9)?;
    let address = |at: usize| header.get(at..)?.first_chunk::<4>().map(|four| Ipv4Addr::from(*four));
    let (src, dst) = (address(12)?, address(16)?);
    if word(header, 6)? & 0x3fff != 0 || rest.len() < 8 {
        return None;
    }
    match proto {
        ICMP => echo((src, dst), (*rest.first()?, *rest.get(1)?), word(rest, 4)?),
        _ => ports(proto, (src, word(rest, 0)?), (dst, word(rest, 2)?)),
    }
}

fn ports(proto: u8, src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16)) -> Option<Tuple> {
    let end = |(address, port)| Endpoint { address, port, icmp_type: 0 };
    let is_sound = matches!(proto, TCP | UDP | SCTP) && src.1 != 0 && dst.1 != 0;
    is_sound.then(|| Tuple { proto, src: end(src), dst: end(dst) })
}

fn echo((src, dst): (Ipv4Addr, Ipv4Addr), (icmp_type, code): (u8, u8), port: u16) -> Option<Tuple> {
    // Echo, timestamp and information (RFC 792): questions and answers.
    let answer = match icmp_type {
        8 => 0,
        0 => 8,
        13 | 15 => icmp_type + 1,
        14 | 16 => icmp_type - 1,
        _ => return None,
    };
    let end = |address, icmp_type| Endpoint { address, port, icmp_type };
    (code == 0).then(|| Tuple { proto: ICMP, src: end(src, icmp_type), dst: end(dst, answer) })
}

/// A field of eight bits that stands where ports do.
pub(super) fn low(number: u16) -> u8 {
    let [_, low] = number.to_be_bytes();
    low
}

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792).
pub(super) const ERRORS: [u8; 5] = [3, 4, 5, 11, 12];
