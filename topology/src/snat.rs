//! The address that instances without a floating IP share, and the ports of it that their connections get.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A shared address. It is written `ADDRESS`, or `ADDRESS:FIRST-LAST` where its ports are not the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Snat {
    address: Ipv4Addr,
    ports: (u16, u16),
}

impl Snat {
    /// The address.
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The first and the last port that a connection may get.
    pub fn ports(self) -> (u16, u16) {
        self.ports
    }
}

impl FromStr for Snat {
    type Err = SnatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SnatError { text: text.to_owned() };
        let (address, ports) = text.split_once(':').map_or((text, None), |(address, ports)| (address, Some(ports)));
        let ports = match ports {
            None => USUAL,
            Some(ports) => {
                let (first, last) = ports.split_once('-').ok_or_else(wrong)?;
                (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?)
            }
        };
        if ports.0 == 0 || ports.0 > ports.1 {
            return Err(wrong());
        }
        Ok(Self { address: address.parse().map_err(|_| wrong())?, ports })
    }
}

impl fmt::Display for Snat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            USUAL => self.address.fmt(f),
            (first, last) => write!(f, "{}:{first}-{last}", self.address),
        }
    }
}

impl TryFrom<String> for Snat {
    type Error = SnatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Snat> for String {
    fn from(snat: Snat) -> Self {
        snat.to_string()
    }
}

/// The text is no shared address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no address for SNAT: write it like 192.0.2.1, or with its ports, like 192.0.2.1:20000-29999")]
pub struct SnatError {
    text: String,
}

/// All but those that only a privileged program may listen on.
const USUAL: (u16, u16) = (1_024, 65_535);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_address_is_written_as_it_is_read() {
        for text in ["192.0.2.1", "192.0.2.1:20000-29999", "192.0.2.1:5-5"] {
            assert_eq!(text.parse::<Snat>().map(|own| own.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("192.0.2.1:1024-65535".parse::<Snat>().map(|own| own.to_string()), Ok("192.0.2.1".to_owned()));
    }

    #[test]
    fn what_is_no_shared_address_is_refused_with_how_to_write_it() {
        for text in ["", "192.0.2", "192.0.2.1:", "192.0.2.1:5", "192.0.2.1:0-5", "192.0.2.1:9-5", "192.0.2.1:1-65536"]
        {
            let error = text.parse::<Snat>().expect_err(text).to_string();
            assert!(error.starts_with(&format!("{text:?} is no address for SNAT: write it like")), "{error}");
        }
    }
}
