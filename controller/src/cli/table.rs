//! What a terminal shows.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::api::Request;

/// The columns of a list: heading and field.
type Columns = &'static [(&'static str, &'static str)];

/// A result as text for a person.
pub(super) fn render(request: &Request, result: &Value) -> String {
    match (result, request) {
        (Value::Array(flows), Request::SwitchFlows(_)) => flows.iter().map(flow).collect(),
        (Value::Object(_), Request::PoolImport(_)) => imported(result),
        (Value::Object(_), Request::MetricsShow) => result["text"].as_str().unwrap_or_default().to_owned(),
        (Value::Object(_), Request::TraceShow(_)) => super::trace::render(result),
        (Value::Array(rows), _) if rows.is_empty() => {
            eprintln!("{}", nothing(request));
            String::new()
        }
        (Value::Array(rows), Request::DropsShow) => drops(rows),
        (Value::Array(rows), _) => list(rows, columns(request)),
        (Value::Object(_), _) => one(result),
        _ => String::new(),
    }
}

/// What a list changed, and on stderr what that comes to.
fn imported(result: &Value) -> String {
    let rows = result["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = |field: &str| rows.iter().filter(|row| !row[field].is_null()).count();
    let added: u64 = rows.iter().filter_map(|row| row["added"].as_u64()).sum();
    let sum =
        format!("{added} new addresses, {} entries with a new MAC, {} with a new note", count("mac"), count("note"));
    match (rows.is_empty(), result["dry_run"] == Value::Bool(true)) {
        (true, _) => eprintln!("All of the list is so already: nothing changes"),
        (_, true) => eprintln!("Dry run, nothing was changed. The list has {sum}"),
        (_, false) => eprintln!("The list had {sum}"),
    }
    if rows.is_empty() { String::new() } else { list(rows, IMPORTED) }
}

const IMPORTED: Columns = &[("ADDRESS", "address"), ("ADDED", "added"), ("MAC", "mac"), ("NOTE", "note")];

/// A flow with its counters, in the form of ovs-ofctl dump-flows.
fn flow(flow: &Value) -> String {
    let text = flow["flow"].as_str().unwrap_or_default();
    format!("n_packets={} n_bytes={} {text}\n", flow["packets"], flow["bytes"])
}

/// Only what has dropped something: the others are in the JSON.
fn drops(rows: &[Value]) -> String {
    let counted: Vec<_> = rows.iter().filter(|row| row["packets"] != 0).cloned().collect();
    if counted.is_empty() {
        eprintln!("No packet was dropped");
        return String::new();
    }
    list(&counted, columns(&Request::DropsShow))
}

fn list(rows: &[Value], columns: Columns) -> String {
    let mut table = plain();
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, field)| cell(row, field)));
    }
    lines(&table)
}

fn one(object: &Value) -> String {
    let mut table = plain();
    for (field, value) in object.as_object().into_iter().flatten().filter(|(field, _)| *field != "notices") {
        table.add_row([field.replace('_', " "), if field == "labels" { labels(value) } else { text(value) }]);
    }
    lines(&table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

/// A field of a row; some are made of several.
fn cell(row: &Value, field: &str) -> String {
    match field {
        "interfaces" => {
            let interfaces = row["interfaces"].as_array().into_iter().flatten();
            let addresses = interfaces.map(|own| match own["floating_ip"].as_str() {
                Some(floating) => format!("{} ({floating})", text(&own["ip"])),
                None => text(&own["ip"]),
            });
            addresses.collect::<Vec<_>>().join(", ")
        }
        // Nobody's, and yet nobody can have it.
        "state" if row["snat"] == Value::Bool(true) => "shared".to_owned(),
        "applied" if row["applied"] == Value::Bool(false) && row["connected"].is_null() => match &row["pending"] {
            Value::Array(pending) if !pending.is_empty() => format!("no: {}", text(&row["pending"])),
            _ => "no".to_owned(),
        },
        _ => text(&row[field]),
    }
}

/// Labels as `--label` takes them.
fn labels(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", text(value)));
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() { "-".to_owned() } else { pairs.join(", ") }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let known = fields.iter().filter(|(_, value)| !value.is_null());
            known.map(|(field, value)| format!("{field} {}", text(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Number(number) => number.to_string(),
    }
}

fn columns(request: &Request) -> Columns {
    match request {
        Request::ProviderList => &[
            ("NAME", "name"),
            ("BRIDGE", "bridge"),
            ("UPLINK", "uplink"),
            ("GATEWAY", "gateway"),
            ("GATEWAY MAC", "gateway_mac"),
            ("STATE", "gateway_state"),
            ("POLICY", "mac_policy"),
        ],
        Request::PoolList => &[
            ("NAME", "name"),
            ("PROVIDER", "provider"),
            ("SIZE", "size"),
            ("FREE", "free"),
            ("ALLOCATED", "allocated"),
            ("ASSOCIATED", "associated"),
            ("RESERVED", "reserved"),
            ("COOLING", "cooling"),
            ("RANGES", "ranges"),
        ],
        Request::NetworkList => {
            &[("NAME", "name"), ("CIDR", "cidr"), ("GATEWAY", "gateway"), ("GATEWAY MAC", "gateway_mac")]
        }
        Request::InstanceList(_) => {
            &[("NAME", "name"), ("PROJECT", "project"), ("BRIDGE", "bridge"), ("ADDRESSES", "interfaces")]
        }
        Request::DirectList => &[
            ("NAME", "name"),
            ("PROVIDER", "provider"),
            ("PORT", "port"),
            ("MAC", "mac"),
            ("ADDRESSES", "ips"),
            ("APPLIED", "applied"),
        ],
        Request::FipList(_) => &[
            ("ADDRESS", "address"),
            ("POOL", "pool"),
            ("PROJECT", "project"),
            ("STATE", "state"),
            ("INSTANCE", "instance"),
            ("FIXED IP", "fixed_ip"),
            ("PORT", "port"),
            ("APPLIED", "applied"),
        ],
        Request::ProjectList => &[
            ("NAME", "name"),
            ("FIP QUOTA", "fip_quota"),
            ("ALLOCATED", "allocated"),
            ("ASSOCIATED", "associated"),
            ("INSTANCES", "instances"),
            ("NETWORKS", "networks"),
        ],
        Request::SwitchList => &[
            ("BRIDGE", "bridge"),
            ("ROLE", "role"),
            ("HOST", "host"),
            ("CONNECTED", "connected"),
            ("FLOWS", "flows"),
            ("APPLIED", "applied"),
            ("ERROR", "error"),
        ],
        _ => &[
            ("BRIDGE", "bridge"),
            ("TABLE", "table_name"),
            ("PACKETS", "packets"),
            ("BYTES", "bytes"),
            ("REASON", "reason"),
        ],
    }
}

/// What to do about an empty list.
fn nothing(request: &Request) -> &'static str {
    match request {
        Request::ProviderList => "There is no provider yet: buoyctl provider create --help",
        Request::PoolList => "There is no pool yet: buoyctl pool create --help",
        Request::NetworkList => "There is no network yet: buoyctl network create --help",
        Request::InstanceList(_) => "There is no instance yet: buoyctl instance add --help",
        Request::DirectList => "There is no direct port yet: buoyctl direct add --help",
        Request::FipList(_) => "No floating IP is like that. Allocate one: buoyctl fip allocate --help",
        Request::ProjectList => "There is no project yet: whoever gets an address or an instance becomes one",
        Request::SwitchList => "No switch has connected yet: ovs-vsctl set-controller points a bridge at the daemon",
        _ => "Nothing to show: no switch is connected",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_shown_as_they_are_written() {
        for (labels, shown) in
            [(json!({}), "labels  -\n"), (json!({"env": "prod", "tier": "a b"}), "labels  env=prod, tier=a b\n")]
        {
            assert_eq!(one(&json!({"labels": labels})), shown);
        }
    }
}
