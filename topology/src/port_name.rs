//! Names of bridges and of their ports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::Text;

/// The name of an OVS port or bridge, compared as OpenFlow reports it: OpenFlow 1.3 has room for 15 bytes
/// (section 7.2.1, OFP_MAX_PORT_NAME_LEN), so a longer name is cut there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortName(Text);

impl PortName {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name with a prefix, cut to what OpenFlow can report.
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self::cut(&format!("{prefix}{}", self.as_str()))
    }

    fn cut(text: &str) -> Self {
        Self(text.get(..text.floor_char_boundary_at(MAX_LEN)).unwrap_or(text).into())
    }
}

impl FromStr for PortName {
    type Err = PortNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '"');
        if text.is_empty() {
            return Err(PortNameError::Empty);
        }
        if text.len() > LONGEST {
            return Err(PortNameError::Long { len: text.len() });
        }
        if let Some(character) = text.chars().find(|c| !fits(*c)) {
            return Err(PortNameError::Character { text: text.to_owned(), character });
        }
        Ok(Self::cut(text))
    }
}

impl TryFrom<String> for PortName {
    type Error = PortNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PortName> for String {
    fn from(name: PortName) -> Self {
        name.as_str().to_owned()
    }
}

impl std::borrow::Borrow<str> for PortName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The text cannot name a port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PortNameError {
    /// Nothing was given.
    #[error("the name of a port or a bridge must not be empty")]
    Empty,
    /// More than Open vSwitch takes.
    #[error("the name of a port or a bridge has at most {LONGEST} bytes, this one has {len}")]
    Long {
        /// Its length in bytes.
        len: usize,
    },
    /// A character that Open vSwitch does not take.
    #[error("{text:?} cannot name a port or a bridge because of {character:?}: write it as ovs-vsctl shows it")]
    Character {
        /// What was given.
        text: String,
        /// The first character that does not fit.
        character: char,
    },
}

const LONGEST: usize = 255;
const MAX_LEN: usize = 15;

// `str::floor_char_boundary` is younger than our rust-version.
trait CharBoundary {
    fn floor_char_boundary_at(&self, len: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_at(&self, len: usize) -> usize {
        (0..=len.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_equals_what_openflow_reports_of_it() {
        let name: PortName = "phy-br-external0".parse().unwrap();
        assert_eq!(name.as_str(), "phy-br-external");
        assert_eq!("br-external0".parse::<PortName>().unwrap().prefixed("phy-"), name);
    }

    #[test]
    fn a_name_is_not_cut_inside_a_character() {
        assert_eq!("aaaaaaaaaaaaaaß".parse::<PortName>().unwrap().as_str(), "aaaaaaaaaaaaaa");
    }

    #[test]
    fn what_ovs_would_not_take_is_refused() {
        for text in ["", "a b", "a/b", "a\"b", "a\n"] {
            assert!(text.parse::<PortName>().is_err(), "{text:?}");
        }
    }
}
