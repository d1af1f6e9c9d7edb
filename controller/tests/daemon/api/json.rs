//! JSON as the document has it: what varies is `"..."`, and lines are short.

use serde_json::{Map, Value};

/// Whether a value is as it is written. `"..."` stands for anything: for a value, as the last one of an array for any
/// further ones, and as the key of an object for any further fields.
pub(super) fn is_as(given: &Value, written: &Value) -> bool {
    match (given, written) {
        (_, Value::String(text)) if text == ANYTHING => true,
        (Value::Array(given), Value::Array(written)) => match written.split_last() {
            Some((last, first)) if last == ANYTHING && given.len() >= first.len() => {
                given.iter().zip(first).all(|(given, written)| is_as(given, written))
            }
            _ => given.len() == written.len() && given.iter().zip(written).all(|(a, b)| is_as(a, b)),
        },
        (Value::Object(given), Value::Object(written)) => {
            let is_open = written.contains_key(ANYTHING);
            let named = || written.iter().filter(|(key, _)| *key != ANYTHING);
            (is_open || given.len() == written.len())
                && named().all(|(key, own)| given.get(key).is_some_and(|given| is_as(given, own)))
        }
        _ => given == written,
    }
}

/// The value with `"..."` for what is another one in each run.
pub(super) fn masked(value: &Value) -> Value {
    match value {
        Value::Array(all) => all.iter().map(masked).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, own)| {
                let varies = !own.is_null() && VARYING.contains(&key.as_str());
                (key.clone(), if varies { ANYTHING.into() } else { masked(own) })
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// The value in lines that fit a page.
pub(super) fn wrapped(value: &Value) -> String {
    let mut pieces = Vec::new();
    cut(value, String::new(), "", &mut pieces);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for piece in pieces {
        if !line.is_empty() && line.len() + 1 + piece.len() > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        let space = match (line.is_empty(), lines.is_empty()) {
            (true, true) => "",
            _ => " ",
        };
        line += space;
        line += &piece;
    }
    lines.push(line);
    lines.join("\n")
}

/// The pieces between which a line may end.
fn cut(value: &Value, before: String, after: &str, pieces: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Array(all) => all.iter().map(|own| (String::new(), own)).collect(),
        Value::Object(all) => all.iter().map(|(key, own)| (format!("{}: ", Value::from(key.as_str())), own)).collect(),
        _ => Vec::new(),
    };
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let last = members.len();
    if last == 0 {
        return pieces.push(format!("{before}{value}{after}"));
    }
    for (nth, (key, own)) in members.into_iter().enumerate() {
        let before = if nth == 0 { format!("{before}{open}{key}") } else { key };
        let after = if nth + 1 == last { format!("{close}{after}") } else { ",".to_owned() };
        cut(own, before, &after, pieces);
    }
}

pub(super) const ANYTHING: &str = "...";
/// Fields that depend on when, where and by whom a daemon is run.
const VARYING: &[&str] = &["time", "cooling_until", "at", "uid", "user", "version", "seq", "since", "newest", "oldest"];
const WIDTH: usize = 116;
