//! Whose an address is: ownership, quotas, cool-down, reservations, labels, and addresses that come with instances.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, declared};

/// Runs a command that waits for no switch; returns its exit code and its line on stderr.
fn run(daemon: &Daemon, words: &str) -> (Option<i32>, String) {
    let output = daemon.buoyctl(&format!("--wait store {words}"));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn refused(daemon: &Daemon, words: &str, code: i32, says: &str) {
    let (given, error) = run(daemon, words);
    assert_eq!((given, error.lines().count()), (Some(code), 1), "{words}: {error}");
    assert!(error.contains(says), "{words}: {error}");
}

fn done(daemon: &Daemon, words: &str) -> Value {
    let shown = daemon.json(&format!("--wait store {words}"));
    assert!(shown["error"].is_null(), "{words}: {shown}");
    shown
}

fn generation(daemon: &Daemon) -> Value {
    daemon.json("status")["generation"].clone()
}

/// A network of the project red with an instance, beside the site of `declared`.
fn two_projects() -> Daemon {
    let daemon = declared();
    for words in [
        "--project red network create private --cidr 10.1.0.0/24 --gateway 10.1.0.1",
        "--project red instance add db --network private --port vm9 --mac 02:00:00:00:00:19 --ip 10.1.0.11",
        "--project red fip allocate",
    ] {
        done(&daemon, words);
    }
    daemon
}

#[test]
fn a_project_sees_and_touches_only_what_is_its_own() {
    let daemon = two_projects();
    let names = |words: &str, field: &str| -> Vec<String> {
        let list = daemon.json(words);
        list.as_array().expect("a list").iter().map(|own| own[field].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(names("--project red fip list", "address"), ["203.0.113.101"]);
    assert_eq!(names("fip list --project red", "address"), ["203.0.113.101"]);
    assert_eq!(names("--project red instance list", "name"), ["db"]);
    assert_eq!(names("--project default network list", "name"), ["blue"]);
    assert_eq!(names("--project red network list", "name"), ["blue", "private"]);
    assert_eq!(names("project list", "name"), ["default", "red"]);
    assert_eq!(names("--project red project list", "name"), ["red"]);
    assert_eq!(names("fip list", "address").len(), 2);
    let network = daemon.json("network show private");
    assert_eq!(network["project"], "red");

    let before = daemon.lists();
    for words in [
        "fip show 203.0.113.100",
        "fip release 203.0.113.100",
        "fip disassociate 203.0.113.100",
        "fip associate 203.0.113.100 db",
        "fip associate 203.0.113.101 web-1",
        "fip associate 203.0.113.101 --port vm1",
        "fip set 203.0.113.100 --label a=b",
        "instance show web-1",
        "instance remove web-1",
        "instance set web-1 --label a=b",
        "instance attach web-1 --network blue --port vm8 --mac 02:00:00:00:00:18 --ip 10.0.0.18",
        "project show default",
    ] {
        refused(&daemon, &format!("--project red {words}"), 3, "no ");
    }
    for words in [
        "pool delete public",
        "pool set public --cool-down 0",
        "provider list",
        "network delete blue",
        "fip reserve 203.0.113.110",
        "fip set 203.0.113.101 --note mine",
        "project set red --fip-quota unlimited",
        "switch list",
        "switch flows br-ex",
        "drops",
        "backup -",
    ] {
        refused(&daemon, &format!("--project red {words}"), 5, "admin");
    }
    let strange =
        "--project default instance add x --network private --port vm8 --mac 02:00:00:00:00:18 --ip 10.1.0.18";
    refused(&daemon, strange, 3, "no network named private");
    assert_eq!(daemon.lists(), before);
    let own = done(&daemon, "--project red fip associate 203.0.113.101 --port vm9");
    assert_eq!((&own["instance"], &own["fixed_ip"], &own["port"]), (&json!("db"), &json!("10.1.0.11"), &json!("vm9")));
}

#[test]
fn the_environment_names_the_project_and_an_option_another_one() {
    let daemon = two_projects();
    let list = |words: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_buoyctl"));
        command.env("BUOY_SOCKET", daemon.socket()).env("BUOY_PROJECT", "red");
        let output = command.args("--format json".split(' ').chain(words.split(' '))).output().expect("buoyctl runs");
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        list.as_array().expect("a list").iter().map(|own| own["address"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(list("fip list"), ["203.0.113.101"]);
    assert_eq!(list("fip list --project default"), ["203.0.113.100"]);
    assert_eq!(list("--project default fip list"), ["203.0.113.100"]);
}

#[test]
fn a_released_address_cools_down_for_others_and_comes_back_to_its_own_project() {
    let mut daemon = declared();
    done(&daemon, "pool create small --provider lan --range 203.0.113.200/31 --all-addresses");
    for _ in 0..2 {
        done(&daemon, "fip allocate --pool small --project red");
    }
    done(&daemon, "fip release 203.0.113.201");
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    let pool = daemon.json("pool show small");
    assert_eq!((&pool["free"], &pool["cooling"], &pool["cool_down_s"]), (&json!(1), &json!(1), &json!(300)));
    let shown = daemon.json("fip show 203.0.113.201");
    assert_eq!(shown["state"], "available");
    assert!(shown["cooling_until"].as_str().is_some_and(|own| own.ends_with('Z')), "{shown}");
    refused(&daemon, "fip allocate --pool small --project blue", 4, "no free address");
    refused(&daemon, "fip allocate --address 203.0.113.201 --project blue", 4, "released by project red");
    assert_eq!(done(&daemon, "fip allocate --address 203.0.113.201 --project red")["cooling_until"], Value::Null);
    done(&daemon, "fip release 203.0.113.201");
    assert_eq!(done(&daemon, "fip allocate --pool small --project red")["address"], "203.0.113.201");
    done(&daemon, "fip release 203.0.113.201");
    done(&daemon, "pool set small --cool-down 0");
    assert_eq!(done(&daemon, "fip allocate --pool small --project blue")["address"], "203.0.113.201");
}

#[test]
fn quotas_hold_for_every_way_to_get_an_address() {
    let mut daemon = declared();
    let quota = done(&daemon, "project set --default --fip-quota 1");
    assert_eq!(quota["fip_quota"], 1);
    refused(&daemon, "fip allocate", 4, "project default has 1 floating IPs and may have 1");
    refused(&daemon, "fip associate 203.0.113.101 web-2", 4, "may have 1");
    let added = "instance add web-3 --network blue --port vm3 --mac 02:00:00:00:00:13 --ip 10.0.0.13 --fip auto";
    refused(&daemon, added, 4, "may have 1");
    assert_eq!(daemon.buoyctl("instance show web-3").status.code(), Some(3));
    let project = done(&daemon, "project set default --fip-quota 2");
    assert_eq!((&project["fip_quota"], &project["default_quota"]), (&json!(2), &json!(false)));
    done(&daemon, added);
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    refused(&daemon, "fip allocate", 4, "may have 2");
    done(&daemon, "fip allocate --project red");
    refused(&daemon, "fip allocate --project red", 4, "may have 1");
    done(&daemon, "project set red --fip-quota unlimited");
    done(&daemon, "fip allocate --project red");
    done(&daemon, "project set red --fip-quota default");
    refused(&daemon, "fip allocate --project red", 4, "may have 1");
    refused(&daemon, "project delete red", 4, "in use by floating IP 203.0.113.102, floating IP 203.0.113.103");
    refused(&daemon, "project set --default --fip-quota default", 2, "--fip-quota N|unlimited");
    refused(&daemon, "project set red --fip-quota x", 2, "write a number, or unlimited");
    let socket = r#"{"jsonrpc":"2.0","id":1,"method":"project.set","params":{"name":"red","fip_quota":3}}"#;
    let answer = daemon.ask(&format!("{socket}\n")).answer();
    assert_eq!(answer["result"]["fip_quota"], 3, "{answer}");
}

#[test]
fn an_instance_comes_with_an_address_or_not_at_all() {
    let daemon = declared();
    let add = |last: u8, more: &str| {
        format!(
            "instance add vm-{last} --network blue --port p{last} --mac 02:00:00:00:01:{last:02x} --ip 10.0.0.{last} {more}"
        )
    };
    done(&daemon, "pool create small --provider lan --range 203.0.113.200");
    let added = done(&daemon, &add(21, "--fip small"));
    assert_eq!(added["interfaces"][0]["floating_ip"], "203.0.113.200");
    let before = (daemon.lists(), generation(&daemon));
    refused(&daemon, &add(22, "--fip small"), 4, "pool small has no free address");
    refused(&daemon, &add(22, "--fip nowhere"), 3, "no pool named nowhere");
    refused(&daemon, &add(22, "--fip auto"), 2, "no default one");
    assert_eq!((daemon.lists(), generation(&daemon)), before);

    done(&daemon, "network set blue --auto-assign public");
    let added = done(&daemon, &format!("{}--fip none", add(22, "")));
    assert_eq!(added["interfaces"][0]["floating_ip"], Value::Null);
    let added = done(&daemon, add(23, "").trim());
    assert_eq!(added["interfaces"][0]["floating_ip"], "203.0.113.101");
    assert_eq!(daemon.json("fip show 203.0.113.101")["instance"], "vm-23");
    done(&daemon, "network set blue --auto-assign none");
    let added = done(&daemon, add(24, "").trim());
    assert_eq!(added["interfaces"][0]["floating_ip"], Value::Null);
}

#[test]
fn force_takes_the_addresses_off_and_leaves_them_to_the_project() {
    let daemon = declared();
    let attach = "instance attach web-1 --network blue --port vm5 --mac 02:00:00:00:00:15 --ip 10.0.0.15";
    done(&daemon, attach);
    done(&daemon, "fip associate 203.0.113.101 web-1 --fixed-ip 10.0.0.15");
    refused(&daemon, "instance detach web-1 --ip 10.0.0.15", 4, "in use by floating IP 203.0.113.101");
    refused(&daemon, "instance detach web-1 --ip 10.0.0.99", 3, "it has 10.0.0.11, 10.0.0.15");
    let left = done(&daemon, "instance detach web-1 --ip 10.0.0.15 --force");
    assert_eq!(left["interfaces"].as_array().map(Vec::len), Some(1));
    assert_eq!(daemon.json("fip show 203.0.113.101")["state"], "allocated");
    refused(&daemon, "instance detach web-1 --ip 10.0.0.11 --force", 4, "the only interface");
    refused(&daemon, "instance remove web-1", 4, "in use by floating IP 203.0.113.100");
    assert_eq!(run(&daemon, "instance remove web-1 --force").0, Some(0));
    let shown = daemon.json("fip show 203.0.113.100");
    assert_eq!((&shown["state"], &shown["project"]), (&json!("allocated"), &json!("default")));
    assert_eq!(daemon.buoyctl("instance show web-1").status.code(), Some(3));
}

#[test]
fn reserved_addresses_stay_out_of_allocation() {
    let mut daemon = declared();
    let pool = done(&daemon, "fip reserve 203.0.113.101-203.0.113.103 --note printers");
    assert_eq!((&pool["name"], &pool["reserved"], &pool["free"]), (&json!("public"), &json!(3), &json!(16)));
    daemon.end(Signal::SIGTERM);
    daemon.start_again();
    assert_eq!(done(&daemon, "fip allocate")["address"], "203.0.113.104");
    refused(&daemon, "fip allocate --address 203.0.113.102", 4, "is reserved");
    refused(&daemon, "fip associate 203.0.113.102 web-2", 4, "is reserved");
    refused(&daemon, "fip reserve 203.0.113.100-203.0.113.104", 4, "203.0.113.100, 203.0.113.104; release first");
    refused(&daemon, "fip reserve 203.0.113.118-203.0.113.121", 3, "not wholly in pool public");
    let shown = daemon.json("fip show 203.0.113.102");
    assert_eq!((&shown["reserved"], &shown["note"]), (&json!(true), &json!("printers")));
    assert_eq!(daemon.json("fip list --all").as_array().map(Vec::len), Some(20));
    assert_eq!(daemon.json("fip list --state available").as_array().map(Vec::len), Some(15));
    done(&daemon, "fip unreserve 203.0.113.102");
    assert_eq!(done(&daemon, "fip allocate")["address"], "203.0.113.102");
}

#[test]
fn labels_and_notes_are_found_by() {
    let daemon = declared();
    done(&daemon, "fip allocate --label env=prod --label team=red");
    done(&daemon, "fip set 203.0.113.100 --label env=test");
    done(&daemon, "instance set web-1 --label env=prod --note rack-7");
    let found = |words: &str| daemon.json(words).as_array().map(Vec::len);
    for (words, count) in [
        ("fip list --label env", 2),
        ("fip list --label env=prod", 1),
        ("fip list --label env=prod --label team=blue", 0),
        ("instance list --label env=prod", 1),
        ("instance list --label env=test", 0),
    ] {
        assert_eq!(found(words), Some(count), "{words}");
    }
    let web = daemon.json("instance show web-1");
    assert_eq!((&web["labels"], &web["note"]), (&json!({"env": "prod"}), &json!("rack-7")));
    done(&daemon, "fip set 203.0.113.100 --unlabel env");
    assert_eq!(daemon.json("fip show 203.0.113.100")["labels"], json!({}));
    refused(&daemon, "fip set 203.0.113.105 --label a=b", 2, "belongs to no project");
    refused(&daemon, "fip set 203.0.113.100 --label ab", 2, "KEY=VALUE");
    done(&daemon, "fip release 203.0.113.101");
    assert_eq!(daemon.json("fip show 203.0.113.101")["labels"], json!({}));
}

#[test]
fn the_same_request_twice_is_one_association() {
    let daemon = declared();
    let first = done(&daemon, "fip show 203.0.113.100")["association_id"].clone();
    assert!(first.is_string(), "{first}");
    let before = generation(&daemon);
    for words in [
        "fip associate 203.0.113.100 web-1",
        "fip associate 203.0.113.100 web-1 --no-move",
        "fip associate 203.0.113.100 --port vm1",
        "fip disassociate 203.0.113.105",
        "fip release 203.0.113.105",
        "pool add public 203.0.113.100-203.0.113.119",
        "pool set public --cool-down 5m --default off",
        "network set blue --auto-assign none",
        "project set --default --fip-quota unlimited",
    ] {
        done(&daemon, words);
    }
    assert_eq!((generation(&daemon), &done(&daemon, "fip show 203.0.113.100")["association_id"]), (before, &first));
    let moved = done(&daemon, "fip associate 203.0.113.100 web-2")["association_id"].clone();
    let back = done(&daemon, "fip associate 203.0.113.100 web-1")["association_id"].clone();
    assert!(moved != first && back != first && back != moved, "{first} {moved} {back}");
    refused(&daemon, "fip associate 203.0.113.100 web-2 --no-move", 4, "--no-move");
    assert_eq!(done(&daemon, "fip disassociate 203.0.113.100")["association_id"], Value::Null);
}
