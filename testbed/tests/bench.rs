//! `buoy-testbed bench` measures each row it is asked for, prints it, and writes it down. The figures themselves are not
//! looked at.

use std::process::Command;

use serde_json::Value;

/// What is measured with 20 floating IPs, and beside what; os-ken, nftables and OVN only where they are installed.
const ROWS: [(&str, &str, &[&str]); 21] = [
    (
        "full programming of empty bridges",
        "ms",
        &["the same messages, encoded before (the limit)", "ovs-ofctl --bundle add-flows"],
    ),
    ("one association", "us", &["two bare bundle round trips and one fsync", "one process of ovs-ofctl add-flow"]),
    ("flows of one floating IP", "number", &[]),
    (
        "associations of 64 clients",
        "per_second",
        &["bare sled, one writer that batches", "bare bundles, one for each bridge, one after the other"],
    ),
    ("of them in one commit", "number", &[]),
    ("reconnect, everything is there", "ms", &["ovs-ofctl dump-flows of both bridges to files"]),
    ("memory, as it has grown", "bytes_each", &[]),
    ("memory, during further changes", "bytes_each", &[]),
    ("memory, after a restart", "bytes_each", &[]),
    ("memory, of which instances", "bytes_each", &[]),
    ("memory, of which floating IPs", "bytes_each", &[]),
    ("start, until the socket accepts", "ms", &["bare sled: open and scan the same store"]),
    ("short packets to a guest", "per_second", &PACKETS),
    ("long packets to a guest", "megabits_per_second", &PACKETS),
    (MEGAFLOWS, "number", &[]),
    ("their masks", "number", &[]),
    ("megaflows, up to 1,000 other floating IPs in use", "number", &[]),
    ("their masks, up to 1,000 other floating IPs in use", "number", &[]),
    ("ICMP errors served in a flood", "per_second", &["OpenFlow echoes of br-int, one after the other"]),
    ("ICMP errors answered by one core", "per_second", &ECHOES),
    ("ARP and packets for gateways, by one core", "per_second", &ECHOES),
];
const ECHOES: [&str; 1] = ["OpenFlow echoes answered by one core"];
const PACKETS: [&str; 2] = ["plain output between the same ports", "what was sent (the limit, where the ratio is 1)"];
const MEGAFLOWS: &str = "megaflows of 1,000 flows to one floating IP";

#[test]
fn every_row_is_measured_printed_and_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let (json, svg) = (directory.path().join("bench.json"), directory.path().join("bench.svg"));
    let mut bench = Command::new(env!("CARGO_BIN_EXE_buoy-testbed"));
    bench.args(["bench", "--quick", "--sizes", "20", "--disk"]).arg(directory.path());
    let output = bench.arg("--json").arg(&json).arg("--svg").arg(&svg).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{table}\n{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    for field in ["processor", "cores", "kernel", "ovs", "datapath", "debug", "load"] {
        assert!(!report["machine"][field].is_null(), "{report:#}");
    }
    for missing in report["missing"].as_array().unwrap() {
        let line = format!("not measured: {}", missing["peer"].as_str().unwrap());
        assert!(table.contains(&line), "{line}\n{table}");
    }
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), ROWS.len(), "{table}");
    for (row, (what, unit, peers)) in rows.iter().zip(ROWS) {
        assert_eq!((&row["what"], &row["size"], &row["unit"]), (&what.into(), &20.into(), &unit.into()));
        check(&row["ours"]);
        // 21 floating IPs are in use, by 1,020 flows.
        assert!(unit != "number" || row["ours"]["max"].as_f64() <= Some(50.0), "{row:#}");
        let named = |name: &&str| row["peers"].as_array().unwrap().iter().find(|peer| peer["name"] == **name);
        for name in peers {
            let peer = named(name).unwrap_or_else(|| panic!("{name} is not in {row:#}"));
            check(&peer["figures"]);
            let ratio = row["ours"]["median"].as_f64().unwrap() / peer["figures"]["median"].as_f64().unwrap();
            assert!((peer["ratio"].as_f64().unwrap() - ratio).abs() <= ratio * 1e-9, "{row:#}");
            assert!(table.contains(name), "{name}\n{table}");
        }
        assert!(table.contains(what), "{what}\n{table}");
    }
    let svg = std::fs::read_to_string(&svg).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(ROWS.iter().all(|(what, ..)| svg.contains(what)), "{svg}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "something was left on the disk");
}

/// Figures have samples, and stand in order.
fn check(figures: &Value) {
    let number = |field: &str| figures[field].as_f64().unwrap_or_else(|| panic!("no {field} in {figures}"));
    assert!(figures["samples"].as_array().is_some_and(|samples| !samples.is_empty()), "{figures}");
    assert!(number("min") <= number("median") && number("median") <= number("max"), "{figures}");
}
