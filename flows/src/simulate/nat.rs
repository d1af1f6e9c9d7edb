//! Which address and port a new connection gets.

use super::connections::{Endpoint, Tuple};
use super::headers::ICMP;
use crate::openflow::{Nat, NatFlags, NatRange};

/// How the answers of a connection look that is translated so: the first address and port for which nobody else's answers
/// look the same. It keeps its own port where that may be given. None where there is none left.
///
/// What a switch chooses is in the range too, but need not be this: it chooses by a hash.
pub(super) fn reply(nat: Option<&Nat>, original: Tuple, is_free: impl Fn(Tuple) -> bool) -> Option<Tuple> {
    let plain = original.reversed();
    let Some((nat, NatRange::V4(first, last))) = nat.map(|nat| (nat, nat.addresses)) else {
        return is_free(plain).then_some(plain);
    };
    let is_source = nat.flags.contains(NatFlags::SRC);
    let own = if is_source { original.src } else { original.dst };
    let with = |end: Endpoint| if is_source { Tuple { dst: end, ..plain } } else { Tuple { src: end, ..plain } };
    let addresses = (first.to_bits()..=last.unwrap_or(first).to_bits()).map(Into::into);
    let candidates =
        addresses.flat_map(|address| ports(nat, own.port, original.proto).map(move |port| (address, port)));
    candidates.map(|(address, port)| with(Endpoint { address, port, ..own })).find(|tuple| is_free(*tuple))
}

/// The ports to choose from, in this order.
fn ports(nat: &Nat, own: u16, proto: u8) -> impl Iterator<Item = u16> {
    let (first, last) = match nat.ports {
        // Identifiers are not translated.
        _ if proto == ICMP => (own, own),
        (0, _) if nat.flags.contains(NatFlags::SRC) => UNPRIVILEGED,
        (0, _) => (own, own),
        (first, last) => (first, last.max(first)),
    };
    let is_kept = nat.ports.0 == 0 || (first..=last).contains(&own);
    is_kept.then_some(own).into_iter().chain(first..=last)
}

/// Where no ports are said, one that is taken gives way to one of these.
const UNPRIVILEGED: (u16, u16) = (1_024, 65_535);
