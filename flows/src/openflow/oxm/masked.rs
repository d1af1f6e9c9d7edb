//! Values of match fields, and masks over them.

use std::net::{Ipv4Addr, Ipv6Addr};

use buoy_topology::{MacAddr, PortNo};
use ipnet::{Ipv4Net, Ipv6Net};

/// A value that a match field can carry, seen as a number of at most 128 bits.
pub trait FieldValue: Copy {
    /// How many bytes it takes on the wire.
    const LEN: usize;

    /// The value as a number, first byte highest.
    fn to_bits(self) -> u128;

    /// The value in the lowest bits of a number; bits above them are ignored.
    fn from_bits(bits: u128) -> Self;
}

/// A value and the bits of it that count (one bits in the mask).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked<T> {
    /// The value.
    pub value: T,
    /// The bits that count.
    pub mask: T,
}

impl<T: FieldValue> Masked<T> {
    /// The value under the mask; bits outside the mask are cleared.
    pub fn new(value: T, mask: T) -> Self {
        Self { value: T::from_bits(value.to_bits() & mask.to_bits()), mask }
    }

    /// Whether every bit counts.
    pub fn is_exact(self) -> bool {
        self.mask.to_bits() == ones(T::LEN * 8)
    }
}

impl<T: FieldValue> From<T> for Masked<T> {
    fn from(value: T) -> Self {
        Self { value, mask: T::from_bits(u128::MAX) }
    }
}

impl From<Ipv4Net> for Masked<Ipv4Addr> {
    fn from(net: Ipv4Net) -> Self {
        Self::new(net.addr(), net.netmask())
    }
}

impl From<Ipv6Net> for Masked<Ipv6Addr> {
    fn from(net: Ipv6Net) -> Self {
        Self::new(net.addr(), net.netmask())
    }
}

/// The lowest `bits` bits.
pub(in crate::openflow) const fn ones(bits: usize) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

impl FieldValue for u8 {
    const LEN: usize = 1;

    fn to_bits(self) -> u128 {
        self.into()
    }

    fn from_bits(bits: u128) -> Self {
        let [.., last] = bits.to_be_bytes();
        last
    }
}

impl FieldValue for u16 {
    const LEN: usize = 2;

    fn to_bits(self) -> u128 {
        self.into()
    }

    fn from_bits(bits: u128) -> Self {
        let [.., a, b] = bits.to_be_bytes();
        Self::from_be_bytes([a, b])
    }
}

impl FieldValue for u32 {
    const LEN: usize = 4;

    fn to_bits(self) -> u128 {
        self.into()
    }

    fn from_bits(bits: u128) -> Self {
        let [.., a, b, c, d] = bits.to_be_bytes();
        Self::from_be_bytes([a, b, c, d])
    }
}

impl FieldValue for u64 {
    const LEN: usize = 8;

    fn to_bits(self) -> u128 {
        self.into()
    }

    fn from_bits(bits: u128) -> Self {
        let [.., a, b, c, d, e, f, g, h] = bits.to_be_bytes();
        Self::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl FieldValue for u128 {
    const LEN: usize = 16;

    fn to_bits(self) -> u128 {
        self
    }

    fn from_bits(bits: u128) -> Self {
        bits
    }
}

impl FieldValue for PortNo {
    const LEN: usize = 4;

    fn to_bits(self) -> u128 {
        self.0.into()
    }

    fn from_bits(bits: u128) -> Self {
        Self(u32::from_bits(bits))
    }
}

impl FieldValue for MacAddr {
    const LEN: usize = 6;

    fn to_bits(self) -> u128 {
        let [a, b, c, d, e, f] = self.octets();
        u64::from_be_bytes([0, 0, a, b, c, d, e, f]).into()
    }

    fn from_bits(bits: u128) -> Self {
        let [.., a, b, c, d, e, f] = bits.to_be_bytes();
        Self::new([a, b, c, d, e, f])
    }
}

impl FieldValue for Ipv4Addr {
    const LEN: usize = 4;

    fn to_bits(self) -> u128 {
        u32::from(self).into()
    }

    fn from_bits(bits: u128) -> Self {
        u32::from_bits(bits).into()
    }
}

impl FieldValue for Ipv6Addr {
    const LEN: usize = 16;

    fn to_bits(self) -> u128 {
        self.into()
    }

    fn from_bits(bits: u128) -> Self {
        bits.into()
    }
}
