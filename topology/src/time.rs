//! Times as they are stored, and how long a released address cools down.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Seconds since 1970, by a clock that never goes back: who owns the site sees to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// How long no other project gets an address that was released: 0 seconds to 366 days, by default 5 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct CoolDown(u32);

/// A number of seconds, or a text with a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl CoolDown {
    /// The whole seconds.
    pub fn seconds(self) -> u64 {
        self.0.into()
    }

    /// When it is over.
    pub fn after(self, start: Time) -> Time {
        Time(start.0.saturating_add(self.seconds()))
    }

    fn checked(seconds: u64, text: &str) -> Result<Self, ParseCoolDownError> {
        let fits = u32::try_from(seconds).ok().filter(|seconds| *seconds <= LONGEST);
        fits.map(Self).ok_or_else(|| ParseCoolDownError { text: text.to_owned() })
    }
}

impl Default for CoolDown {
    fn default() -> Self {
        Self(5 * 60)
    }
}

impl FromStr for CoolDown {
    type Err = ParseCoolDownError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseCoolDownError { text: text.to_owned() };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let unit = match text.strip_prefix(digits).unwrap_or_default() {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        Self::checked(number.checked_mul(unit).ok_or_else(wrong)?, text)
    }
}

impl TryFrom<Written> for CoolDown {
    type Error = ParseCoolDownError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(seconds) => Self::checked(seconds, &seconds.to_string()),
            Written::Text(text) => text.parse(),
        }
    }
}

impl fmt::Display for CoolDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl From<CoolDown> for String {
    fn from(cool_down: CoolDown) -> Self {
        cool_down.to_string()
    }
}

/// The text is no such duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is not a cool-down: write seconds, or a number with s, m, h or d, like 5m; 0 turns it off, 366d is the longest"
)]
pub struct ParseCoolDownError {
    text: String,
}

const LONGEST: u32 = 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cool_downs_are_read_with_and_without_units() {
        for (text, seconds) in [("0", 0), ("300", 300), ("90s", 90), ("5m", 300), ("2h", 7_200), ("366d", 31_622_400)] {
            assert_eq!(text.parse::<CoolDown>().map(CoolDown::seconds), Ok(seconds), "{text}");
            assert_eq!(serde_json::from_str::<CoolDown>(&format!("{text:?}")).unwrap().seconds(), seconds);
        }
        assert_eq!(serde_json::from_str::<CoolDown>("300").unwrap(), CoolDown::default());
        for text in ["", "m", "-1", "5 m", "1.5h", "367d", "5w", "99999999999999999999", "9999999999999999999d"] {
            assert!(text.parse::<CoolDown>().is_err(), "{text:?}");
        }
    }
}
