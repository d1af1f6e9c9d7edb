//! The packet that an ICMP error quotes: its sender finds the connection by it, so that a NAT has to translate it too
//! (RFC 5508, section 4.2). The checksums change by what has changed: one that was wrong stays wrong.

use std::net::Ipv4Addr;

use super::checksum::changed;
use super::header::{CHECKSUM, DESTINATION, ETHERNET, Header, ICMP, SOURCE, UDP, set_word, word};

/// An ICMP error that quotes an IPv4 packet: destination unreachable, time exceeded or parameter problem.
#[derive(Debug)]
pub struct Quoting<'a> {
    frame: &'a mut [u8],
    outer: Header,
    inner: Header,
}

impl<'a> Quoting<'a> {
    /// The error in an Ethernet frame; nothing where it is something else, or quotes less than a header.
    pub fn of(frame: &'a mut [u8]) -> Option<Self> {
        Self::of_type(frame, &TYPES)
    }

    /// The same for errors of other types.
    pub(crate) fn of_type(frame: &'a mut [u8], types: &[u8]) -> Option<Self> {
        let outer = Header::at(frame, ETHERNET).filter(|_| word(frame, 12) == Some(0x0800))?;
        let kind = frame.get(outer.end()).copied()?;
        let is_error = outer.protocol(frame) == Some(ICMP) && outer.is_first(frame) && types.contains(&kind);
        let inner = Header::at(frame, outer.end() + QUOTE).filter(|_| is_error)?;
        let end = outer.at + outer.total_len(frame)?;
        (inner.end() <= end && end <= frame.len()).then_some(Self { frame, outer, inner })
    }

    /// Who sent the error.
    pub fn source(&self) -> Option<Ipv4Addr> {
        self.outer.source(self.frame)
    }

    /// Who is to get it.
    pub fn destination(&self) -> Option<Ipv4Addr> {
        self.outer.destination(self.frame)
    }

    /// The source of the packet that is quoted.
    pub fn quoted_source(&self) -> Option<Ipv4Addr> {
        self.inner.source(self.frame)
    }

    /// The destination of the packet that is quoted.
    pub fn quoted_destination(&self) -> Option<Ipv4Addr> {
        self.inner.destination(self.frame)
    }

    /// Puts another source into the packet that is quoted.
    pub fn quote_source(&mut self, address: Ipv4Addr) {
        self.quote(SOURCE, address);
    }

    /// Puts another destination into the packet that is quoted.
    pub fn quote_destination(&mut self, address: Ipv4Addr) {
        self.quote(DESTINATION, address);
    }

    /// Puts other ports into the packet that is quoted, where its protocol has them.
    pub(crate) fn quote_ports(&mut self, source: u16, destination: u16) {
        for (offset, new) in [(0, source), (2, destination)] {
            let at = self.inner.end() + offset;
            let Some(old) = word(self.frame, at) else { continue };
            self.put(at, new);
            if let Some(checksum) = self.transport_checksum() {
                self.count_in(checksum, old, new);
            }
        }
    }

    fn quote(&mut self, field: usize, address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        for (offset, new) in [(0, u16::from_be_bytes([a, b])), (2, u16::from_be_bytes([c, d]))] {
            let at = self.inner.at + field + offset;
            let Some(old) = word(self.frame, at) else { continue };
            self.put(at, new);
            self.count_in(self.inner.at + CHECKSUM, old, new);
            if let Some(checksum) = self.transport_checksum() {
                self.count_in(checksum, old, new);
            }
        }
    }

    /// Where the checksum that covers the addresses stands, if so much of the packet is quoted.
    fn transport_checksum(&self) -> Option<usize> {
        let end = self.outer.at + self.outer.total_len(self.frame)?;
        self.inner.transport_checksum(self.frame, end)
    }

    /// Changes a checksum in the quoted packet by a word that it covers.
    fn count_in(&mut self, at: usize, old: u16, new: u16) {
        let Some(checksum) = word(self.frame, at) else { return };
        let sum = changed(checksum, old, new);
        let is_udp = at == self.inner.end() + 6 && self.inner.protocol(self.frame) == Some(UDP);
        self.put(at, if is_udp && sum == 0 { 0xffff } else { sum });
    }

    /// Puts a word into the quoted packet; the ICMP checksum covers it.
    fn put(&mut self, at: usize, new: u16) {
        let checksum = self.outer.end() + 2;
        if let (Some(old), Some(sum)) = (word(self.frame, at), word(self.frame, checksum)) {
            set_word(self.frame, at, new);
            set_word(self.frame, checksum, changed(sum, old, new));
        }
    }
}

/// Destination unreachable, time exceeded, parameter problem (RFC 792): the errors that carry on.
pub const TYPES: [u8; 3] = [3, 11, 12];
/// Where the quoted packet begins in an ICMP error.
const QUOTE: usize = 8;
