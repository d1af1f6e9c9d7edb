//! Events as lines for people.

use serde_json::Value;

/// An event on one line.
pub(super) fn line(event: &Value) -> String {
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let detail = detail(&event["detail"]);
    let (time, kind, subject) = (text("time"), text("kind"), text("subject"));
    let line = format!("{:<6} {time}  {kind:<16} {subject:<16} {detail}", event["seq"].to_string());
    format!("{}\n", crate::arguments::one_line(line.trim_end()))
}

/// The details that have a value, as words.
pub(super) fn detail(detail: &Value) -> String {
    let fields = detail.as_object().into_iter().flatten();
    let has_user = detail["user"].is_string();
    let told = fields.filter(|(name, value)| !(value.is_null() || has_user && *name == "uid"));
    told.map(|(name, value)| format!("{name}={}", word(value))).collect::<Vec<_>>().join(" ")
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_has_what_is_known() {
        let event = json!({
            "seq": 7, "time": "2026-11-21T13:29:45.042Z", "kind": "moved", "subject": "203.0.113.100",
            "detail": {"project": null, "instance": "web-2", "set": {"note": "a b"}, "note": "a b", "uid": 0, "user": "root"},
        });
        let wanted = "7      2026-11-21T13:29:45.042Z  moved            203.0.113.100    instance=web-2 \
                      set={\"note\":\"a b\"} note=\"a b\" user=root\n";
        assert_eq!(line(&event), wanted);
    }
}
