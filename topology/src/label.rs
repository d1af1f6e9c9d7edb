//! Labels: words that an admin sorts addresses and instances by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One label as it is written: `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label {
    key: LabelKey,
    value: Arc<str>,
}

/// What a label says something about: 1 to 63 letters, digits and `. _ - /`. Cloning shares the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelKey(Arc<str>);

/// The labels of one thing, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<LabelKey, Arc<str>>);

/// Which labels are looked for: `KEY=VALUE`, or `KEY` with any value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LabelFilter {
    /// This key with this value.
    Label(Label),
    /// This key, whatever its value.
    Key(LabelKey),
}

/// Labels to put on a thing, and to take from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relabel {
    /// To put on, in place of what had the key.
    pub set: Vec<Label>,
    /// To take off.
    pub unset: Vec<LabelKey>,
}

impl Labels {
    /// All labels that a thing is to have; refused where a key is there twice, or there are too many.
    pub fn declared(all: &[Label]) -> Result<Self, LabelError> {
        let labels = Self::default().with(&Relabel { set: all.to_vec(), unset: Vec::new() })?;
        let mut keys = std::collections::BTreeSet::new();
        match all.iter().find(|label| !keys.insert(&label.key)) {
            Some(again) => Err(LabelError::Twice { key: again.key.clone() }),
            None => Ok(labels),
        }
    }

    /// What makes these labels the wanted ones.
    pub fn towards(&self, wanted: &Self) -> Relabel {
        let unset = self.0.keys().filter(|key| !wanted.0.contains_key(*key)).cloned().collect();
        Relabel { set: wanted.iter().collect(), unset }
    }

    /// Each label, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = Label> + '_ {
        self.0.iter().map(|(key, value)| Label { key: key.clone(), value: value.clone() })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a filter finds its label here.
    pub fn has(&self, filter: &LabelFilter) -> bool {
        match filter {
            LabelFilter::Label(label) => self.0.get(&label.key) == Some(&label.value),
            LabelFilter::Key(key) => self.0.contains_key(key),
        }
    }

    /// The labels after a change; refused where they become too many.
    pub fn with(&self, change: &Relabel) -> Result<Self, LabelError> {
        let mut labels = self.clone();
        for key in &change.unset {
            labels.0.remove(key);
        }
        for Label { key, value } in &change.set {
            labels.0.insert(key.clone(), value.clone());
        }
        if labels.0.len() > MOST { Err(LabelError::Many { count: labels.0.len() }) } else { Ok(labels) }
    }
}

impl FromStr for LabelKey {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        let fits = (1..=MAX_KEY).contains(&text.len()) && text.chars().all(is_allowed);
        if fits { Ok(Self(text.into())) } else { Err(LabelError::Key { text: text.to_owned() }) }
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or_else(|| LabelError::Form { text: text.to_owned() })?;
        let key = key.parse()?;
        if value.chars().count() > MAX_VALUE || value.chars().any(char::is_control) {
            return Err(LabelError::Value { text: value.to_owned() });
        }
        Ok(Self { key, value: value.into() })
    }
}

impl FromStr for LabelFilter {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('=') { text.parse().map(Self::Label) } else { text.parse().map(Self::Key) }
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl fmt::Display for LabelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => label.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = LabelError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(written: $type) -> Self {
                written.to_string()
            }
        }
    )*};
}

as_text!(LabelKey, Label, LabelFilter);

/// Why a text is no label, or a label cannot be put on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LabelError {
    /// No `=` in it.
    #[error("{text:?} is not a label: write KEY=VALUE, like env=prod")]
    Form {
        /// What was given.
        text: String,
    },
    /// The key has other characters, none, or too many.
    #[error("{text:?} cannot be the key of a label: use 1 to {MAX_KEY} letters, digits and . _ - /")]
    Key {
        /// What was given.
        text: String,
    },
    /// The value is too long, or a terminal would obey it.
    #[error(
        "{text:?} cannot be the value of a label: it has at most {MAX_VALUE} characters, none of them a control character"
    )]
    Value {
        /// What was given.
        text: String,
    },
    /// One key with two values.
    #[error("the label {key} is given twice: a thing has each key once")]
    Twice {
        /// The key.
        key: LabelKey,
    },
    /// Too many on one thing.
    #[error("that makes {count} labels: one address or instance has at most {MOST}")]
    Many {
        /// How many it would have.
        count: usize,
    },
}

const MAX_KEY: usize = 63;
const MAX_VALUE: usize = 127;
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn relabel(set: &[&str], unset: &[&str]) -> Relabel {
        let set = set.iter().map(|text| text.parse().unwrap()).collect();
        Relabel { set, unset: unset.iter().map(|text| text.parse().unwrap()).collect() }
    }

    #[test]
    fn labels_are_set_replaced_taken_off_and_found() {
        let labels = Labels::default().with(&relabel(&["env=prod", "team=a=b", "note="], &[])).unwrap();
        for (filter, found) in
            [("env=prod", true), ("env=test", false), ("env", true), ("team=a=b", true), ("note=", true), ("x", false)]
        {
            assert_eq!(labels.has(&filter.parse().unwrap()), found, "{filter}");
        }
        let labels = labels.with(&relabel(&["env=test"], &["team", "absent"])).unwrap();
        assert_eq!(serde_json::to_string(&labels).unwrap(), r#"{"env":"test","note":""}"#);
    }

    #[test]
    fn what_is_too_long_too_many_or_no_label_is_refused() {
        for text in ["env", "=x", "a b=c", "ü=x", "a=\n", &format!("{}=x", "k".repeat(64))] {
            assert!(text.parse::<Label>().is_err(), "{text:?}");
        }
        assert!(format!("k={}", "ü".repeat(127)).parse::<Label>().is_ok());
        assert!(format!("k={}", "ü".repeat(128)).parse::<Label>().is_err());
        let many: Vec<_> = (0..33).map(|key| format!("k{key}=v")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(Labels::default().with(&relabel(&many, &[])), Err(LabelError::Many { count: 33 }));
    }
}
