//! Projects: those who have addresses, networks and instances, and how many addresses they may have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Name;

/// A project of which something is stored. A project need not be declared to have things; one that is not has the
/// default quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: Name,
    /// How many floating IPs it may have; the default where it is not said.
    #[serde(default)]
    pub fip_quota: Option<Quota>,
}

/// How many of something a project may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub enum Quota {
    /// As many as there are.
    #[default]
    Unlimited,
    /// So many and no more.
    AtMost(u32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl Quota {
    /// The number, where there is a limit.
    pub fn limit(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::AtMost(limit) => Some(limit.into()),
        }
    }
}

impl FromStr for Quota {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "unlimited" => Ok(Self::Unlimited),
            number => number.parse().map(Self::AtMost).map_err(|_| ParseQuotaError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<Written> for Quota {
    type Error = ParseQuotaError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::AtMost(limit) => limit.fmt(f),
        }
    }
}

impl From<Quota> for String {
    fn from(quota: Quota) -> Self {
        quota.to_string()
    }
}

/// The text is no quota.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a quota: write a number, or unlimited")]
pub struct ParseQuotaError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_or_unlimited() {
        for (json, quota) in [("5", Quota::AtMost(5)), ("\"0\"", Quota::AtMost(0)), ("\"unlimited\"", Quota::Unlimited)]
        {
            assert_eq!(serde_json::from_str::<Quota>(json).unwrap(), quota);
            assert_eq!(quota.to_string().parse(), Ok(quota));
        }
        for text in ["", "-1", "many", "4294967296"] {
            assert!(text.parse::<Quota>().is_err(), "{text:?}");
        }
    }
}
