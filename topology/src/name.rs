//! Names that an admin gives: of providers, pools, networks, instances and projects.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::Text;

/// A name of 1 to 255 bytes that is safe in a table, a path and a shell: letters, digits and `. _ - :`, not
/// beginning with `-`. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Text);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseNameError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(ParseNameError::Long { len: text.len() });
        }
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        if let Some(character) = text.chars().find(|c| !allowed(*c)) {
            return Err(ParseNameError::Character { text: text.to_owned(), character });
        }
        if text.starts_with('-') {
            return Err(ParseNameError::Dash { text: text.to_owned() });
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Name {
    type Error = ParseNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.as_str().to_owned()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseNameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// More than 255 bytes.
    #[error("a name has at most {MAX_LEN} bytes, this one has {len}")]
    Long {
        /// Its length in bytes.
        len: usize,
    },
    /// A character outside the allowed set.
    #[error("{text:?} cannot be a name because of {character:?}: use letters, digits and . _ - :")]
    Character {
        /// What was given.
        text: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// It would be taken for an option.
    #[error("{text:?} cannot be a name: it begins with a dash")]
    Dash {
        /// What was given.
        text: String,
    },
}

const MAX_LEN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_taken() {
        for text in ["web-1", "ovh.gra", "AS64496", "tenant:blue", "größe", "a"] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_a_shell_or_a_table_would_mangle_is_refused() {
        for text in ["", "two words", "a/b", "-x", "tab\t", "new\nline", "\u{1b}[31m"] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        assert_eq!("x".repeat(256).parse::<Name>(), Err(ParseNameError::Long { len: 256 }));
    }
}
