//! A list as JSON.

use std::fmt;

use buoy_topology::RangeSpec;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::place::{Place, Walk};
use super::{Mistake, Placed, mac, note};
use crate::api::ImportEntry;

pub(super) fn parse(text: &str) -> Result<Vec<Placed>, Mistake> {
    let objects: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| mistake(Place::START, &error))?;
    let mut walk = Walk::through(text);
    let mut entries = Vec::with_capacity(objects.len());
    for object in objects {
        let place = walk.skip(|c| c.is_whitespace() || matches!(c, '[' | ','));
        let Row(entry) = serde_json::from_str(object.get()).map_err(|error| mistake(place, &error))?;
        entries.push((place, entry));
        walk.advance(object.get().len());
    }
    Ok(entries)
}

/// What is wrong in a text that begins at a place.
fn mistake(place: Place, error: &serde_json::Error) -> Mistake {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let what = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    Mistake { place: place.within(line, column), what: what.to_owned() }
}

/// An entry; the names of its members may be in any case.
struct Row(ImportEntry);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ImportEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ImportEntry, A::Error> {
        let (mut address, mut own_mac, mut own_note) = (None, None, None);
        while let Some(name) = members.next_key::<String>()? {
            match name.to_ascii_lowercase().as_str() {
                "address" | "ip" if address.is_some() => return Err(A::Error::custom("it has two addresses")),
                "address" | "ip" => {
                    let text: String = members.next_value()?;
                    address = Some(text.trim().parse::<RangeSpec>().map_err(A::Error::custom)?);
                }
                "mac" => own_mac = mac(&text(&mut members)?).map_err(A::Error::custom)?,
                "note" => own_note = note(&text(&mut members)?).map_err(A::Error::custom)?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let address = address.ok_or_else(|| A::Error::custom("it has no address"))?;
        Ok(ImportEntry { address, mac: own_mac, note: own_note })
    }
}

/// A text, where null is an empty one.
fn text<'de, A: MapAccess<'de>>(members: &mut A) -> Result<String, A::Error> {
    Ok(members.next_value::<Option<String>>()?.unwrap_or_default())
}
