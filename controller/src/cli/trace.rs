//! What a terminal shows of a trace: the packet, a paragraph for each table, the verdict.

use std::fmt::Write as _;

use serde_json::Value;

/// A trace as text for a person.
pub(super) fn render(trace: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut text = format!("{}\nin on {} by {}", word(&trace["packet"]), word(&trace["bridge"]), word(&trace["port"]));
    text += if trace["installed"] == Value::Bool(true) { ", flows as the switches hold them\n" } else { "\n" };
    for stage in trace["stages"].as_array().into_iter().flatten() {
        let name = stage["table_name"].as_str().map(|name| format!(" {name}")).unwrap_or_default();
        let head = format!("{} {}{name}", word(&stage["bridge"]), stage["table"]);
        // A string takes any text.
        let _ = writeln!(text, "\n{head}: {}", word(&stage["sentence"]));
        let _ = writeln!(text, "    {}", stage["flow"].as_str().unwrap_or("no flow"));
    }
    let _ = writeln!(text, "\n{}: {}", word(&trace["verdict"]["result"]), word(&trace["verdict"]["sentence"]));
    text
}
