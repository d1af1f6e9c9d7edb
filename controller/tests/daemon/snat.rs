//! Shared addresses as scripts see them: given, refused, shown, written and applied.

use serde_json::{Value, json};

use crate::support::{Daemon, declared};

/// The exit code, and what it said.
fn run(daemon: &Daemon, words: &str) -> (Option<i32>, String) {
    let output = daemon.buoyctl(words);
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn share(daemon: &Daemon, words: &str) -> Value {
    daemon.json(&format!("--wait store provider set lan --snat {words}"))
}

#[test]
fn a_shared_address_is_shown_and_kept() {
    let daemon = declared();
    let provider = share(&daemon, "203.0.113.110:20000-29999");
    assert_eq!(provider["snat"], "203.0.113.110:20000-29999");
    assert_eq!(provider["notices"], json!([]));
    let fip = daemon.json("fip show 203.0.113.110");
    assert_eq!((&fip["reserved"], &fip["snat"], &fip["provider"]), (&json!(true), &json!(true), &json!("lan")));
    let pool = daemon.json("pool show public");
    assert_eq!((&pool["snat"], &pool["reserved"]), (&json!("203.0.113.110"), &json!(1)), "{pool:#}");
    let listed = daemon.json("fip list");
    let shared = listed.as_array().into_iter().flatten().filter(|own| own["snat"] == true);
    assert_eq!(shared.map(|own| own["address"].clone()).collect::<Vec<_>>(), [json!("203.0.113.110")]);
    for command in [
        "fip associate 203.0.113.110 web-2",
        "fip allocate --address 203.0.113.110",
        "fip release 203.0.113.110",
        "pool remove public 203.0.113.110",
        "pool delete public",
    ] {
        let (code, said) = run(&daemon, command);
        assert_eq!(code, Some(4), "{command}: {said}");
        assert!(said.contains("203.0.113.110"), "{command}: {said}");
    }
    assert_eq!(share(&daemon, "off")["snat"], Value::Null);
    assert_eq!(daemon.json("pool show public")["snat"], Value::Null);
}

#[test]
fn what_cannot_be_shared_is_refused_with_the_reason() {
    let daemon = declared();
    for (words, code, says) in [
        ("203.0.113.110:5", 2, "write it like 192.0.2.1, or with its ports, like 192.0.2.1:20000-29999, or off"),
        ("203.0.113.1", 2, "203.0.113.1 is the gateway or an address of the host: it cannot be shared"),
        ("203.0.113.100", 4, "203.0.113.100 is allocated to project default"),
        ("10.0.0.9", 2, "10.0.0.9 is in network blue"),
    ] {
        let (got, said) = run(&daemon, &format!("provider set lan --snat {words}"));
        assert_eq!(got, Some(code), "{words}: {said}");
        assert!(said.contains(says), "{words}: {said}");
    }
    // It may come before its pool.
    let early = share(&daemon, "198.51.100.7");
    assert_eq!(early["notices"], json!(["198.51.100.7 is in no pool of provider lan: it is shared when it is"]));
}

#[test]
fn a_site_with_a_shared_address_is_written_and_applied() {
    let daemon = declared();
    share(&daemon, "203.0.113.110:20000-29999");
    daemon.json("--wait store network set blue --snat off");
    let file = daemon.root().join("site.toml");
    let path = file.display();
    let (_, written) = run(&daemon, "export");
    assert!(
        written.contains("snat = \"203.0.113.110:20000-29999\"") && written.contains("snat = \"off\""),
        "{written}"
    );
    std::fs::write(&file, &written).expect("the file is written");
    let same = daemon.json(&format!("--wait store apply -f {path}"));
    assert_eq!(same["changes"], json!([]), "{same:#}");
    // Another address, and the network takes part.
    let other = written.replace("203.0.113.110:20000-29999", "203.0.113.111").replace("snat = \"off\"\n", "");
    std::fs::write(&file, other).expect("the file is written");
    daemon.json(&format!("--wait store apply -f {path}"));
    assert_eq!(daemon.json("provider show lan")["snat"], "203.0.113.111");
    assert_eq!(daemon.json("network show blue")["snat"], true);
    // What nobody declares is given up, with its pool.
    std::fs::write(&file, "").expect("the file is written");
    daemon.json(&format!("--wait store apply -f {path} --prune"));
    assert_eq!(daemon.json("provider list"), json!([]));
}

#[test]
fn a_trace_tells_of_the_tracker() {
    let daemon = declared();
    daemon.json("--wait store provider set lan --gateway-mac 02:00:cb:00:71:01 --snat 203.0.113.110:50000-50009");
    let out = daemon.json("trace --from web-2 --to 198.51.100.7 --proto udp");
    let says = |trace: &Value| trace["verdict"]["sentence"].as_str().unwrap_or_default().to_owned();
    assert!(says(&out).contains("as udp 203.0.113.110:50000 > 198.51.100.7"), "{out:#}");
    let stages = out["stages"].as_array().expect("stages");
    let told = stages.iter().filter_map(|own| own["sentence"].as_str()).collect::<Vec<_>>().join("\n");
    assert!(told.contains("takes it for the first of a connection"), "{told}");
    assert!(told.contains("its source becomes 203.0.113.110:50000"), "{told}");
    assert!(told.contains("it goes on to shared out"), "{told}");
    let back = daemon.json("trace --from uplink:lan --source 198.51.100.7 --to 203.0.113.110 --proto udp");
    assert!(says(&back).contains("to a shared address, and not an answer, in table 52 (shared back)"), "{back:#}");
}
