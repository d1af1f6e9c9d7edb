//! Address translation of a connection, inside of a ct action.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};

use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::wire::{Reader, put_padding};

const IPV4_MIN: u16 = 1;
const IPV4_MAX: u16 = 1 << 1;
const IPV6_MIN: u16 = 1 << 2;
const IPV6_MAX: u16 = 1 << 3;
const PROTO_MIN: u16 = 1 << 4;
const PROTO_MAX: u16 = 1 << 5;

/// Translates the connection's addresses (NXAST_NAT); without flags it applies the translation that was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nat {
    /// What is translated, and how ports are chosen.
    pub flags: NatFlags,
    /// The addresses to choose from.
    pub addresses: NatRange,
    /// The lowest and the highest port to choose from; 0 for none.
    pub ports: (u16, u16),
}

/// What is translated, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NatFlags(pub u16);

impl NatFlags {
    /// The source.
    pub const SRC: Self = Self(1);
    /// The destination.
    pub const DST: Self = Self(1 << 1);
    /// The choice survives a restart.
    pub const PERSISTENT: Self = Self(1 << 2);
    /// Ports are chosen by a hash.
    pub const HASH: Self = Self(1 << 3);
    /// Ports are chosen at random.
    pub const RANDOM: Self = Self(1 << 4);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// Addresses from the first to the last, which is the first where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatRange {
    /// The switch chooses.
    #[default]
    Any,
    /// IPv4 addresses.
    V4(Ipv4Addr, Option<Ipv4Addr>),
    /// IPv6 addresses.
    V6(Ipv6Addr, Option<Ipv6Addr>),
}

impl Nat {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let (first, last) = self.ports;
        if (self.addresses == NatRange::Any && first != 0) || (first == 0 && last != 0) {
            return Err(EncodeError::Unencodable { what: "nat to ports without a beginning or without an address" });
        }
        put_padding(out, 2);
        out.put_u16(self.flags.0);
        let addresses = match self.addresses {
            NatRange::Any => 0,
            NatRange::V4(_, last) => IPV4_MIN | last.map_or(0, |_| IPV4_MAX),
            NatRange::V6(_, last) => IPV6_MIN | last.map_or(0, |_| IPV6_MAX),
        };
        let ports = if first == 0 { 0 } else { PROTO_MIN } | if last == 0 { 0 } else { PROTO_MAX };
        out.put_u16(addresses | ports);
        match self.addresses {
            NatRange::Any => {}
            NatRange::V4(first, last) => {
                [Some(first), last].into_iter().flatten().for_each(|own| out.put_slice(&own.octets()));
            }
            NatRange::V6(first, last) => {
                [Some(first), last].into_iter().flatten().for_each(|own| out.put_slice(&own.octets()));
            }
        }
        [first, last].into_iter().filter(|port| *port != 0).for_each(|port| out.put_u16(port));
        Ok(())
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, DecodeError> {
        body.skip(2)?;
        let flags = NatFlags(body.u16()?);
        let present = body.u16()?;
        let has = |bit| present & bit != 0;
        let addresses = if has(IPV4_MIN) {
            let first = Ipv4Addr::from(body.array()?);
            NatRange::V4(first, if has(IPV4_MAX) { Some(body.array()?.into()) } else { None })
        } else if has(IPV6_MIN) {
            let first = Ipv6Addr::from(body.array::<16>()?);
            NatRange::V6(first, if has(IPV6_MAX) { Some(body.array::<16>()?.into()) } else { None })
        } else {
            NatRange::Any
        };
        let first = if has(PROTO_MIN) { body.u16()? } else { 0 };
        let last = if has(PROTO_MAX) { body.u16()? } else { 0 };
        Ok(Self { flags, addresses, ports: (first, last) })
    }
}
