//! `buoyd` and `buoyctl` in a lab, as a user runs them.

use std::ffi::{OsStr, OsString};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::enter::workspace_binary;
use crate::lab::{CONTROLLER, Lab, Node};
use crate::running::{Output, Running};

/// A daemon in the host of a lab. Dropped, it is killed; dropped by a panic, it first prints its log.
#[derive(Debug)]
pub struct Daemon {
    host: Node,
    /// The lab's `/run` from outside.
    run: PathBuf,
    state_dir: String,
    arguments: Vec<String>,
    running: Option<Running>,
}

impl Daemon {
    /// Starts `buoyd` on the lab's own tmpfs; returns when its socket accepts.
    ///
    /// The binary is the one beside the running test, or what `BUOYD` names.
    #[track_caller]
    pub fn start(lab: &Lab) -> Self {
        Self::start_with(lab, STATE_DIR, &[])
    }

    /// Starts `buoyd` with this state directory, of the lab or of the machine, and with further arguments.
    #[track_caller]
    pub fn start_with(lab: &Lab, state_dir: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        let run = lab.path("/run");
        let mut daemon = Self { host: lab.host(), run, state_dir: state_dir.to_owned(), arguments, running: None };
        daemon.start_again();
        daemon
    }

    /// Starts it again after [`Daemon::stop`] or [`Daemon::kill9`]; returns when its socket accepts.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "buoyd runs already");
        let binary = binary("buoyd", "BUOYD");
        let mut words = vec!["sh", "-c", "exec \"$@\" >>/run/buoy/buoyd.log 2>&1", "sh", &binary];
        words.extend(["--state-dir", &self.state_dir, "--socket", SOCKET, "--openflow", CONTROLLER]);
        words.extend(self.arguments.iter().map(String::as_str));
        let mut running = self.host.spawn(&words);
        let deadline = Instant::now() + READY_DEADLINE;
        while UnixStream::connect(self.socket()).is_err() {
            assert!(running.is_running(), "buoyd ended before it was ready\n{}", self.log());
            assert!(Instant::now() < deadline, "buoyd is not ready after {READY_DEADLINE:?}\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
        self.running = Some(running);
    }

    /// Ends it by SIGKILL; returns when it is gone.
    #[track_caller]
    pub fn kill9(&mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Ends it by SIGTERM, which it has to answer with exit code 0.
    #[track_caller]
    pub fn stop(&mut self) {
        let output = self.end(Signal::SIGTERM);
        assert!(output.success(), "buoyd ended with {}\n{}", output.status, self.log());
    }

    /// Stops it and starts it again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Its process id as it is seen from outside the lab.
    pub fn pid(&self) -> Option<i32> {
        self.running.as_ref()?.pid()
    }

    /// Its resident memory in bytes.
    #[track_caller]
    pub fn memory(&self) -> u64 {
        let pid = self.pid().expect("buoyd runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// What it has logged since the lab came up.
    pub fn log(&self) -> String {
        fs::read_to_string(self.run.join("buoy/buoyd.log")).unwrap_or_default()
    }

    /// Its socket, as it is reached from outside the lab.
    pub fn socket(&self) -> PathBuf {
        self.run.join("buoy/buoyd.sock")
    }

    /// Runs `buoyctl`.
    #[track_caller]
    pub fn buoyctl<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Output {
        buoyctl(&self.host, words)
    }

    /// Runs `buoyctl --format json`, and gives the document that it prints. Panics where it fails.
    #[track_caller]
    pub fn buoyctl_json<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Value {
        let mut line = vec![OsStr::new("--format").to_owned(), OsStr::new("json").to_owned()];
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        let output = self.buoyctl(line);
        assert!(output.success(), "{output}\n{}", self.log());
        output.json()
    }

    #[track_caller]
    fn end(&mut self, signal: Signal) -> Output {
        let running = self.running.take().expect("buoyd runs");
        running.stop(signal, STOP_DEADLINE)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("---- log of buoyd\n{}----", self.log());
        }
    }
}

/// Runs `buoyctl` in the host of a lab, also where no daemon is.
#[track_caller]
pub fn buoyctl<A: AsRef<OsStr>>(host: &Node, words: impl IntoIterator<Item = A>) -> Output {
    host.run(buoyctl_line(words))
}

/// `buoyctl` and these words, for [`Node::run`] and [`Node::spawn`].
#[track_caller]
pub fn buoyctl_line<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>) -> Vec<OsString> {
    let mut line = vec![binary("buoyctl", "BUOYCTL").into(), OsStr::new("--socket").to_owned(), SOCKET.into()];
    line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
    line
}

/// The daemon's socket, inside the lab.
pub const SOCKET: &str = "/run/buoy/buoyd.sock";
/// The daemon's state directory where a test does not choose one, inside the lab: a tmpfs.
pub const STATE_DIR: &str = "/run/buoy/state";

const READY_DEADLINE: Duration = Duration::from_secs(30);
const STOP_DEADLINE: Duration = Duration::from_secs(30);

#[track_caller]
fn binary(name: &str, variable: &str) -> String {
    let path = workspace_binary(name, variable).unwrap_or_else(|error| panic!("{error:#}"));
    path.to_string_lossy().into_owned()
}
