//! The daemon of a fleet: the real `buoyd`, with a state directory, a socket and a port of its own.
//!
//! A shell stands between the tool and the daemon, and waits for the end of the tool, however that comes: then it ends the
//! daemon and removes its directory.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::client::Client;
use crate::enter::{is_alive, workspace_binary};

/// A running daemon. Dropped, it is ended, and its directory is removed.
#[derive(Debug)]
pub struct Controller {
    directory: PathBuf,
    port: u16,
    shell: Child,
    pid: i32,
}

/// What the daemon has used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// The most that it ever was.
    pub peak: u64,
    /// Time on processors.
    pub busy: Duration,
}

impl Controller {
    /// Starts `buoyd`, for a fleet of so many switches; returns when its socket accepts.
    pub fn start(switches: u32) -> Result<Self> {
        make_room(switches)?;
        let binary = workspace_binary("buoyd", "BUOYD")?;
        let directory = tempfile::Builder::new().prefix("buoy-fleet-").tempdir().context("a directory")?.keep();
        let port = free_port()?;
        let mut command = Command::new("sh");
        command.args(["-c", SHELL, "sh"]).arg(&directory).arg(&binary);
        command.arg("--state-dir").arg(directory.join("state")).arg("--socket").arg(directory.join("buoyd.sock"));
        command.args(["--openflow", &format!("tcp:127.0.0.1:{port}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().context("start a shell")?;
        let mut controller = Self { directory, port, shell, pid: 0 };
        controller.await_ready()?;
        Ok(controller)
    }

    /// Where switches connect.
    pub fn endpoint(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port)
    }

    /// A new connection to its socket.
    pub fn client(&self) -> Result<Client> {
        Client::connect(&self.directory.join("buoyd.sock"))
    }

    /// What it has used.
    pub fn usage(&self) -> Result<Usage> {
        let path = format!("/proc/{}/status", self.pid);
        let status = fs::read_to_string(&path).with_context(|| format!("{path}: {}", self.last_words()))?;
        let kib = |word: &str| -> Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(word)).with_context(|| format!("{path}: {word}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
        };
        Ok(Usage { memory: kib("VmRSS:")?, peak: kib("VmHWM:")?, busy: busy(self.pid)? })
    }

    /// Ends it, as a service manager does; it has to end well.
    pub fn stop(mut self) -> Result<()> {
        let log = self.last_words();
        let Some(status) = self.end()? else { bail!("buoyd did not end within {} s", STOP.as_secs()) };
        ensure!(status.success(), "buoyd ended with {status}: {log}");
        Ok(())
    }

    /// What it said last.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LINES)).copied().collect::<Vec<_>>().join("\n")
    }

    fn await_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY;
        loop {
            self.pid = self.pid.max(read_pid(&self.directory).unwrap_or_default());
            let is_listening = || TcpStream::connect(self.endpoint()).is_ok();
            if self.pid > 0 && self.client().is_ok() && is_listening() {
                return Ok(());
            }
            let is_gone = self.pid > 0 && !is_alive(self.pid);
            if is_gone || Instant::now() >= deadline {
                bail!("buoyd is not ready: {}", self.last_words());
            }
            thread::sleep(LOOK);
        }
    }

    /// Lets the shell end the daemon; none where that takes too long.
    fn end(&mut self) -> Result<Option<std::process::ExitStatus>> {
        drop(self.shell.stdin.take());
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if let Some(status) = self.shell.try_wait().context("wait for the shell")? {
                return Ok(Some(status));
            }
            thread::sleep(LOOK);
        }
        if self.pid > 0 {
            let pid = nix::unistd::Pid::from_raw(self.pid);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).context("kill buoyd")?;
        }
        self.shell.wait().context("wait for the shell")?;
        Ok(None)
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            // Standard error may be closed.
            let _ = writeln!(std::io::stderr(), "buoy-testbed: {error:#}");
        }
    }
}

/// A connection takes two files here and one in the daemon, which has the same limit.
fn make_room(switches: u32) -> Result<()> {
    let needed = u64::from(switches) * 2 + 256;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit on open files")?;
    ensure!(hard >= needed, "{switches} switches need {needed} open files, and {hard} are allowed: raise `ulimit -Hn`");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(needed), hard).context("raise the limit on open files")
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

fn read_pid(directory: &Path) -> Option<i32> {
    fs::read_to_string(directory.join("pid")).ok()?.trim().parse().ok()
}

/// The time that a process has spent on processors.
pub fn busy(pid: i32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name may hold spaces; it ends with the last parenthesis, and the state comes next.
    let (_, fields) = stat.rsplit_once(") ").with_context(|| path.clone())?;
    let mut ticks = fields.split(' ').skip(UTIME - STATE).take(2).map(str::parse::<u64>);
    let sum = ticks.try_fold(0, |sum, ticks| ticks.map(|ticks| sum + ticks)).with_context(|| path.clone())?;
    Ok(Duration::from_millis(sum * 1_000 / TICKS))
}

/// $1 is the directory, the rest is the daemon. The end of standard input is the end of the tool.
const SHELL: &str = r#"
directory=$1; shift
"$@" </dev/null 2>"$directory/log" &
pid=$!
trap '' INT TERM HUP
echo "$pid" >"$directory/pid"
read -r _
kill "$pid" 2>/dev/null
wait "$pid"
status=$?
rm -rf "$directory"
exit "$status"
"#;

const READY: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);
/// Lines of the log that an error shows.
const LINES: usize = 10;
// Fields of /proc/PID/stat, counted from 1 (proc_pid_stat(5)); ticks of a second.
const STATE: usize = 3;
const UTIME: usize = 14;
const TICKS: u64 = 100;
