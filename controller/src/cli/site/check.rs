//! What a file says, entry by entry: all that is wrong by itself is told with its place, before the daemon is asked.

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value, json};

use super::tree::{Content, Member, Node, Wrong};
use crate::api::site::NOUNS;
use crate::api::{
    DirectAdd, FipEntry, InstanceEntry, InterfaceEntry, NetworkEntry, PoolEntry, ProjectSet, ProviderCreate,
};
use crate::spelling::nearest;

/// The entries of a file, kind by kind in their order, and where they are.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) entries: Vec<(&'static str, Value)>,
    places: Vec<(&'static str, Vec<Place>)>,
}

/// Where an entry and its fields are.
#[derive(Debug)]
struct Place {
    at: usize,
    fields: Vec<(String, usize)>,
    interfaces: Vec<Self>,
}

impl Entries {
    /// Reads a file's tree.
    pub(super) fn of(root: &Node) -> Result<Self, Vec<Wrong>> {
        let (mut own, mut wrong) = (Self::default(), Vec::new());
        let Content::Table(members) = &root.content else {
            return Err(vec![Wrong::new(root.at, format!("a site is an object with {}", NOUNS.join(", ")))]);
        };
        for member in members.iter().filter(|member| !NOUNS.contains(&&*member.name)) {
            wrong.push(unknown(member, "a site has", &NOUNS));
        }
        for noun in NOUNS {
            let mut places = Vec::new();
            let mut named = members.iter().filter(|member| member.name == noun);
            let first = named.next();
            wrong.extend(named.map(|again| Wrong::new(again.at, format!("{noun} is there twice"))));
            match first.map(|member| (member.at, &member.node.content)) {
                None => {}
                Some((_, Content::Array(all))) => {
                    for node in all {
                        places.push(Place::of(node));
                        own.entries.push((noun, entry(noun, node, &mut wrong)));
                    }
                }
                Some((at, _)) => {
                    wrong.push(Wrong::new(at, format!("there can be several: write [[{noun}]], or an array")))
                }
            }
            own.places.push((noun, places));
        }
        if wrong.is_empty() { Ok(own) } else { Err(wrong) }
    }

    /// Where something is that the daemon found wrong.
    pub(super) fn place(&self, mistake: &crate::api::Mistake) -> Option<usize> {
        let noun = mistake.noun.as_deref()?;
        let (_, places) = self.places.iter().find(|(own, _)| *own == noun)?;
        let mut place = places.get(mistake.entry?)?;
        if let Some(interface) = mistake.interface.and_then(|number| place.interfaces.get(number)) {
            place = interface;
        }
        let field = mistake.field.as_deref().and_then(|field| place.fields.iter().find(|(name, _)| name == field));
        Some(field.map_or(place.at, |(_, at)| *at))
    }
}

impl Place {
    fn of(node: &Node) -> Self {
        let members = if let Content::Table(members) = &node.content { members.as_slice() } else { &[] };
        let fields = members.iter().map(|own| (own.name.clone(), own.node.at)).collect();
        let interfaces = members.iter().filter(|own| own.name == INTERFACE).filter_map(|own| match &own.node.content {
            Content::Array(all) => Some(all.iter().map(Self::of)),
            _ => None,
        });
        Self { at: node.at, fields, interfaces: interfaces.flatten().collect() }
    }
}

/// The value of an entry, which is right where nothing is added to what is wrong.
fn entry(noun: &'static str, node: &Node, wrong: &mut Vec<Wrong>) -> Value {
    match noun {
        "project" => checked::<ProjectSet>(noun, node, wrong),
        "provider" => checked::<ProviderCreate>(noun, node, wrong),
        "pool" => checked::<PoolEntry>(noun, node, wrong),
        "network" => checked::<NetworkEntry>(noun, node, wrong),
        "instance" => checked::<InstanceEntry>(noun, node, wrong),
        "direct" => checked::<DirectAdd>(noun, node, wrong),
        _ => checked::<FipEntry>(noun, node, wrong),
    }
}

fn checked<T: DeserializeOwned>(noun: &'static str, node: &Node, wrong: &mut Vec<Wrong>) -> Value {
    let value = node.value();
    let Content::Table(members) = &node.content else {
        wrong.push(Wrong::new(node.at, format!("{noun} is a table with {}", fields_of::<T>().join(", "))));
        return value;
    };
    let count = wrong.len();
    let known = fields_of::<T>();
    for (number, own) in members.iter().enumerate() {
        if !known.contains(&&*own.name) {
            wrong.push(unknown(own, &format!("{noun} has"), known));
        } else if members.iter().take(number).any(|other| other.name == own.name) {
            wrong.push(Wrong::new(own.at, format!("{} is there twice", own.name)));
        }
    }
    if serde_json::from_value::<T>(value.clone()).is_ok() && wrong.len() == count {
        return value;
    }
    let sample = sample(noun);
    for field in sample.keys().filter(|field| !members.iter().any(|own| own.name == **field)) {
        wrong.push(Wrong::new(node.at, format!("{noun} needs {field}")));
    }
    for own in members.iter().filter(|own| known.contains(&&*own.name)) {
        if let (INTERFACE, Content::Array(all)) = (&*own.name, &own.node.content) {
            for node in all {
                checked::<InterfaceEntry>(INTERFACE, node, wrong);
            }
        } else {
            field::<T>(&sample, own, wrong);
        }
    }
    value
}

/// What is wrong with one field, tried beside others that are right; of an array each element.
fn field<T: DeserializeOwned>(sample: &Map<String, Value>, own: &Member, wrong: &mut Vec<Wrong>) {
    let error = |value: Value| {
        let mut with = sample.clone();
        with.insert(own.name.clone(), value);
        serde_json::from_value::<T>(with.into()).err()
    };
    let name = &own.name;
    match &own.node.content {
        Content::Array(all) if error(json!([])).is_none() => {
            let tried = all.iter().filter_map(|node| Some((node.at, error(json!([node.value()]))?)));
            wrong.extend(tried.map(|(at, error)| Wrong::new(at, format!("{name}: {error}"))));
        }
        _ => wrong.extend(error(own.node.value()).map(|error| Wrong::new(own.node.at, format!("{name}: {error}")))),
    }
}

fn unknown(member: &Member, who: &str, known: &[&str]) -> Wrong {
    let name = &member.name;
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("{who} {}", known.join(", ")),
    };
    Wrong::new(member.at, format!("there is no {name}: {hint}"))
}

/// The names that a structure reads.
fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It reads nothing: what is asked for is all that is wanted.
    let _ = T::deserialize(Asked(&mut fields));
    fields
}

struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The fields that an entry must have, each with a value that it may have.
fn sample(noun: &str) -> Map<String, Value> {
    let sample = match noun {
        "project" => json!({}),
        "provider" => json!({"name": "a", "bridge": "a", "uplink": "a"}),
        "pool" => json!({"name": "a", "provider": "a"}),
        "network" => json!({"name": "a", "cidr": "192.0.2.0/24", "gateway": "192.0.2.1"}),
        "instance" => json!({"name": "a"}),
        INTERFACE => json!({"network": "a", "port": "a", "mac": "02:00:00:00:00:01", "ip": "192.0.2.1"}),
        "direct" => {
            json!({"name": "a", "provider": "a", "port": "a", "mac": "02:00:00:00:00:01", "ip": ["192.0.2.1"]})
        }
        _ => json!({"address": "192.0.2.1"}),
    };
    if let Value::Object(sample) = sample { sample } else { Map::new() }
}

const INTERFACE: &str = "interface";

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: DeserializeOwned>(noun: &str) {
        let sample = sample(noun);
        assert!(serde_json::from_value::<T>(sample.clone().into()).is_ok(), "{noun}");
        for field in sample.keys() {
            let mut without = sample.clone();
            without.remove(field);
            assert!(serde_json::from_value::<T>(without.into()).is_err(), "{noun} {field}");
            assert!(fields_of::<T>().contains(&&**field), "{noun} {field}");
        }
    }

    #[test]
    fn samples_have_what_is_needed_and_nothing_else() {
        check::<ProjectSet>("project");
        check::<ProviderCreate>("provider");
        check::<PoolEntry>("pool");
        check::<NetworkEntry>("network");
        check::<InstanceEntry>("instance");
        check::<InterfaceEntry>(INTERFACE);
        check::<DirectAdd>("direct");
        check::<FipEntry>("fip");
    }
}
