//! Lists of addresses: all or nothing, and what is wrong is named.

use std::fmt::Write as _;
use std::process::Output;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{Daemon, declared};

/// Imports a list into the pool `public`, with further arguments.
fn import(daemon: &Daemon, list: &str, words: &str) -> Output {
    let file = daemon.dir.path().join("list");
    std::fs::write(&file, list).expect("it can be written");
    daemon.buoyctl(&format!("--format json --wait store pool import public {}{words}", file.display()))
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn a_list_is_imported_once_and_a_dry_run_changes_nothing() {
    let daemon = declared();
    let list = "Note;IP;mac\nmail;203.0.113.100;02:00:00:00:00:64\n;198.51.100.16/29;\n;203.0.113.2;\n";
    let before = daemon.lists();
    let dry = document(&import(&daemon, list, " --dry-run"));
    let changes = json!([
        {"address": "203.0.113.100", "added": 0, "mac": "02:00:00:00:00:64", "note": "mail"},
        {"address": "198.51.100.17-198.51.100.22", "added": 6, "mac": null, "note": null},
        {"address": "203.0.113.2", "added": 1, "mac": null, "note": null},
    ]);
    assert_eq!((&dry["dry_run"], &dry["changes"], &dry["size"]), (&json!(true), &changes, &json!(20)));
    assert_eq!(daemon.lists(), before);

    let done = document(&import(&daemon, list, ""));
    assert_eq!((&done["dry_run"], &done["changes"], &done["size"]), (&json!(false), &changes, &json!(27)));
    assert!(done["notices"].to_string().contains("203.0.113.2 is left out"), "{done}");
    assert_eq!(daemon.json("fip show 203.0.113.100")["note"], "mail");
    let after = daemon.lists();
    let again = document(&import(&daemon, list, ""));
    assert_eq!(again["changes"], json!([]));
    assert_eq!(daemon.lists(), after);
    let json = r#"[{"IP": "203.0.113.100", "note": "web"}]"#;
    assert_eq!(document(&import(&daemon, json, ""))["changes"].as_array().map(Vec::len), Some(1));
    let table = daemon.buoyctl(&format!("pool import public {}", daemon.dir.path().join("list").display()));
    assert_eq!(String::from_utf8_lossy(&table.stderr), "All of the list is so already: nothing changes\n");
}

#[test]
fn a_mistake_anywhere_is_named_and_nothing_is_imported() {
    let daemon = declared();
    assert!(daemon.buoyctl("--wait store pool create other --provider lan --range 192.0.2.7").status.success());
    let before = daemon.lists();
    for (code, list, says) in [
        (2, "ip,mac\n203.0.113.9,\n203.0.113.8,02:00:00\n", ":3:13: \"02:00:00\" is not a MAC address"),
        (2, "ip\n203.0.113.9\n127.0.0.1\n", ":3:1: 127.0.0.1 is no address that a station can have"),
        (4, "mac,ip\n,203.0.113.9\n,192.0.2.0/28\n", ":3:2: 192.0.2.1-192.0.2.14 overlaps 192.0.2.7 of pool other"),
        (4, "ip\n10.0.0.9\n", ":2:1: network blue (10.0.0.0/24) overlaps 10.0.0.9"),
        (
            4,
            r#"[{"ip": "203.0.113.9", "note": "a"}, {"ip": "203.0.113.9", "note": "b"}]"#,
            ":1:38: 203.0.113.9 has \"a\" further up, and \"b\" here",
        ),
    ] {
        let output = import(&daemon, list, "");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{list}: {error}");
        let file = daemon.dir.path().join("list");
        assert!(error.contains(&format!("{}{says}", file.display())), "{list}: {error}");
        assert_eq!((error.lines().count(), output.stdout.len()), (1, 0), "{error}");
    }
    let absent = daemon.buoyctl("pool import public /nonexistent/list");
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("/nonexistent/list: No such file"), "{absent:?}");
    let entries = json!([{"address": "192.0.2.1"}, {"address": "192.0.2.7"}]);
    let request = json!({"name": "public", "entries": entries});
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "pool.import", "params": request});
    let answer = daemon.ask(&format!("{line}\n")).answer();
    assert!(answer["error"]["message"].as_str().is_some_and(|own| own.starts_with("entry 2: ")), "{answer}");
    assert_eq!(daemon.lists(), before);
}

#[test]
fn ten_thousand_lines_are_one_request_and_what_is_too_much_is_refused() {
    let daemon = declared();
    let list = |lines: u32, note: &str| {
        let mut list = "address,mac,note\n".to_owned();
        for number in 0..lines {
            // Every second address: none of them touch.
            let [_, _, high, low] = (number * 2).to_be_bytes();
            writeln!(list, "198.18.{high}.{low},02:00:00:00:{high:02x}:{low:02x},{note}{number}")
                .expect("it is a string");
        }
        list
    };
    let since = Instant::now();
    let done = document(&import(&daemon, &list(10_000, "server of the customer number "), ""));
    let took = since.elapsed();
    assert_eq!((&done["size"], done["changes"].as_array().map(Vec::len)), (&json!(10_020), Some(10_000)));
    let output = import(&daemon, &list(20_000, &"long ".repeat(40)), "");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("at most 4194304 at once"), "{output:?}");
    println!("10,000 lines in {took:?}");
}
