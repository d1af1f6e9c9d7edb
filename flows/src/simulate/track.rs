//! The connection tracker, as far as one packet alone tells of it: every packet is the first one of its connection.
//!
//! A new connection whose source is translated gets the address, and keeps its port where the port is among those that
//! may be given; else it gets the first of them, which stands for any. That the tracker's own translation of a later
//! packet, of an answer or of an ICMP error would find a connection is not simulated: nobody is found.

use super::headers::{Headers, ICMP, TCP, UDP};
use crate::openflow::{Action, Ct, CtFlags, NatFlags, NatRange};

/// What the tracker makes of a packet; none for what is not modelled.
pub(super) fn track(ct: &Ct, headers: &Headers) -> Option<Headers> {
    let mut seen = headers.clone();
    seen.ct_state = if is_known(headers) { TRACKED | NEW } else { TRACKED | NOT_VALID };
    let [Action::Nat(nat)] = &*ct.actions else { return ct.actions.is_empty().then_some(seen) };
    if nat.flags == NatFlags::default() || seen.ct_state & NEW == 0 {
        return Some(seen);
    }
    let (NatFlags::SRC, true) = (nat.flags, ct.flags.contains(CtFlags::COMMIT)) else { return None };
    let NatRange::V4(address, None) = nat.addresses else { return None };
    seen.nw_src = address;
    let (first, last) = nat.ports;
    if seen.nw_proto != ICMP && first != 0 && !(first..=last.max(first)).contains(&seen.tp_src) {
        seen.tp_src = first;
    }
    Some(seen)
}

/// Protocols that the tracker follows; and of ICMP what asks something.
fn is_known(headers: &Headers) -> bool {
    match headers.nw_proto {
        TCP | UDP | SCTP => true,
        ICMP => matches!((headers.tp_src, headers.tp_dst), (8 | 13, 0)),
        _ => false,
    }
}

const SCTP: u8 = 132;
/// Bits of ct_state (ovs-fields(7)).
const NEW: u32 = 0x01;
pub(super) const NOT_VALID: u32 = 0x10;
const TRACKED: u32 = 0x20;
