//! Pools: named sets of a provider's addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AddressSet, CoolDown, EntityId, Name};

/// A named set of addresses of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its number.
    pub id: EntityId,
    /// Its name, unique among pools.
    pub name: Name,
    /// The provider that the addresses belong to.
    pub provider: Name,
    /// The addresses, as given: what the provider keeps for itself is left out where they are used.
    pub addresses: AddressSet,
    /// Whether addresses are taken from here when no pool is named.
    pub default: bool,
    /// What an admin keeps out of allocation.
    #[serde(default)]
    pub reserved: AddressSet,
    /// What was taken out of it, and the provider may still send here: it is dropped like an address that nobody has, until
    /// it is in a pool again, or an admin says that it does not come here any more.
    #[serde(default)]
    pub withdrawn: AddressSet,
    /// How long no other project gets an address that was released.
    #[serde(default)]
    pub cool_down: CoolDown,
    /// How full the pool is when its admin wants to be told; none is never.
    #[serde(default = "Percent::usual")]
    pub warn_at: Option<Percent>,
}

/// A share in percent, from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// When an admin is told of a pool that says nothing else: at 90 percent.
    pub fn usual() -> Option<Self> {
        Some(Self(90))
    }
}

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if (1..=100).contains(&number) { Ok(Self(number)) } else { Err(wrong(number)) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text);
        number.parse::<u8>().map_err(|_| wrong(text)).and_then(Self::try_from)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

fn wrong(given: impl fmt::Display) -> String {
    format!("{given} is no percentage: write a number from 1 to 100")
}
