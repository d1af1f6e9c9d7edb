//! Addresses as they are written in arguments and params. They are read with errors that say how to write them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(pub Ipv4Addr);

/// An IPv4 subnet with its prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(pub Ipv4Net);

/// A value to set, or the word `none` to have no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "Written",
    into = "String",
    bound(serialize = "T: Clone + fmt::Display", deserialize = "T: FromStr<Err: fmt::Display>")
)]
pub enum Setting<T> {
    /// To be this.
    Value(T),
    /// To be absent.
    None,
}

/// A value as JSON has it: a number stands for its digits.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a number is expected")]
enum Written {
    Number(u64),
    Text(String),
}

/// Why a text is none of these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrittenError {
    /// No address at all.
    #[error("{text:?} is not an IPv4 address: write it like 192.0.2.1")]
    Address {
        /// What was given.
        text: String,
    },
    /// An address with a prefix length.
    #[error("{text:?} is a subnet: write the address alone, like 192.0.2.1")]
    Prefix {
        /// What was given.
        text: String,
    },
    /// An address of the other family.
    #[error("{text:?} is an IPv6 address: only IPv4 is served")]
    Ipv6 {
        /// What was given.
        text: String,
    },
    /// No subnet.
    #[error("{text:?} is not a subnet: write it with its prefix length, like 192.0.2.0/24")]
    Subnet {
        /// What was given.
        text: String,
    },
    /// Neither a value nor the word `none`.
    #[error("{0}, or none")]
    Setting(String),
}

impl FromStr for Address {
    type Err = WrittenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |_| match text.to_owned() {
            text if text.parse::<Ipv4Net>().is_ok() => WrittenError::Prefix { text },
            text if text.parse::<Ipv6Addr>().is_ok() => WrittenError::Ipv6 { text },
            text => WrittenError::Address { text },
        };
        text.parse().map(Self).map_err(wrong)
    }
}

impl FromStr for Subnet {
    type Err = WrittenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| WrittenError::Subnet { text: text.to_owned() })
    }
}

impl<T: FromStr<Err: fmt::Display>> FromStr for Setting<T> {
    type Err = WrittenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            text => text.parse().map(Self::Value).map_err(|error: T::Err| WrittenError::Setting(error.to_string())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Address> for Ipv4Addr {
    fn from(written: Address) -> Self {
        written.0
    }
}

impl From<Subnet> for Ipv4Net {
    fn from(written: Subnet) -> Self {
        written.0
    }
}

impl From<Address> for String {
    fn from(written: Address) -> Self {
        written.0.to_string()
    }
}

impl From<Subnet> for String {
    fn from(written: Subnet) -> Self {
        written.0.to_string()
    }
}

impl<T: fmt::Display> From<Setting<T>> for String {
    fn from(setting: Setting<T>) -> Self {
        match setting {
            Setting::Value(value) => value.to_string(),
            Setting::None => "none".to_owned(),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = WrittenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for Subnet {
    type Error = WrittenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl<T: FromStr<Err: fmt::Display>> TryFrom<Written> for Setting<T> {
    type Error = WrittenError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl<T> Setting<T> {
    /// What a value is after the setting, where there is one.
    pub fn over<V: From<T>>(setting: Option<Self>, before: Option<V>) -> Option<V> {
        match setting {
            None => before,
            Some(Self::Value(value)) => Some(value.into()),
            Some(Self::None) => None,
        }
    }
}
