//! State directories that cannot be used, and disks that run full: the daemon stays, says so, and changes nothing.

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Client, Daemon, declared, until};

/// Holds that a daemon is in safe mode, says why, refuses changes with exit code 1, and ends well.
fn is_safe(mut daemon: Daemon, why: &str) {
    let status = daemon.json("status");
    assert_eq!(status["mode"], "safe", "{status}");
    let problem = status["problem"].as_str().unwrap_or_default();
    let state = daemon.state.display().to_string();
    for part in [why, &state, "restart buoyd"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    for words in ["fip release 203.0.113.100", "pool list"] {
        let output = daemon.buoyctl(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{words}: {error}");
        assert!(error.contains("safe mode") && error.contains(why), "{words}: {error}");
    }
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_damaged_store_means_safe_mode() {
    let mut daemon = declared();
    daemon.end(Signal::SIGTERM);
    std::fs::write(daemon.state.join("commit"), "garbage").expect("it can be written");
    daemon.start_again();
    let status = daemon.json("status");
    assert_eq!(status["mode"], "safe");
    assert!(status["problem"].as_str().is_some_and(|own| own.contains("state")), "{status}");
    for words in ["fip release 203.0.113.100", "pool list"] {
        assert_eq!(daemon.buoyctl(words).status.code(), Some(1), "{words}");
    }
}

#[test]
fn a_state_directory_on_a_read_only_disk_means_safe_mode() {
    let mut daemon = declared();
    daemon.end(Signal::SIGTERM);
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\"";
    daemon.start_as(daemon.apart("-Urm", script));
    is_safe(daemon, "Read-only file system");
}

#[test]
fn a_state_directory_without_permission_means_safe_mode() {
    let mut daemon = Daemon::new();
    std::fs::create_dir(&daemon.state).expect("it can be made");
    std::fs::set_permissions(&daemon.state, PermissionsExt::from_mode(0o555)).expect("it is ours");
    // Root too is held to permissions in a user namespace where it is nobody.
    daemon.start_as(daemon.apart("-U", "true"));
    is_safe(daemon, "Permission denied");
}

#[test]
fn a_file_in_place_of_the_state_directory_means_safe_mode_and_stays() {
    let mut daemon = Daemon::new();
    std::fs::write(&daemon.state, "precious").expect("it can be written");
    let state = daemon.state.clone();
    daemon.start_again();
    let kept = || std::fs::read(&state).expect("it is there");
    assert_eq!(kept(), b"precious");
    is_safe(daemon, "not a directory");
}

#[test]
fn a_state_directory_whose_parent_is_missing_means_safe_mode() {
    let mut daemon = Daemon::new();
    daemon.state.push("a/b");
    daemon.start_again();
    is_safe(daemon, "No such file or directory");
}

/// The request that makes a network.
fn create(name: &str) -> String {
    let params = json!({"name": name, "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "wait": "store"});
    format!("{}\n", json!({"jsonrpc": "2.0", "id": name, "method": "network.create", "params": params}))
}

/// The names of all networks, as they were made.
fn networks(daemon: &Daemon) -> Vec<String> {
    let listed = daemon.json("network list");
    let listed = listed.as_array().into_iter().flatten().filter_map(|own| own["name"].as_str());
    let mut listed: Vec<_> = listed.map(str::to_owned).collect();
    listed.sort_by_key(|name| (name.len(), name.clone()));
    listed
}

/// Makes networks until one is refused: those that were made, and the refusal.
fn create_until_refused(client: &mut Client) -> (Vec<String>, String) {
    let mut acknowledged = Vec::new();
    loop {
        let name = format!("net-{}", acknowledged.len());
        assert!(acknowledged.len() < 5_000, "there is room for them all");
        client.send(create(&name).as_bytes());
        let answer = client.answer();
        if answer.get("error").is_some() {
            return (acknowledged, answer["error"]["message"].as_str().unwrap_or_default().to_owned());
        }
        acknowledged.push(name);
    }
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    let mut daemon = Daemon::new();
    std::fs::create_dir(&daemon.state).expect("it can be made");
    daemon.start_as(daemon.apart("-Urm", "mount -t tmpfs -o size=24m tmpfs \"$0\""));
    let mut client = daemon.client();
    let mut ask = |name: &str| {
        client.send(create(name).as_bytes());
        client.answer()
    };
    assert_eq!(ask("before")["result"]["name"], "before");
    let filler = daemon.root().join("filler");
    std::fs::write(&filler, vec![0; 12 << 20]).expect("there is room for it");
    for _ in 0..3 {
        let refused = ask("full");
        let message = refused["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("make room") && message.contains("nothing was changed"), "{refused}");
        assert_eq!(refused["error"]["data"]["kind"], "storage");
    }
    assert_eq!(daemon.json("status")["mode"], "normal");
    assert_eq!(networks(&daemon), ["before"]);
    std::fs::remove_file(filler).expect("it is ours");
    assert_eq!(ask("after")["result"]["name"], "after");
    assert_eq!(networks(&daemon), ["after", "before"]);
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
}

/// Whether the journal has something that the database does not have.
fn is_journaled(daemon: &Daemon) -> bool {
    let bytes = std::fs::read(daemon.root().join("commit")).expect("it is there");
    let number = |at: usize| u64::from_be_bytes(bytes[at + 8..at + 16].try_into().expect("eight bytes"));
    let mut records = (8_192..bytes.len()).step_by(4_096).filter(|at| bytes[*at..].starts_with(b"buoyjnl1"));
    records.any(|at| number(at) > number(0).max(number(4_096)))
}

#[test]
fn what_is_new_stays_in_the_journal_while_the_disk_is_full() {
    let mut daemon = Daemon::new();
    std::fs::create_dir(&daemon.state).expect("it can be made");
    let script = "mount -t tmpfs -o size=24m tmpfs \"$0\" && exec 2>\"$0.log\"";
    daemon.start_as(daemon.apart("-Urm", script));
    let log = daemon.state.with_extension("log");
    let mut client = daemon.client();
    let mut made = Vec::new();
    let mut make = |name: String| {
        client.send(create(&name).as_bytes());
        let answer = client.answer();
        assert_eq!(answer["result"]["name"], name.as_str(), "{answer}");
        made.push(name);
        made.clone()
    };
    let filler = daemon.root().join("filler");
    let mut tries = 0;
    until("the disk fills before the journal is put into the database", || {
        make(format!("early-{tries}"));
        tries += 1;
        assert!(std::fs::write(&filler, vec![0; 24 << 20]).is_err(), "it does not fit");
        let is_journaled = is_journaled(&daemon);
        if !is_journaled {
            std::fs::remove_file(&filler).expect("it is ours");
        }
        is_journaled
    });
    until("the database is left alone", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("the disk is too full for the database"))
    });
    assert!(is_journaled(&daemon));
    assert_eq!(daemon.json("status")["mode"], "normal");
    std::fs::remove_file(&filler).expect("it is ours");
    let made = make("late".to_owned());
    until("the journal is put into the database", || !is_journaled(&daemon));
    assert_eq!(networks(&daemon).len(), made.len());
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_warning_that_went_with_a_refused_change_is_given_when_the_change_is_made() {
    let mut daemon = Daemon::new();
    std::fs::create_dir(&daemon.state).expect("it can be made");
    daemon.start_as(daemon.apart("-Urm", "mount -t tmpfs -o size=24m tmpfs \"$0\""));
    for words in [
        "provider create lan --bridge br-ex --uplink eth0 --onlink 203.0.113.0/24",
        "pool create small --provider lan --range 203.0.113.100/31 --warn-at 50",
    ] {
        let output = daemon.buoyctl(&format!("--wait store {words}"));
        assert!(output.status.success(), "{output:?}");
    }
    let filler = daemon.root().join("filler");
    std::fs::write(&filler, vec![0; 12 << 20]).expect("there is room for it");
    assert_eq!(daemon.buoyctl("fip allocate").status.code(), Some(1));
    std::fs::remove_file(filler).expect("it is ours");
    assert!(daemon.buoyctl("fip allocate").status.success());
    let told = daemon.json("history --kind pool_low");
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
}

#[test]
fn a_write_that_fails_makes_the_store_read_only_and_keeps_what_was_acknowledged() {
    let mut daemon = Daemon::new();
    std::fs::create_dir(&daemon.state).expect("it can be made");
    // No file may be longer than this, in blocks of 512 bytes; the signal that comes with it is not heard.
    daemon.start_as(daemon.apart("-Ur", "trap '' XFSZ && ulimit -f 1100"));
    let mut client = daemon.client();
    let (acknowledged, message) = create_until_refused(&mut client);
    assert!(message.contains("File too large") && message.contains("read-only"), "{message}");
    // The last two share a commit: that the second is there already is not so when the first is not stored.
    client.send([create("a"), create("b"), create("b")].concat().as_bytes());
    for _ in 0..3 {
        assert_eq!(client.answer()["error"]["data"]["kind"], "storage");
    }
    let output = daemon.buoyctl("network delete net-0");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(networks(&daemon), acknowledged);
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
    daemon.start_again();
    let found = networks(&daemon);
    // What failed may turn out to be stored.
    assert!(found.starts_with(&acknowledged) && found.len() <= acknowledged.len() + 1, "{found:?}");
}
