//! Where things stand in an IPv4 packet (RFC 791).

use std::net::Ipv4Addr;

/// An IPv4 header in a buffer: where it begins, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) at: usize,
    pub(super) len: usize,
}

impl Header {
    /// The header at a place, if all of it is there.
    pub(super) fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let first = *bytes.get(at)?;
        let len = usize::from(first & 0x0f) * 4;
        let is_whole = first >> 4 == 4 && len >= LEAST && bytes.get(at..at.checked_add(len)?).is_some();
        is_whole.then_some(Self { at, len })
    }

    /// Where the payload begins.
    pub(super) fn end(self) -> usize {
        self.at + self.len
    }

    pub(super) fn total_len(self, bytes: &[u8]) -> Option<usize> {
        word(bytes, self.at + 2).map(usize::from)
    }

    /// Whether this is the first fragment, or all of the packet.
    pub(super) fn is_first(self, bytes: &[u8]) -> bool {
        word(bytes, self.at + 6).is_some_and(|word| word & 0x1fff == 0)
    }

    pub(super) fn protocol(self, bytes: &[u8]) -> Option<u8> {
        bytes.get(self.at + 9).copied()
    }

    /// Where the checksum that covers the addresses stands, if so much of the packet is there before `end`.
    pub(super) fn transport_checksum(self, bytes: &[u8], end: usize) -> Option<usize> {
        let at = match self.protocol(bytes)? {
            TCP => self.end() + 16,
            UDP => self.end() + 6,
            _ => return None,
        };
        // A UDP checksum of zero is none (RFC 768).
        let is_none = self.protocol(bytes) == Some(UDP) && word(bytes, at) == Some(0);
        (self.is_first(bytes) && at + 2 <= end && !is_none).then_some(at)
    }

    pub(super) fn source(self, bytes: &[u8]) -> Option<Ipv4Addr> {
        address(bytes, self.at + SOURCE)
    }

    pub(super) fn destination(self, bytes: &[u8]) -> Option<Ipv4Addr> {
        address(bytes, self.at + DESTINATION)
    }
}

/// The 16-bit word at a place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// Puts a 16-bit word at a place, where there is one.
pub(super) fn set_word(bytes: &mut [u8], at: usize, word: u16) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = word.to_be_bytes();
    }
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk::<4>().copied().map(Ipv4Addr::from)
}

/// Where the payload of an Ethernet frame without a tag begins.
pub(super) const ETHERNET: usize = 14;
/// Where the checksum, the source and the destination stand in an IPv4 header.
pub(super) const CHECKSUM: usize = 10;
pub(super) const SOURCE: usize = 12;
pub(super) const DESTINATION: usize = 16;
/// A header without options.
pub(super) const LEAST: usize = 20;
/// Protocol numbers (IANA).
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
