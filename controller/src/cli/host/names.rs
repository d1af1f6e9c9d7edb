//! Names of network interfaces, which are also names of bridges.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the kernel takes as the name of an interface, without what a shell or a path would read otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct InterfaceName(String);

impl InterfaceName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with a prefix, cut to the length that a port's name has in OpenFlow.
    pub(super) fn prefixed(&self, prefix: &str) -> Self {
        Self(prefix.chars().chain(self.0.chars()).take(LONGEST).collect())
    }
}

impl FromStr for InterfaceName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        if text.is_empty() || text.len() > LONGEST {
            return Err(BadName::Length { text: text.to_owned() });
        }
        if let Some(character) = text.chars().find(|c| !fits(*c)) {
            return Err(BadName::Character { text: text.to_owned(), character });
        }
        if text.starts_with(['-', '.']) {
            return Err(BadName::Start { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text is no name of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum BadName {
    #[error("{text:?} is no name of an interface: it has 1 to {LONGEST} characters")]
    Length { text: String },
    #[error("{text:?} is no name of an interface: {character:?} cannot stand in one")]
    Character { text: String, character: char },
    #[error("{text:?} is no name of an interface: none begins with a dash or a dot")]
    Start { text: String },
}

/// IFNAMSIZ without the closing zero.
const LONGEST: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_interfaces() {
        for name in ["eth0", "enp1s0f0np0", "eth0.100", "br-ex", "bond_0"] {
            assert_eq!(name.parse::<InterfaceName>().map(String::from).as_deref(), Ok(name));
        }
        for name in ["", "-eth0", "..", "eth 0", "eth/0", "eth0;reboot", "eth0:1", "averyveryverylongname", "ethö"] {
            assert!(name.parse::<InterfaceName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_patch_port_is_cut_as_openflow_cuts_it() {
        let bridge: InterfaceName = "br-provider-ab".parse().expect("a name");
        assert_eq!(bridge.prefixed("phy-").as_str(), "phy-br-provider");
    }
}
