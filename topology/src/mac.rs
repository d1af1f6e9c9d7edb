//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A 48-bit Ethernet address, written `02:00:00:00:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// `00:00:00:00:00:00`, which no interface may carry.
    pub const ZERO: Self = Self([0; 6]);

    /// The address made of these bytes, the first on the wire first.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The bytes, the first on the wire first.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether one station can own this address: not a group address and not all zeros.
    pub const fn is_unicast(self) -> bool {
        let [first, ..] = self.0;
        first & 0x01 == 0 && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether nobody may have it: what asks for a fence says so with one of these, `02:b0:07:80:00:00` and on.
    pub const fn is_reserved(self) -> bool {
        let [a, b, c, d, ..] = self.0;
        matches!([a, b, c], Self::OURS) && d & 0x80 != 0
    }

    /// How the MACs begin that are made here: in the first half those of gateways, in the second the reserved ones.
    pub const OURS: [u8; 3] = [0x02, 0xb0, 0x07];
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseMacError { text: text.to_owned() };
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| matches!(part.len(), 1 | 2)).ok_or_else(fail)?;
            if !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(fail());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| fail())?;
        }
        if parts.next().is_some() {
            return Err(fail());
        }
        Ok(Self(octets))
    }
}

impl TryFrom<String> for MacAddr {
    type Error = ParseMacError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

/// The text is not six octets in hex.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a MAC address: write six octets in hex, like 02:00:00:00:00:01")]
pub struct ParseMacError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_separators_and_short_octets_are_read() {
        for text in ["02:00:00:0a:00:01", "02-00-00-0A-00-01", "2:0:0:a:0:1"] {
            assert_eq!(text.parse::<MacAddr>().unwrap().to_string(), "02:00:00:0a:00:01", "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "02:00:00:00:00:0g",
            "02:00:00:00:00:+1",
            "020000000001",
            "02::00:00:00:01",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn group_and_zero_addresses_are_not_unicast() {
        assert!(MacAddr::new([2, 0, 0, 0, 0, 1]).is_unicast());
        assert!(!MacAddr::BROADCAST.is_unicast());
        assert!(!MacAddr::new([1, 0, 0x5e, 0, 0, 1]).is_unicast());
        assert!(!MacAddr::ZERO.is_unicast());
    }
}
