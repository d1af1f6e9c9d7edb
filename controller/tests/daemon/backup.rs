//! Backups of a running daemon, and daemons that are made of them.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::{Daemon, declared};

fn restore(file: &Path, state: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buoyd"));
    command.arg("restore").arg(file).arg("--state-dir").arg(state).output().expect("buoyd runs")
}

/// A backup of a daemon, in its directory.
fn backup(daemon: &Daemon) -> PathBuf {
    let file = daemon.dir.path().join("backup.json");
    let output = daemon.buoyctl(&format!("backup {}", file.display()));
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    file
}

/// Holds that a restore is refused with a line that says why, and leaves no store.
fn is_refused(file: &Path, state: &Path, why: &str) {
    let output = restore(file, state);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains(why), "{why}: {error}");
    assert!(!state.join("sled").exists() && !state.join("restoring").exists(), "{why}");
}

#[test]
fn a_restored_daemon_has_all_that_the_backed_up_one_had() {
    let mut daemon = declared();
    let file = backup(&daemon);
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    let before = daemon.lists();
    // What comes after the backup is not in it.
    assert!(daemon.buoyctl("--wait store fip release 203.0.113.100").status.success());
    daemon.end(Signal::SIGTERM);
    let mut restored = Daemon::new();
    let output = restore(&file, &restored.state);
    assert!(output.status.success(), "{output:?}");
    restored.start_again();
    assert_eq!(restored.lists(), before);
    assert!(restored.buoyctl("--wait store fip release 203.0.113.100").status.success(), "it goes on");
}

#[test]
fn a_backup_is_taken_between_commits() {
    let daemon = declared();
    let changing = daemon.client();
    let change = |n: u32| {
        let params = json!({"name": format!("net-{n}"), "cidr": "10.9.0.0/24", "gateway": "10.9.0.1", "wait": "store"});
        format!("{}\n", json!({"jsonrpc": "2.0", "id": n, "method": "network.create", "params": params}))
    };
    let mut taken = 0;
    for round in 0..8 {
        (0..32).for_each(|n| changing.send(change(round * 32 + n).as_bytes()));
        let file = daemon.dir.path().join(format!("backup-{round}"));
        assert!(daemon.buoyctl(&format!("backup {}", file.display())).status.success());
        let state = daemon.dir.path().join(format!("state-{round}"));
        let output = restore(&file, &state);
        assert!(output.status.success(), "{output:?}");
        taken += 1;
    }
    assert_eq!(taken, 8);
}

#[test]
fn a_device_or_directory_is_never_replaced() {
    let daemon = declared();
    let pipe = daemon.dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("it can be made");
    for place in [&*pipe, daemon.dir.path()] {
        let output = daemon.buoyctl(&format!("backup --force {}", place.display()));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is no plain file"), "{output:?}");
    }
    assert!(std::fs::metadata(&pipe).expect("it is there").file_type().is_fifo());
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_is_forced() {
    let daemon = declared();
    let file = daemon.dir.path().join("precious");
    std::fs::write(&file, "precious").expect("it can be written");
    let output = daemon.buoyctl(&format!("backup {}", file.display()));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(std::fs::read(&file).expect("it is there"), b"precious");
    assert!(daemon.buoyctl(&format!("backup --force {}", file.display())).status.success());
    let text = std::fs::read(&file).expect("it is there");
    let document: Value = serde_json::from_slice(&text).expect("one JSON document");
    assert_eq!(document["format"], "buoy backup");
    let stdout = daemon.buoyctl("backup -").stdout;
    assert_eq!(stdout, text);
    let nowhere = daemon.buoyctl("backup /nonexistent/backup.json");
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
}

#[test]
fn the_socket_gives_a_backup_as_one_line_also_in_a_batch() {
    let daemon = declared();
    let call = |id: u32, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method});
    let alone = daemon.ask(&format!("{}\n", call(1, "backup.create"))).answer();
    assert_eq!((&alone["id"], &alone["result"]["format"]), (&json!(1), &json!("buoy backup")));
    let batch = json!([call(2, "pool.list"), call(3, "backup.create"), call(4, "backup.create"), call(5, "pool.list")]);
    let answers = daemon.ask(&format!("{batch}\n")).answer();
    let ids: Vec<_> = answers.as_array().into_iter().flatten().map(|own| own["id"].clone()).collect();
    assert_eq!(ids, [2, 3, 4, 5]);
    assert_eq!(answers[1]["result"], alone["result"]);
}

#[test]
fn what_is_no_whole_backup_is_not_restored() {
    let daemon = declared();
    let file = backup(&daemon);
    let text = std::fs::read_to_string(&file).expect("it is there");
    let state = daemon.dir.path().join("restored");
    let changed = |text: &str, why: &str| {
        let file = daemon.dir.path().join("changed");
        std::fs::write(&file, text).expect("it can be written");
        is_refused(&file, &state, why);
    };
    changed(text.split_at(text.len() / 2).0, "it cannot be read");
    changed("", "it cannot be read");
    changed("{}", "it is no backup of buoyd");
    changed(&text.replacen("\"version\": 1", "\"version\": 2", 1), "a newer buoyd wrote it");
    changed(&text.replacen("\"schema\": 3", "\"schema\": 4", 1), "a newer buoyd wrote it");
    for none in [("\"schema\": 3", "\"schema\": 0"), ("\"schema\": 3,", ""), ("\"version\": 1", "\"version\": 0")] {
        changed(&text.replacen(none.0, none.1, 1), "version or its schema is missing or 0");
    }
    changed(&text.replace("vm1", "vm9"), "what it has of instances is not what was stored");
    changed(&text.replacen("\"key\":\"6c616e\"", "\"key\":\"6c61\"", 1), "what it has of providers");
    changed(&text.replacen("\"key\":\"6c616e\"", "\"key\":\"6c6\"", 1), "is no hex");
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("web-2")).collect();
    changed(&lines.join("\n"), "what it has of instances");
    is_refused(Path::new("/nonexistent"), &state, "No such file");
}

#[test]
fn a_directory_that_has_a_store_or_a_daemon_is_left_alone() {
    let mut daemon = declared();
    let file = backup(&daemon);
    let state = daemon.state.clone();
    let error = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error(restore(&file, &state)).contains("another buoyd already uses"));
    let before = daemon.lists();
    daemon.end(Signal::SIGTERM);
    assert!(error(restore(&file, &state)).contains("has a store already"));
    daemon.start_again();
    assert_eq!(daemon.lists(), before);
}

#[test]
fn a_restore_that_was_cut_off_is_done_again() {
    let daemon = declared();
    let file = backup(&daemon);
    for cut_off in ["restoring/sled", "restoring", "sled"] {
        let mut restored = Daemon::new();
        std::fs::create_dir_all(restored.state.join("restoring")).expect("it can be made");
        std::fs::create_dir_all(restored.state.join(cut_off)).expect("it can be made");
        let output = restore(&file, &restored.state);
        assert!(output.status.success(), "{cut_off}: {output:?}");
        restored.start_again();
        assert_eq!(restored.lists(), daemon.lists(), "{cut_off}");
    }
}
