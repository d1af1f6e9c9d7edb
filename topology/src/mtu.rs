//! The longest packet that a link takes.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many bytes an IPv4 packet may have on a link, its header included and the frame around it not: 68 to 65535.
/// Every link takes 68 (RFC 791, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Mtu(u16);

impl Mtu {
    /// The number.
    pub fn bytes(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Mtu {
    type Error = MtuError;

    fn try_from(bytes: u16) -> Result<Self, Self::Error> {
        if bytes >= LEAST { Ok(Self(bytes)) } else { Err(MtuError { bytes: bytes.to_string() }) }
    }
}

impl std::str::FromStr for Mtu {
    type Err = MtuError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.parse::<u16>().map_err(|_| MtuError { bytes: text.to_owned() })?;
        bytes.try_into()
    }
}

impl From<Mtu> for u16 {
    fn from(mtu: Mtu) -> Self {
        mtu.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number is no MTU.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{bytes} is not an MTU: use 68 to 65535, the bytes of an IPv4 packet without the frame and its VLAN tag")]
pub struct MtuError {
    bytes: String,
}

/// What every module must be able to forward without a further fragment (RFC 791, section 3.2).
const LEAST: u16 = 68;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_link_can_have_is_refused() {
        for (text, is_right) in [("68", true), ("1400", true), ("65535", true), ("67", false), ("65536", false)] {
            assert_eq!(text.parse::<Mtu>().is_ok(), is_right, "{text}");
        }
        for text in ["", "-1", "1400 ", "jumbo"] {
            assert!(text.parse::<Mtu>().unwrap_err().to_string().starts_with(text), "{text}");
        }
        let refused = serde_json::from_str::<Mtu>("67").unwrap_err().to_string();
        assert!(refused.contains("use 68 to 65535"), "{refused}");
    }
}
