//! `buoyd` and `buoyctl` as scripts meet them: exit codes, JSON, and that a refusal changes nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A daemon with a state directory of its own, and no switch.
struct Daemon {
    dir: TempDir,
    child: Option<Child>,
}

impl Daemon {
    fn start() -> Self {
        let mut daemon = Self { dir: tempfile::tempdir().expect("a directory"), child: None };
        daemon.start_again();
        daemon
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buoyd"));
        let openflow = format!("unix:{}", self.dir.path().join("openflow").display());
        command.arg("--state-dir").arg(self.dir.path().join("state")).arg("--socket").arg(self.socket());
        command.arg("--openflow").arg(openflow).stderr(Stdio::piped());
        command
    }

    fn start_again(&mut self) {
        let mut child = self.command().stderr(Stdio::null()).spawn().expect("buoyd starts");
        let deadline = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(self.socket()).is_err() {
            assert!(child.try_wait().expect("it can be asked").is_none(), "buoyd ended");
            assert!(Instant::now() < deadline, "buoyd is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child = Some(child);
    }

    /// Ends it with SIGTERM; returns its exit code.
    fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("it is ours");
        child.wait().expect("it ends").code()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("buoyd.sock")
    }

    fn buoyctl(&self, words: &str) -> Output {
        buoyctl(&self.socket(), words)
    }

    fn json(&self, words: &str) -> Value {
        let output = self.buoyctl(&format!("--format json {words}"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words}: {error}"))
    }

    /// Everything that an admin can list.
    fn lists(&self) -> Vec<Value> {
        ["provider list", "pool list", "network list", "instance list", "fip list", "status"]
            .map(|own| self.json(own))
            .into()
    }

    fn ask(&self, lines: &str) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(self.socket()).expect("the daemon accepts");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        // A daemon that has read enough may hang up.
        let _ = stream.write_all(lines.as_bytes());
        BufReader::new(stream)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn buoyctl(socket: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buoyctl"));
    command.env("BUOY_SOCKET", socket).args(words.split(' ')).output().expect("buoyctl runs")
}

fn answer(reader: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    reader.read_line(&mut line).expect("the daemon answers");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// A daemon with a site and no switch; all is durable, nothing is applied.
fn declared() -> Daemon {
    let daemon = Daemon::start();
    for command in [
        "provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1 --host-ip 203.0.113.2",
        "pool create public --provider lan --range 203.0.113.100-203.0.113.119",
        "network create blue --cidr 10.0.0.0/24 --gateway 10.0.0.1",
        "instance add web-1 --network blue --port vm1 --mac 02:00:00:00:00:11 --ip 10.0.0.11",
        "instance add web-2 --network blue --port vm2 --mac 02:00:00:00:00:12 --ip 10.0.0.12",
        "fip associate 203.0.113.100 web-1",
    ] {
        let output = daemon.buoyctl(&format!("--wait store {command}"));
        assert!(output.status.success(), "{command}: {output:?}");
    }
    daemon
}

#[test]
fn refusals_have_their_exit_codes_and_change_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    for (code, words, says) in [
        (2, "fip show 203.0.113.256", "invalid"),
        (2, "pool add public 203.0.113.9-203.0.113.3", "runs backwards"),
        (2, "pool add public 203.0.113.5/24", "did you mean 203.0.113.0/24"),
        (2, "fip shw 203.0.113.100", "show"),
        (2, "provider create x --bridge br-x --uplink eth1", "needs a --gateway"),
        (2, "network create red --cidr 10.1.0.0/24 --gateway 10.2.0.1", "is not in 10.1.0.0/24"),
        (2, "instance add web-3 --network blue --port vm3 --mac ff:ff:ff:ff:ff:ff --ip 10.0.0.13", "group address"),
        (3, "fip associate 203.0.113.101 web-9", "no instance named web-9"),
        (3, "fip associate 192.0.2.1 web-1", "in no pool"),
        (3, "fip show 192.0.2.1", "in no pool"),
        (3, "pool show private", "no pool named private"),
        (3, "switch show br-ex", "no switch is connected as br-ex"),
        (4, "pool create more --provider lan --range 203.0.113.119-203.0.113.130", "overlaps"),
        (4, "pool create public --provider lan", "already"),
        (4, "fip associate 203.0.113.101 web-1", "has the floating IP 203.0.113.100 already"),
        (4, "fip associate 203.0.113.100 web-2 --no-move", "--no-move"),
        (4, "fip allocate --address 203.0.113.100", "allocated to project default"),
        (4, "instance remove web-1", "in use by floating IP 203.0.113.100"),
        (4, "network delete blue", "in use by instance web-1"),
        (4, "pool delete public", "in use by 203.0.113.100"),
        (4, "provider delete lan", "in use by pool public"),
    ] {
        let output = daemon.buoyctl(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {error}");
        assert!(error.contains(says), "{words}: {error}");
        assert!(output.stdout.is_empty(), "{words}");
    }
    assert_eq!(daemon.lists(), before);
}

#[test]
fn without_a_daemon_the_exit_code_is_6_and_the_socket_is_named() {
    let output = buoyctl(Path::new("/nonexistent/buoyd.sock"), "pool list");
    assert_eq!(output.status.code(), Some(6));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("/nonexistent/buoyd.sock"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn without_bridges_a_change_is_durable_pending_and_exits_with_7() {
    let daemon = declared();
    let output = daemon.buoyctl("--format json --timeout 0.2 fip associate 203.0.113.101 web-2");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let view: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&view["applied"], &view["pending"]), (&json!(false), &json!(["br-ex", "br-int"])));
    assert_eq!((&view["state"], &view["fixed_ip"]), (&json!("associated"), &json!("10.0.0.12")));
}

#[test]
fn the_same_request_twice_changes_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    assert!(daemon.buoyctl("--wait store fip associate 203.0.113.100 web-1").status.success());
    assert_eq!(daemon.lists(), before);
}

#[test]
fn a_released_address_waits_until_no_bridge_can_hold_it() {
    let daemon = declared();
    assert!(daemon.buoyctl("--wait store fip release 203.0.113.100").status.success());
    let output = daemon.buoyctl("--wait store fip allocate --address 203.0.113.100");
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("br-ex, br-int still has to take its flows away"));
    let other = daemon.json("--wait store fip allocate");
    assert_eq!(other["address"], "203.0.113.101");
}

#[test]
fn the_state_is_there_after_a_restart() {
    let mut daemon = declared();
    let before = daemon.lists();
    assert_eq!(daemon.stop(), Some(0));
    assert!(!daemon.socket().exists());
    daemon.start_again();
    assert_eq!(daemon.lists(), before);
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let daemon = Daemon::start();
    let mut second = Command::new(env!("CARGO_BIN_EXE_buoyd"));
    second.arg("--state-dir").arg(daemon.dir.path().join("state")).arg("--socket").arg(daemon.dir.path().join("other"));
    let openflow = format!("unix:{}", daemon.dir.path().join("other-openflow").display());
    let output = second.arg("--openflow").arg(openflow).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("another buoyd"), "{error}");
}

#[test]
fn a_damaged_store_means_safe_mode() {
    let mut daemon = declared();
    daemon.stop();
    std::fs::write(daemon.dir.path().join("state/commit"), "garbage").expect("it can be written");
    daemon.start_again();
    let status = daemon.json("status");
    assert_eq!(status["mode"], "safe");
    assert!(status["problem"].as_str().is_some_and(|own| own.contains("state")), "{status}");
    for words in ["fip release 203.0.113.100", "pool list"] {
        assert_eq!(daemon.buoyctl(words).status.code(), Some(1), "{words}");
    }
}

#[test]
fn lists_are_bare_arrays() {
    let daemon = declared();
    for list in ["provider list", "pool list", "network list", "instance list", "fip list", "switch list", "drops"] {
        assert!(daemon.json(list).is_array(), "{list}");
    }
    assert_eq!(daemon.json("fip list --state available").as_array().map(Vec::len), Some(19));
}

#[test]
fn a_batch_is_answered_as_one_and_a_notification_not_at_all() {
    let daemon = declared();
    let mut reader = daemon.ask(concat!(
        r#"{"jsonrpc":"2.0","method":"network.create","params":{"name":"red","cidr":"10.1.0.0/24","gateway":"10.1.0.1","wait":"store"}}"#,
        "\n",
        r#"[{"jsonrpc":"2.0","id":1,"method":"network.show","params":{"name":"red"}},{"jsonrpc":"2.0","id":"x","method":"pool.lst"}]"#,
        "\n{garbage\n",
        r#"{"jsonrpc":"2.0","id":4,"method":"pool.list"}"#,
        "\n"
    ));
    let batch = answer(&mut reader);
    assert_eq!((&batch[0]["id"], &batch[0]["result"]["name"]), (&json!(1), &json!("red")));
    assert_eq!((&batch[1]["id"], &batch[1]["error"]["code"]), (&json!("x"), &json!(-32601)));
    assert_eq!(answer(&mut reader)["error"]["code"], -32700);
    assert_eq!(answer(&mut reader)["id"], 4);
}

#[test]
fn a_line_that_does_not_end_changes_nothing() {
    let daemon = declared();
    let before = daemon.lists();
    let half = r#"{"jsonrpc":"2.0","id":1,"method":"fip.release","params":{"address":"203.0.113.100","wait":"store"}}"#;
    let mut reader = daemon.ask(half);
    reader.get_mut().shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut line = String::new();
    assert_eq!(reader.read_line(&mut line).expect("the daemon hangs up"), 0, "{line}");
    drop(daemon.ask(&"x".repeat(2 * 1024 * 1024 - 1)));
    assert_eq!(daemon.lists(), before);
}

#[test]
fn many_clients_get_different_addresses() {
    let daemon = declared();
    let allocate = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fip.allocate\",\"params\":{\"wait\":\"store\"}}\n";
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..32).map(|_| scope.spawn(|| answer(&mut daemon.ask(allocate)))).collect();
        clients.into_iter().map(|client| client.join().expect("an answer")).collect()
    });
    let all = results.len();
    results.retain(|own| own["error"]["data"]["kind"] != "exhausted");
    let refused = all - results.len();
    let addresses: std::collections::BTreeSet<_> =
        results.iter().map(|own| own["result"]["address"].to_string()).collect();
    assert_eq!((addresses.len(), refused), (19, 32 - 19));
}
