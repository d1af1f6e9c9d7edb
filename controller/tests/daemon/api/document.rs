//! `docs/api.md`: what is made from the types, and what is written by hand.

use std::path::PathBuf;

use serde_json::Value;

use super::schema::{Api, Method};

/// The document in parts: each begins with a heading of its own.
pub(super) struct Document {
    before: String,
    pub(super) parts: Vec<Part>,
}

/// A heading and what stands under it. All before `Example` in the part of a method is made from the types.
pub(super) struct Part {
    pub(super) heading: String,
    pub(super) text: String,
}

impl Document {
    pub(super) fn read() -> Self {
        let before = std::fs::read_to_string(path()).expect("the document is there");
        let mut parts = vec![Part { heading: String::new(), text: String::new() }];
        for line in before.lines() {
            let part = parts.last_mut().expect("there is one");
            match line.starts_with("## ") || line.starts_with("### ") {
                true => parts.push(Part { heading: line.to_owned(), text: String::new() }),
                false => part.text += &format!("{line}\n"),
            }
        }
        Self { before, parts }
    }

    /// Makes anew what is made from the types.
    pub(super) fn generate(&mut self, api: &Api) {
        let types = self.parts.iter().position(|part| part.heading == TYPES).expect("there is a part for types");
        self.parts.truncate(types + 1);
        if let Some(part) = self.parts.last_mut() {
            part.text = format!("\n{}\n\n", part.text.trim());
        }
        for method in api.methods() {
            let heading = format!("### {}", method.name());
            if !self.parts.iter().any(|part| part.heading == heading) {
                let end = self.parts.len() - 1;
                self.parts.insert(end, Part { heading, text: String::new() });
            }
        }
        for part in &mut self.parts {
            let Some(name) = part.heading.strip_prefix("### ") else { continue };
            let own = part.text.find(EXAMPLE).map_or("", |at| &part.text[at..]);
            part.text = format!("\n{}{own}", said(api, api.method(name)));
        }
        for (name, schema) in api.schemas() {
            let text = type_said(api, name, schema);
            self.parts.extend(text.map(|text| Part { heading: format!("### {name}"), text }));
        }
    }

    pub(super) fn compare(&self) {
        let now = self.text();
        for (line, (before, now)) in self.before.lines().zip(now.lines()).enumerate() {
            assert_eq!(before, now, "line {} of docs/api.md; BUOY_BLESS=1 writes it anew", line + 1);
        }
        assert_eq!(self.before.len(), now.len(), "docs/api.md ends elsewhere; BUOY_BLESS=1 writes it anew");
    }

    pub(super) fn write(&self) {
        std::fs::write(path(), self.text()).expect("it can be written");
    }

    fn text(&self) -> String {
        let parts = self.parts.iter().map(|Part { heading, text }| match heading.as_str() {
            "" => text.clone(),
            heading => format!("{heading}\n{text}"),
        });
        format!("{}\n", parts.collect::<String>().trim_end())
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md")
}

fn said(api: &Api, method: Method<'_>) -> String {
    let mut text = format!("{}\n\n", method.summary());
    let params: Vec<_> = method.own_params().collect();
    if !params.is_empty() {
        text += "| param | type | | meaning |\n|---|---|---|---|\n";
        for param in params {
            let required = if param["required"] == true { "required" } else { "" };
            let (name, meaning) = (param["name"].as_str().unwrap_or_default(), meaning(&param["description"]));
            text += &format!("| `{name}` | {} | {required} | {meaning} |\n", type_of(api, &param["schema"], false));
        }
        text += "\n";
    }
    let shared: Vec<_> = method.shared_params().map(|own| format!("`{own}`")).collect();
    if !shared.is_empty() {
        text += &format!("Further params: {}. ", shared.join(", "));
    }
    text += &format!("Result: {}.", type_of(api, method.result(), false));
    let kinds: Vec<_> = method.kinds().skip(3).map(|own| format!("`{own}`")).collect();
    if !kinds.is_empty() {
        text += &format!(" Refused with {} too.", kinds.join(", "));
    }
    text + "\n\n"
}

/// What is said of a type; nothing of one that is said where it is used.
fn type_said(api: &Api, name: &str, schema: &Value) -> Option<String> {
    if name.ends_with("OrNone") {
        return None;
    }
    let description = meaning(&schema["description"]);
    let mut text = format!("\n{description}{}\n", if description.ends_with('.') { "" } else { "." });
    let inner = name.strip_suffix("Outcome").and_then(|inner| Some((inner, api.schemas().get(inner)?)));
    let known = inner.map(|(inner, own)| {
        text = format!("\nA {}, and how far the change is.\n", linked(inner));
        own
    });
    let fields = schema["properties"].as_object().into_iter().flatten();
    let fields: Vec<_> =
        fields.filter(|(name, _)| known.is_none_or(|own| own["properties"][*name].is_null())).collect();
    if !fields.is_empty() {
        text += "\n| field | type | meaning |\n|---|---|---|\n";
    }
    for (name, own) in fields {
        text += &format!("| `{name}` | {} | {} |\n", type_of(api, own, true), meaning(&own["description"]));
    }
    let words: Vec<_> = schema["oneOf"].as_array().into_iter().flatten().collect();
    if !words.is_empty() {
        text += "\n| word | meaning |\n|---|---|\n";
    }
    for word in words {
        text += &format!("| `{}` | {} |\n", word["const"].as_str().unwrap_or_default(), meaning(&word["description"]));
    }
    let either: Vec<_> = schema["anyOf"].as_array().into_iter().flatten().map(|own| type_of(api, own, false)).collect();
    if let Some(first) = either.first() {
        let all = if either.iter().all(|own| own == first) { first.clone() } else { either.join(" or ") };
        text += &format!("\nWritten as {all}.\n");
    }
    Some(text + "\n")
}

/// A schema in a few words.
fn type_of(api: &Api, schema: &Value, is_result: bool) -> String {
    if let Some(at) = schema["$ref"].as_str() {
        let name = at.rsplit('/').next().unwrap_or_default();
        return match name.strip_suffix("OrNone") {
            Some(name) if api.schemas().contains_key(name) => format!("{} or `none`", linked(name)),
            _ => linked(name),
        };
    }
    if let Some([only]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return type_of(api, only, is_result);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let some: Vec<_> = any.iter().filter(|own| own["type"] != "null").map(|own| type_of(api, own, false)).collect();
        let null = if is_result && some.len() < any.len() { " or null" } else { "" };
        return format!("{}{null}", some.join(" or "));
    }
    let (word, null) = match &schema["type"] {
        Value::Array(all) => (all[0].as_str().unwrap_or_default(), if is_result { " or null" } else { "" }),
        own => (own.as_str().unwrap_or("anything"), ""),
    };
    let word = match word {
        "array" => format!("list of {}", type_of(api, &schema["items"], false)),
        "string" if schema["format"] == "ipv4" => "IPv4 address".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "number".to_owned(),
        other => other.to_owned(),
    };
    format!("{word}{null}")
}

fn linked(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn meaning(text: &Value) -> String {
    text.as_str().unwrap_or_default().replace('|', "\\|").replace('<', "&lt;")
}

/// Where in the part of a method what is written by hand begins.
const EXAMPLE: &str = "```json";
/// The part for types, which is the last one.
const TYPES: &str = "## Types";
