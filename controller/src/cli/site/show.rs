//! What an applied site changed, for a person.

use serde_json::Value;

/// A line for each change, lines for what is not in the file, and what that comes to.
pub(super) fn render(result: &Value) -> String {
    let rows = |field: &str| result[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let (changes, undeclared) = (rows("changes"), rows("undeclared"));
    let mut text: String = changes.iter().map(change).collect();
    if result["prune"] != Value::Bool(true) && !undeclared.is_empty() {
        for thing in undeclared.iter().take(LISTED) {
            text.push_str(&format!("? {}: not in the file, left alone (--prune deletes it)\n", name(thing)));
        }
        if let Some(more) = undeclared.len().checked_sub(LISTED).filter(|more| *more > 0) {
            text.push_str(&format!("? and {more} more that are not in the file (--format json has all)\n"));
        }
    }
    let count = |field: &str| result[field].as_u64().unwrap_or_default();
    let sum = match (changes.is_empty(), result["dry_run"] == Value::Bool(true)) {
        (true, _) => "Nothing to change: all of the file is so already".to_owned(),
        (_, true) => format!(
            "Dry run, nothing was changed: {} to create, {} to change, {} to delete",
            count("created"),
            count("changed"),
            count("deleted")
        ),
        (_, false) => {
            format!("{} created, {} changed, {} deleted", count("created"), count("changed"), count("deleted"))
        }
    };
    text.push_str(&sum);
    text.push('\n');
    text
}

fn change(change: &Value) -> String {
    let fields = |of: &str| change[of].as_object().cloned().unwrap_or_default();
    let (before, after) = (fields("before"), fields("after"));
    let is_name = |field: &str| matches!(field, "name" | "address");
    let told: Vec<_> = match change["action"].as_str() {
        Some("create") => {
            after.iter().filter(|own| !is_name(own.0)).map(|own| format!("{} {}", own.0, brief(own.1))).collect()
        }
        Some("change") => {
            let mut names: Vec<_> =
                before.keys().chain(after.keys().filter(|own| !before.contains_key(*own))).collect();
            names.retain(|field| !is_name(field));
            let brief = |of: Option<&Value>| of.map_or_else(|| "none".to_owned(), brief);
            names.iter().map(|own| format!("{own} {} -> {}", brief(before.get(*own)), brief(after.get(*own)))).collect()
        }
        _ => Vec::new(),
    };
    let sign = match change["action"].as_str() {
        Some("create") => '+',
        Some("delete") => '-',
        _ => '~',
    };
    let colon = if told.is_empty() { "" } else { ": " };
    format!("{sign} {}{colon}{}\n", name(change), told.join(", "))
}

fn name(thing: &Value) -> String {
    let text = |field: &str| thing[field].as_str().unwrap_or_default();
    format!("{} {}", text("noun"), text("name"))
}

/// A value on one line: of long lists the beginning.
fn brief(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(' ') => format!("{text:?}"),
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let shown: Vec<_> = all.iter().take(BRIEF).map(brief).collect();
            let more = if all.len() > BRIEF { format!(", and {} more", all.len() - BRIEF) } else { String::new() };
            format!("[{}{more}]", shown.join(", "))
        }
        Value::Object(fields) => {
            fields.iter().map(|(field, value)| format!("{field} {}", brief(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

const LISTED: usize = 20;
const BRIEF: usize = 4;
