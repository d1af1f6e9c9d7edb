//! Runs `ip`, `ovs-vsctl` and `ovs-appctl`: what is printed is what is done.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::{env, thread};

use serde::de::DeserializeOwned;

use super::error::HostError;

/// What a command printed. An error has what it said on stderr.
pub(super) fn run<A: AsRef<OsStr>>(program: &'static str, words: &[A], stdin: &str) -> Result<String, HostError> {
    let words = words.iter().map(AsRef::as_ref);
    let mut command = Command::new(program);
    command.args(words.clone()).env("LC_ALL", "C").env("PATH", search_path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = |source| HostError::Start { program, package: package(program), source };
    let mut child = command.spawn().map_err(start)?;
    let pipe = child.stdin.take();
    let text = stdin.to_owned();
    let writer = thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().map_err(start)?;
    // A command that did not read all has said why.
    let _ = writer.join();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let complaint = match output.status.signal() {
        // What `--timeout` of Open vSwitch's programs ends with.
        Some(SIGALRM) => "no answer in time: is ovs-vswitchd running?".to_owned(),
        _ if complaint.is_empty() => output.status.to_string(),
        _ => complaint,
    };
    let line: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    Err(HostError::Command { command: format!("{program} {}", line.join(" ")), complaint })
}

/// What a command printed as JSON. Nothing at all is an empty list.
pub(super) fn run_json<T: DeserializeOwned>(program: &'static str, words: &[&str]) -> Result<T, HostError> {
    let text = run(program, words, "")?;
    let text = if text.trim().is_empty() { "[]" } else { &text };
    serde_json::from_str(text)
        .map_err(|source| HostError::Unreadable { command: format!("{program} {}", words.join(" ")), source })
}

fn package(program: &str) -> &'static str {
    match program {
        "ip" => "iproute2",
        "ovs-appctl" => "openvswitch-common",
        _ => "openvswitch-switch",
    }
}

/// `PATH` with the directories that a user's shell often leaves out.
fn search_path() -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(std::path::PathBuf::from);
    env::join_paths(env::split_paths(&path).chain(extra)).unwrap_or(path)
}

/// How long `ovs-vsctl` may wait for the switch.
pub(super) const OVS_TIMEOUT: &str = "--timeout=15";

const SIGALRM: i32 = nix::sys::signal::Signal::SIGALRM as i32;
