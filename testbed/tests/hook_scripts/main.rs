//! The hooks for OVH and Hetzner Robot against a server that answers as their documents say.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

/// The server, and settings for the hooks that name it.
struct Apis {
    server: Child,
    heard: BufReader<ChildStdout>,
    port: u16,
    dir: TempDir,
}

impl Apis {
    fn start() -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hook_scripts/apis.py");
        let mut server = Command::new("python3")
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .expect("testbed/prepare installs python3");
        let heard = BufReader::new(server.stdout.take().expect("it is piped"));
        let mut apis = Self { server, heard, port: 0, dir: tempfile::tempdir().expect("a directory") };
        apis.port = apis.next().parse().expect("a port");
        apis
    }

    /// The next request that it heard.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.heard.read_line(&mut line).expect("it runs");
        line.trim_end().to_owned()
    }

    /// Runs a hook of the package; its exit code and its last words.
    fn hook(&self, name: &str, settings: &str, event: &str, address: &str) -> (Option<i32>, String) {
        let file = self.dir.path().join("settings.ini");
        std::fs::write(&file, settings.replace("PORT", &self.port.to_string())).expect("it can be written");
        let hook = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/hooks").join(name);
        let mut running = Command::new(hook)
            .arg(file)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is executable");
        let document = json!({"event": event, "address": address, "provider": "p", "instance": "web"});
        let mut stdin = running.stdin.take().expect("it is piped");
        stdin.write_all(document.to_string().as_bytes()).expect("it reads");
        drop(stdin);
        let output = running.wait_with_output().expect("it ends");
        let words = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        (output.status.code(), words)
    }
}

impl Drop for Apis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

const ADDRESS: &str = "203.0.113.100";
const OVH: &str = "[ovh]\nendpoint = http://127.0.0.1:PORT/1.0\napplication_key = app-key\n\
    application_secret = app-secret\nconsumer_key = consumer-key\nservice = ns1.example.net\n";
const HETZNER: &str = "[hetzner]\nendpoint = http://127.0.0.1:PORT\nuser = robot\npassword = robot-password\n\
    server_ip = 192.0.2.10\n";

#[test]
fn the_ovh_hook_moves_an_address_here_once() {
    let mut apis = Apis::start();
    let done = (Some(0), String::new());
    for event in ["released", "disassociated"] {
        assert_eq!(apis.hook("ovh", OVH, event, ADDRESS), done, "{event}");
    }
    assert_eq!(apis.hook("ovh", OVH, "associated", ADDRESS), done);
    assert_eq!(apis.next(), "GET /1.0/ip/203.0.113.100%2F32");
    assert_eq!(apis.next(), "POST /1.0/ip/203.0.113.100%2F32/move {\"to\": \"ns1.example.net\"}");
    assert_eq!(apis.hook("ovh", OVH, "moved", ADDRESS), done);
    assert_eq!(apis.next(), "GET /1.0/ip/203.0.113.100%2F32");
    let (code, words) = apis.hook("ovh", OVH, "moved", "203.0.113.101");
    assert_eq!((code, words.as_str()), (Some(1), "GET /ip/203.0.113.101%2F32: 404 This service does not exist"));
    assert_eq!(apis.next(), "GET /1.0/ip/203.0.113.101%2F32");
    let (code, words) = apis.hook("ovh", &OVH.replace("app-secret", "wrong"), "moved", ADDRESS);
    assert_eq!((code, words.as_str()), (Some(1), "GET /ip/203.0.113.100%2F32: 403 Invalid signature"));
}

#[test]
fn the_hetzner_hook_routes_an_address_here_once() {
    let mut apis = Apis::start();
    let done = (Some(0), String::new());
    for event in ["released", "disassociated"] {
        assert_eq!(apis.hook("hetzner", HETZNER, event, ADDRESS), done, "{event}");
    }
    for event in ["associated", "moved"] {
        assert_eq!(apis.hook("hetzner", HETZNER, event, ADDRESS), done, "{event}");
        assert_eq!(apis.next(), "POST /failover/203.0.113.100 active_server_ip=192.0.2.10");
    }
    for (from, to, says) in [
        ("robot-password", "wrong", "POST /failover/203.0.113.100: 401 UNAUTHORIZED Unauthorized"),
        (
            "192.0.2.10",
            "192.0.2.99",
            "POST /failover/203.0.113.100: 409 FAILOVER_LOCKED Switching failover was already requested recently",
        ),
    ] {
        let (code, words) = apis.hook("hetzner", &HETZNER.replace(from, to), "moved", ADDRESS);
        assert_eq!((code, words.as_str()), (Some(1), says));
    }
    let (code, words) = apis.hook("hetzner", &HETZNER.replace("PORT", "1"), "moved", ADDRESS);
    assert!(code == Some(1) && words.contains("Connection refused"), "{words}");
}
