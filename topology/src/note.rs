//! Notes that an admin keeps beside an address.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::Text;

/// A line of 1 to 256 characters without control characters. Cloning shares the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Note(Text);

impl Note {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Note {
    type Err = ParseNoteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let len = text.chars().count();
        if len == 0 {
            return Err(ParseNoteError::Empty);
        }
        if len > MAX_LEN {
            return Err(ParseNoteError::Long { len });
        }
        match text.chars().find(|character| character.is_control()) {
            Some(character) => Err(ParseNoteError::Control { character }),
            None => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for Note {
    type Error = ParseNoteError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Note> for String {
    fn from(note: Note) -> Self {
        note.as_str().to_owned()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text cannot be a note.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseNoteError {
    /// Nothing was given.
    #[error("a note must not be empty")]
    Empty,
    /// More than 256 characters.
    #[error("a note has at most {MAX_LEN} characters, this one has {len}")]
    Long {
        /// How many it has.
        len: usize,
    },
    /// A newline, a tab or another one that a terminal would obey.
    #[error("a note is one line without control characters, this one has {character:?}")]
    Control {
        /// The first one.
        character: char,
    },
}

const MAX_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_of_a_length_that_a_table_bears() {
        for text in ["x", "rack 7, \"web\"; größe", &"ü".repeat(256)] {
            assert_eq!(text.parse::<Note>().map(String::from), Ok(text.to_owned()));
        }
        for (text, error) in [
            ("", ParseNoteError::Empty),
            (&*"x".repeat(257), ParseNoteError::Long { len: 257 }),
            ("a\nb", ParseNoteError::Control { character: '\n' }),
            ("\u{1b}[31m", ParseNoteError::Control { character: '\u{1b}' }),
        ] {
            assert_eq!(text.parse::<Note>(), Err(error), "{text:?}");
        }
    }
}
