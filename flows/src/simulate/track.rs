//! The connection tracker: what it says of a packet by the connections that it knows, what it translates, and what it
//! remembers.
//!
//! A connection is established once it was answered. Checksums are taken to be right, and of TCP only the flags are looked
//! at: where in its window a segment is, and when a connection ends, is not known here.

use super::connections::{Connection, Connections, Tuple, Way};
use super::headers::{Headers, ICMP, IPV4, TCP};
use super::nat;
use super::place::Bits;
use super::trace::Tracked;
use super::tuple::{Shown, low};
use crate::openflow::{Action, Ct, CtFlags, CtZone, NatFlags, NatRange};

/// What becomes of a packet in the tracker.
#[derive(Debug)]
pub(super) enum Seen {
    /// It comes out of it.
    Passed(Box<Tracked>),
    /// It is a fragment, and kept until the others are there.
    Held,
}

/// What the tracker makes of a packet; none for what is not modelled.
pub(super) fn track(ct: &Ct, headers: &Headers, known: &mut Connections) -> Option<Seen> {
    let nat = match &*ct.actions {
        [] => None,
        [Action::Nat(nat)] if !matches!(nat.addresses, NatRange::V6(..)) => Some(nat),
        _ => return None,
    };
    let is_modelled = headers.eth_type == IPV4 && ct.alg == 0 && ct.flags.0 & !CtFlags::COMMIT.0 == 0;
    let zone = is_modelled.then(|| zone(ct.zone, headers)).flatten()?;
    if headers.fragment != 0 {
        return Some(Seen::Held);
    }
    // Of another zone it remembers nothing.
    let done = if headers.ct_zone == zone { headers.ct_state & (SNAT | DNAT) } else { 0 };
    let after = Headers { ct_zone: zone, ct_state: TRACKED, ..headers.clone() };
    let mut tracked = Tracked { before: headers.clone(), after, is_exhausted: false };
    let seen = &mut tracked.after;
    let shown = Shown::of(headers).filter(|_| headers.nw_proto != TCP || has_sound_flags(headers.tcp_flags));
    let Some(Shown { tuple, is_error }) = shown else {
        seen.ct_state |= INVALID;
        return Some(Seen::Passed(Box::new(tracked)));
    };
    // What was translated in the zone before is known by what it has become.
    let found = known.find(zone, if done == 0 { tuple } else { tuple.reversed() });
    if let Some((connection, way)) = found {
        let way = if done == 0 { way } else { way.reversed() };
        let is_reply = way == Way::Reply;
        connection.is_answered |= is_reply && !is_error;
        seen.ct_state |= done | if is_reply { REPLY } else { 0 };
        seen.ct_state |= match (is_error, connection.is_answered) {
            (true, _) => RELATED,
            (false, true) => ESTABLISHED,
            (false, false) => NEW,
        };
        if nat.is_some() && done == 0 {
            translate(seen, tuple, connection.translated(way), is_error);
        }
    } else if is_error || !begins(headers) {
        seen.ct_state |= INVALID;
    } else {
        seen.ct_state |= NEW;
        if ct.flags.contains(CtFlags::COMMIT) {
            let wanted = nat.filter(|nat| nat.flags.0 & (NatFlags::SRC.0 | NatFlags::DST.0) != 0);
            let reply = nat::reply(wanted, tuple, |reply| known.is_free(zone, reply));
            let connection = reply.map(|reply| Connection { zone, original: tuple, reply, is_answered: false });
            match connection.filter(|connection| known.add(*connection)) {
                Some(connection) => translate(seen, tuple, connection.reply.reversed(), false),
                None => tracked.is_exhausted = true,
            }
        }
    }
    Some(Seen::Passed(Box::new(tracked)))
}

fn zone(zone: CtZone, headers: &Headers) -> Option<u16> {
    match zone {
        CtZone::Number(number) => Some(number),
        CtZone::Field(field) => u16::try_from(Bits::of(field)?.read(headers)).ok(),
    }
}

/// Makes a packet of a connection, or an error about it, look like another one.
fn translate(seen: &mut Headers, from: Tuple, to: Tuple, is_error: bool) {
    seen.ct_state |= if from.src == to.src { 0 } else { SNAT } | if from.dst == to.dst { 0 } else { DNAT };
    // An error may come from somebody else.
    for (address, from, to) in [(&mut seen.nw_src, from.src, to.src), (&mut seen.nw_dst, from.dst, to.dst)] {
        if from.address != to.address {
            *address = to.address;
        }
    }
    if is_error {
        seen.quoted = Some(to.reversed());
    } else if to.proto != ICMP {
        (seen.tp_src, seen.tp_dst) = (to.src.port, to.dst.port);
    }
}

/// Whether a packet may be the first one of a connection: of ICMP a question, of TCP no answer to one.
fn begins(headers: &Headers) -> bool {
    match headers.nw_proto {
        ICMP => matches!(low(headers.tp_src), 8 | 13 | 15),
        TCP => headers.tcp_flags & (SYN | ACK) != SYN | ACK,
        _ => true,
    }
}

/// Whether these flags of TCP make sense together.
fn has_sound_flags(flags: u16) -> bool {
    let has = |some: u16| flags & some != 0;
    let is_begun = if has(SYN) { !has(RST | FIN) } else { has(ACK | RST) };
    is_begun && (has(ACK) || !has(FIN | PSH | URG))
}

/// Flags of TCP (RFC 9293).
const FIN: u16 = 0x01;
const SYN: u16 = 0x02;
const RST: u16 = 0x04;
const PSH: u16 = 0x08;
const ACK: u16 = 0x10;
const URG: u16 = 0x20;
/// Bits of ct_state (ovs-fields(7)).
pub(super) const NEW: u32 = 0x01;
pub(super) const ESTABLISHED: u32 = 0x02;
pub(super) const RELATED: u32 = 0x04;
pub(super) const REPLY: u32 = 0x08;
pub(super) const INVALID: u32 = 0x10;
const TRACKED: u32 = 0x20;
const SNAT: u32 = 0x40;
const DNAT: u32 = 0x80;
