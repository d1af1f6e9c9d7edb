//! A site as a file that can be applied.

use serde_json::{Map, Value};

use crate::api::site::NOUNS;

/// Entries by kind, in their order.
pub(super) type Whole = Map<String, Value>;

/// The site in TOML, with comments for whoever edits it.
pub(super) fn toml(site: &Whole) -> String {
    let mut text = HEADER.to_owned();
    for noun in NOUNS {
        let entries = site.get(noun).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        text.push_str(&format!("\n# {}\n", comment(noun)));
        for entry in entries.iter().filter_map(Value::as_object) {
            table(noun, entry, &mut text);
        }
    }
    text
}

/// The site in JSON.
pub(super) fn json(site: &Whole) -> String {
    format!("{:#}\n", Value::from(site.clone()))
}

fn table(name: &str, fields: &Map<String, Value>, text: &mut String) {
    text.push_str(&format!("\n[[{name}]]\n"));
    let is_table = |value: &Value| value.as_array().is_some_and(|all| all.iter().any(Value::is_object));
    for (field, value) in fields.iter().filter(|(_, value)| !is_table(value)) {
        text.push_str(&format!("{field} = {}\n", plain(value)));
    }
    for (field, value) in fields.iter().filter(|(_, value)| is_table(value)) {
        let inner = value.as_array().into_iter().flatten().filter_map(Value::as_object);
        inner.for_each(|own| table(&format!("{name}.{field}"), own, text));
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => ::toml::Value::from(text.as_str()).to_string(),
        Value::Array(all) if all.len() > SHORT => {
            let lines: String = all.iter().map(|own| format!("    {},\n", plain(own))).collect();
            format!("[\n{lines}]")
        }
        Value::Array(all) => format!("[{}]", all.iter().map(plain).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn comment(noun: &str) -> &'static str {
    match noun {
        "project" => "How many floating IPs projects may have; default = true is for those that do not say.",
        "provider" => "Upstreams: the bridge, the port that leads to the provider, the gateway, which MAC it sees.",
        "pool" => {
            "Sets of addresses of a provider: range has CIDRs, spans (A-B) and single addresses; reserved is kept back."
        }
        "network" => "Internal segments that instances are in.",
        "instance" => "Guests; each [[instance.interface]] has a network, an OVS port, a MAC and a fixed IP.",
        "direct" => "Stations on a provider's bridge that have its addresses themselves.",
        _ => {
            "Addresses: with an instance one leads there, with a project alone it is allocated, with neither it is free."
        }
    }
}

/// Longer arrays have a line for each element.
const SHORT: usize = 4;

const HEADER: &str = "# A site of Buoy. `buoyctl apply -f FILE --dry-run` says what this file would change, and
# `buoyctl apply -f FILE` changes it, all at once or nothing. What a thing does not say has its
# default. What is not named here is left alone, unless `--prune` is given.
# Names and fields are those of buoyctl's arguments (`buoyctl provider create --help`).
";
