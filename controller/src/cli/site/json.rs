//! A site file in JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Content, Member, Node, Wrong};

/// Reads a file; the first thing that is no JSON is told.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Wrong>> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| vec![wrong(text, 0, text, &error)])?;
    node(text, whole).map_err(|own| vec![own])
}

fn node(text: &str, raw: &RawValue) -> Result<Node, Wrong> {
    let own = raw.get();
    let at = offset(text, own);
    let failed = |error: serde_json::Error| wrong(text, at, own, &error);
    let content = match own.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(own).map_err(failed)?;
            let member = |(name, value): (String, &RawValue)| {
                let node = node(text, value)?;
                Ok(Member { name, at: name_before(text, node.at), node })
            };
            Content::Table(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let all: Vec<&RawValue> = serde_json::from_str(own).map_err(failed)?;
            Content::Array(all.into_iter().map(|own| node(text, own)).collect::<Result<_, _>>()?)
        }
        _ => Content::Plain(serde_json::from_str(own).map_err(failed)?),
    };
    Ok(Node { at, content })
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr().addr()).saturating_sub(text.as_ptr().addr())
}

/// Where the name of a value begins, which stands before the colon.
fn name_before(text: &str, value: usize) -> usize {
    let before = text.get(..value).unwrap_or_default().trim_end().trim_end_matches(':').trim_end();
    before.strip_suffix('"').and_then(|name| name.rfind('"')).unwrap_or(value)
}

fn wrong(text: &str, at: usize, part: &str, error: &serde_json::Error) -> Wrong {
    let (line, column) = (error.line(), error.column());
    let said = error.to_string();
    let said = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said).to_owned();
    let before: usize = part.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = (at + before + column.saturating_sub(1)).min(text.len());
    Wrong::new(at, format!("this is no JSON: {said}"))
}

/// The members of an object in their order, also those that are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Each).map(Self)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry()? {
            all.push(member);
        }
        Ok(all)
    }
}
