//! Steps that the tests of the two programs share.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// A daemon with a state directory of its own, and no switch.
pub(crate) struct Daemon {
    pub(crate) dir: TempDir,
    /// Where its state is.
    pub(crate) state: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    /// A daemon that does not run yet.
    pub(crate) fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// The same, with its directory below another one.
    pub(crate) fn new_in(parent: &Path) -> Self {
        let dir = tempfile::tempdir_in(parent).expect("a directory");
        Self { state: dir.path().join("state"), dir, child: None }
    }

    /// A daemon that is ready.
    pub(crate) fn start() -> Self {
        let mut daemon = Self::new();
        daemon.start_again();
        daemon
    }

    /// The command that runs it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buoyd"));
        let openflow = format!("unix:{}", self.openflow().display());
        command.arg("--state-dir").arg(&self.state).arg("--socket").arg(self.socket());
        command.arg("--openflow").arg(openflow).stderr(Stdio::piped());
        command
    }

    /// Its configuration file, which is not there unless a test writes it.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("buoyd.toml")
    }

    /// The command that runs it with nothing but its configuration file.
    pub(crate) fn configured(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buoyd"));
        command.arg("--config").arg(self.config());
        command
    }

    /// The command that runs it in namespaces of its own, after a shell script that has the state directory as `$0`.
    pub(crate) fn apart(&self, namespaces: &str, script: &str) -> Command {
        let inner = self.command();
        let mut command = Command::new("unshare");
        command.arg(namespaces).args(["sh", "-c", &format!("{script} && exec \"$@\"")]).arg(&self.state);
        command.arg(inner.get_program()).args(inner.get_args());
        command
    }

    /// Its state directory as it sees it in namespaces of its own.
    pub(crate) fn root(&self) -> PathBuf {
        let pid = self.child.as_ref().expect("it runs").id();
        let inside = self.state.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(pid.to_string()).join("root").join(inside)
    }

    /// Starts it on the state that it left.
    pub(crate) fn start_again(&mut self) {
        self.start_as(self.command());
    }

    /// Starts it by another command.
    pub(crate) fn start_as(&mut self, mut command: Command) {
        let mut child = command.stderr(Stdio::null()).spawn().expect("buoyd starts");
        until("buoyd is ready", || {
            assert!(child.try_wait().expect("it can be asked").is_none(), "buoyd ended");
            UnixStream::connect(self.socket()).is_ok()
        });
        self.child = Some(child);
    }

    /// Ends it with a signal; returns its exit code.
    pub(crate) fn end(&mut self, signal: Signal) -> Option<i32> {
        let mut child = self.child.take().expect("it runs");
        kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("it is ours");
        let mut ended = None;
        until("buoyd has ended", || {
            ended = child.try_wait().expect("it can be asked");
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }

    /// Where it listens for clients.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("buoyd.sock")
    }

    /// Where it listens for switches.
    pub(crate) fn openflow(&self) -> PathBuf {
        self.dir.path().join("openflow")
    }

    /// Runs a command with words that have no space in them.
    pub(crate) fn buoyctl(&self, words: &str) -> Output {
        buoyctl(&self.socket(), words)
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, words: &str) -> Value {
        let output = self.buoyctl(&format!("--format json {words}"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words}: {error}"))
    }

    /// Everything that an admin can list.
    pub(crate) fn lists(&self) -> Vec<Value> {
        ["provider list", "pool list", "network list", "instance list", "fip list", "status"]
            .map(|own| self.json(own))
            .into()
    }

    /// How many bytes of memory it uses.
    pub(crate) fn memory(&self) -> usize {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel says so");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    /// A connection of its own.
    pub(crate) fn client(&self) -> Client {
        let stream = UnixStream::connect(self.socket()).expect("the daemon accepts");
        Client::over(stream)
    }

    /// Sends lines over a connection of their own.
    pub(crate) fn ask(&self, lines: &str) -> Client {
        let client = self.client();
        client.send(lines.as_bytes());
        client
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

/// A connection to the socket.
pub(crate) struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    /// A connection that was made otherwise.
    pub(crate) fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        Self { reader: BufReader::new(stream) }
    }

    /// Sends bytes. A daemon that has read enough may hang up meanwhile.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let _ = self.reader.get_ref().write_all(bytes);
    }

    /// Sends nothing more.
    pub(crate) fn finish(&self) {
        self.reader.get_ref().shutdown(Shutdown::Write).expect("it is open");
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Value {
        let line = self.line().expect("the daemon answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next line, whole or not, where there is one.
    pub(crate) fn rest(&mut self) -> Option<String> {
        self.line().ok().filter(|line| !line.is_empty())
    }

    /// The same connection, to read from while this one writes.
    pub(crate) fn twin(&self) -> Self {
        Self { reader: BufReader::new(self.reader.get_ref().try_clone().expect("a file descriptor")) }
    }

    /// Whether the daemon has closed its end, asked without reading.
    pub(crate) fn is_hung_up_on(&self) -> bool {
        let mut poll = [PollFd::new(self.reader.get_ref().as_fd(), PollFlags::empty())];
        nix::poll::poll(&mut poll, PollTimeout::from(50_u8)).expect("it can be asked");
        let [poll] = poll;
        poll.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
    }

    /// Holds that the daemon says nothing more and hangs up.
    pub(crate) fn ends(&mut self) {
        assert_eq!(self.line().expect("the daemon hangs up"), "");
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).map(|_| line)
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command with words that have no space in them.
pub(crate) fn buoyctl(socket: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buoyctl"));
    command.env("BUOY_SOCKET", socket).args(words.split(' ')).output().expect("buoyctl runs")
}

/// A daemon with a site and no switch; all is durable, nothing is applied.
pub(crate) fn declared() -> Daemon {
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
