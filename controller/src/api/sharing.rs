//! Whether an address is shared, as it is written: the address, or the word `off`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use buoy_topology::Snat;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A shared address, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sharing(pub Option<Snat>);

impl FromStr for Sharing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            text => text.parse().map(|snat| Self(Some(snat))).map_err(|error| format!("{error}, or off")),
        }
    }
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(snat) => snat.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl TryFrom<String> for Sharing {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sharing> for String {
    fn from(sharing: Sharing) -> Self {
        sharing.to_string()
    }
}

impl JsonSchema for Sharing {
    fn schema_name() -> Cow<'static, str> {
        "Sharing".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A shared address, with its ports where they are not 1024-65535, or `off`.",
            "type": "string", "pattern": "^([0-9.]+(:[0-9]{1,5}-[0-9]{1,5})?|off)$",
        })
    }
}
