//! Hooks as a provider's script meets them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::{Daemon, declared, until};

/// A daemon whose provider has a shell script as its hook, in a directory of its own. The script has `$event`.
fn hooked(script: &str) -> Daemon {
    let daemon = declared();
    let hook = file(&daemon, "hook");
    std::fs::write(&hook, format!("#!/bin/sh\ncd \"${{0%/*}}\"\nread -r event\n{script}\n"))
        .expect("it can be written");
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let provider = daemon.json(&format!("--wait store provider set lan --hook {}", hook.display()));
    assert_eq!(provider["hook"], hook.display().to_string(), "{provider}");
    daemon
}

fn file(daemon: &Daemon, name: &str) -> PathBuf {
    daemon.dir.path().join(name)
}

/// The lines of a file that a hook writes.
fn lines(daemon: &Daemon, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file(daemon, name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn told(daemon: &Daemon) -> Vec<Value> {
    lines(daemon, "told").iter().map(|line| serde_json::from_str(line).expect("a document")).collect()
}

fn await_hook(daemon: &Daemon, address: &str, state: &str, event: &str) -> Value {
    let mut hook = Value::Null;
    until(&format!("the hook of {address} is {state}"), || {
        hook = daemon.json(&format!("fip show {address}"))["hook"].take();
        hook["state"] == state && hook["event"] == event
    });
    hook
}

#[test]
fn a_hook_is_told_of_what_happens_to_an_address() {
    let daemon = hooked("echo \"$event\" >>told");
    assert_eq!(daemon.json("fip show 203.0.113.100")["hook"], Value::Null);
    for (words, event) in [
        ("fip set 203.0.113.100 --note x", None),
        ("fip associate 203.0.113.100 web-2", Some("moved")),
        ("fip associate 203.0.113.100 web-2", None),
        ("fip disassociate 203.0.113.100", Some("disassociated")),
        ("fip associate 203.0.113.100 web-1", Some("associated")),
        ("fip release 203.0.113.100", Some("released")),
    ] {
        daemon.json(&format!("--wait store {words}"));
        if let Some(event) = event {
            let hook = await_hook(&daemon, "203.0.113.100", "done", event);
            assert_eq!((&hook["tries"], &hook["message"]), (&json!(1), &Value::Null), "{hook}");
            assert!(hook["at"].as_str().is_some_and(|at| at.len() == 20 && at.ends_with('Z')), "{hook}");
        }
    }
    let told = told(&daemon);
    let shown: Vec<_> = told.iter().map(|own| [&own["event"], &own["instance"], &own["previous_instance"]]).collect();
    assert_eq!(
        json!(shown),
        json!([
            ["moved", "web-2", "web-1"],
            ["disassociated", null, "web-2"],
            ["associated", "web-1", null],
            ["released", null, "web-1"],
        ])
    );
    let mut first = told[0].clone();
    assert!(first["generation"].take().as_u64().is_some_and(|own| own > 0));
    assert_eq!(
        first,
        json!({
            "event": "moved", "address": "203.0.113.100", "provider": "lan", "pool": "public", "mac": null,
            "project": "default", "instance": "web-2", "fixed_ip": "10.0.0.12", "host": null,
            "previous_instance": "web-1", "generation": null,
        })
    );
}

#[test]
fn a_hook_that_fails_is_tried_again_and_says_why() {
    let daemon = hooked("echo x >>tries; [ -e good ] || { echo first >&2; echo 'the API is down' >&2; exit 1; }");
    daemon.json("--wait store fip disassociate 203.0.113.100");
    let failed = await_hook(&daemon, "203.0.113.100", "pending", "disassociated");
    until("it has failed once", || daemon.json("fip show 203.0.113.100")["hook"]["message"] == "the API is down");
    assert_eq!(failed["event"], "disassociated");
    std::fs::write(file(&daemon, "good"), "").expect("it can be written");
    let hook = await_hook(&daemon, "203.0.113.100", "done", "disassociated");
    assert_eq!(hook["message"], Value::Null);
    let tries = lines(&daemon, "tries").len();
    assert!(tries >= 2 && hook["tries"] == tries, "{hook}: {tries}");
}

#[test]
fn a_provider_without_its_hook_is_told_nothing_more() {
    let daemon = hooked("echo x >>tries; exit 1");
    daemon.json("--wait store fip disassociate 203.0.113.100");
    until("it was tried", || !lines(&daemon, "tries").is_empty());
    daemon.json("--wait store provider set lan --hook none");
    until("it is forgotten", || daemon.json("fip show 203.0.113.100")["hook"].is_null());
    daemon.json("--wait store fip release 203.0.113.100");
    assert_eq!(daemon.json("fip show 203.0.113.100")["hook"], Value::Null);
}

/// A hook that waits for the file `gate`, and says so before and after.
const GATED: &str = "echo $$ >>started; while ! [ -e gate ]; do sleep 0.02; done; echo \"$event\" >>told";

#[test]
fn a_flood_is_answered_at_once_told_by_four_and_only_the_newest() {
    let daemon = hooked(GATED);
    let mut requests = String::new();
    for round in 0..5 {
        for last in 101..=119 {
            for method in ["fip.allocate", "fip.release"] {
                let params = json!({"address": format!("203.0.113.{last}"), "wait": "store"});
                let id = format!("{round}-{last}-{method}");
                requests += &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
                requests += "\n";
            }
        }
    }
    let mut client = daemon.ask(&requests);
    for _ in 0..5 * 19 * 2 {
        let answer = client.answer();
        assert!(answer["error"].is_null(), "{answer}");
    }
    // All was answered while no hook has come to its end, and no fifth one has begun.
    until("four hooks have begun", || lines(&daemon, "started").len() == 4);
    assert_eq!(lines(&daemon, "told").len(), 0);
    let states: Vec<_> = (101..=119).map(|last| daemon.json(&format!("fip show 203.0.113.{last}"))).collect();
    assert!(states.iter().all(|own| ["pending", "running"].map(Value::from).contains(&own["hook"]["state"])));
    assert_eq!(lines(&daemon, "started").len(), 4);
    std::fs::write(file(&daemon, "gate"), "").expect("it can be written");
    for last in 101..=119 {
        await_hook(&daemon, &format!("203.0.113.{last}"), "done", "released");
    }
    let mut newest = BTreeMap::new();
    let told = told(&daemon);
    for event in &told {
        let generation = event["generation"].as_u64();
        let before = newest.insert(event["address"].to_string(), generation);
        assert!(before.unwrap_or_default() < generation, "out of order: {told:?}");
    }
    assert_eq!(newest.len(), 19);
    assert!(told.len() <= 19 + 4, "{} events were told", told.len());
}

#[test]
fn what_is_not_told_yet_survives_a_kill_and_nothing_of_the_dead_daemon_goes_on() {
    let mut daemon = hooked(GATED);
    daemon.json("--wait store fip disassociate 203.0.113.100");
    for last in 101..=105 {
        daemon.json(&format!("--wait store fip allocate --address 203.0.113.{last}"));
        daemon.json(&format!("--wait store fip release 203.0.113.{last}"));
    }
    until("four hooks have begun", || lines(&daemon, "started").len() == 4);
    let first: Vec<_> = lines(&daemon, "started");
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    until("four hooks have begun again", || lines(&daemon, "started").len() == 8);
    for pid in &first {
        let pid = Pid::from_raw(pid.parse().expect("a pid"));
        until("the hook of the dead daemon has ended", || is_over(pid));
    }
    assert_eq!(lines(&daemon, "told").len(), 0);
    std::fs::write(file(&daemon, "gate"), "").expect("it can be written");
    await_hook(&daemon, "203.0.113.100", "done", "disassociated");
    for last in 101..=105 {
        await_hook(&daemon, &format!("203.0.113.{last}"), "done", "released");
    }
    assert_eq!(told(&daemon).len(), 6);
    // A result is kept too.
    daemon.end(Signal::SIGKILL);
    daemon.start_again();
    await_hook(&daemon, "203.0.113.100", "done", "disassociated");
    assert_eq!(told(&daemon).len(), 6);
}

#[test]
fn a_daemon_that_is_told_to_stop_does_not_wait_for_hooks_and_tells_them_again() {
    let mut daemon = hooked(GATED);
    daemon.json("--wait store fip disassociate 203.0.113.100");
    until("the hook has begun", || lines(&daemon, "started").len() == 1);
    assert_eq!(daemon.json("fip show 203.0.113.100")["hook"]["state"], "running");
    assert_eq!(daemon.end(Signal::SIGTERM), Some(0));
    let pid = Pid::from_raw(lines(&daemon, "started").concat().parse().expect("a pid"));
    until("the hook has ended", || is_over(pid));
    std::fs::write(file(&daemon, "gate"), "").expect("it can be written");
    daemon.start_again();
    await_hook(&daemon, "203.0.113.100", "done", "disassociated");
    assert_eq!(told(&daemon).len(), 1);
}

/// Whether a process is gone, or has only to be reaped.
fn is_over(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    kill(pid, None).is_err() || stat.contains(") Z ")
}

#[test]
fn a_hook_that_is_no_program_is_refused_or_says_so() {
    let daemon = declared();
    for (hook, says) in
        [("hook", "absolute path"), ("http://192.0.2.1/", "absolute path"), ("/bin/'x'", "without a shell")]
    {
        let output = daemon.buoyctl(&format!("provider set lan --hook {hook}"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{output:?}");
    }
    daemon.json("--wait store provider set lan --hook /nonexistent/hook");
    daemon.json("--wait store fip release 203.0.113.100");
    until("the failure is told", || {
        let message = daemon.json("fip show 203.0.113.100")["hook"]["message"].take();
        message.as_str().is_some_and(|own| own.starts_with("/nonexistent/hook cannot be run: No such file"))
    });
}
