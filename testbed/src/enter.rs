//! From outside a lab: starting its holder and running commands in its namespaces.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::datapath::{Choice, Datapath};
use crate::hold::Report;
use crate::spec::HOST;
use crate::tools::{self, command};

/// The namespaces of a running lab, named by its holder.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// The holder's process id, as it is seen from here.
    pub pid: i32,
    /// What carries the lab.
    pub datapath: Datapath,
}

impl Namespaces {
    /// Starts a holder for this lab and waits until the lab stands.
    ///
    /// With `detached` it outlives this process; otherwise it ends with the returned child's stdin.
    pub(crate) fn start(lab: &str, datapath: Choice, detached: bool) -> Result<(Self, Child)> {
        tools::check()?;
        let mut command = command(if detached { "setsid" } else { "unshare" });
        if detached {
            command.arg("unshare");
        }
        if is_rootless() {
            command.args(["--user", "--map-root-user"]);
            command.args(tools::has_subordinate_ids().then_some("--map-auto"));
        }
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(own_binary()?).args(["hold", lab, "--datapath", datapath.as_str()]);
        command.args(detached.then_some("--detached"));
        command.stdin(if detached { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start unshare")?;
        match await_report(&mut child) {
            Ok(datapath) => {
                let pid = child_of(child.id()).context("the holder is gone")?;
                Ok((Self { pid, datapath }, child))
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// A command inside `node`, which is a namespace of the lab or [`HOST`].
    pub fn command<A: AsRef<OsStr>>(&self, node: &str, words: impl IntoIterator<Item = A>) -> Command {
        let mut command = command("nsenter");
        command.args(["--target", &self.pid.to_string(), "--mount", "--pid"]);
        if is_rootless() {
            command.args(["--user", "--preserve-credentials"]);
        }
        if node == HOST {
            command.arg("--net");
        } else {
            command.arg(format!("--net={}", self.path(&format!("/run/netns/{node}")).display()));
        }
        command.arg("--").args(words);
        command
    }

    /// Whether the lab has this node.
    pub fn has_node(&self, node: &str) -> bool {
        node == HOST || (!node.contains('/') && self.path(&format!("/run/netns/{node}")).exists())
    }

    /// Names of all nodes but the host.
    pub fn nodes(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("/run/netns")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Whether a process in the lab may become another user, as tcpdump insists on.
    pub(crate) fn may_change_user(&self) -> bool {
        let setgroups = fs::read_to_string(format!("/proc/{}/setgroups", self.pid));
        setgroups.is_ok_and(|setgroups| setgroups.trim() == "allow")
    }

    /// A file of the lab (it has a `/run` of its own), as it is reached from outside.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// Ends everything that is in the lab; returns when it is gone.
    pub fn end(&self) -> Result<()> {
        let holder = Pid::from_raw(self.pid);
        if kill(holder, Signal::SIGKILL).is_err() {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_alive(self.pid) {
            if Instant::now() > deadline {
                bail!("process {} does not end", self.pid);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// Whether labs run in a user namespace of their own.
pub fn is_rootless() -> bool {
    !geteuid().is_root()
}

/// The `buoy-testbed` binary: this one, the one beside a test's, or what `BUOY_TESTBED` names.
pub(crate) fn own_binary() -> Result<PathBuf> {
    workspace_binary("buoy-testbed", "BUOY_TESTBED")
}

/// A binary of this workspace: what `variable` names, or the one built beside the running test or binary.
pub(crate) fn workspace_binary(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let running = env::current_exe().context("path of the running binary")?;
    for directory in running.ancestors().skip(1).take(2) {
        let candidate = directory.join(name);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("no {name} near {}; build it with `cargo build --workspace`, or set {variable}", running.display())
}

/// The only child of a process that runs one command, such as `unshare` and `nsenter`.
pub(crate) fn child_of(parent: u32) -> Option<i32> {
    let parent = parent.to_string();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (stat_field(pid, PPID)? == parent).then_some(pid)
    })
}

/// Whether the process exists and is not a zombie. A zombie that has threads is none yet: they still clean up.
pub(crate) fn is_alive(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat_field(pid, STATE).is_some_and(|state| threads > 1 || (state != "Z" && state != "X"))
}

/// A field of `/proc/PID/stat`, counted from the one after the command's name.
pub(crate) fn stat_field(pid: i32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(field).map(str::to_owned)
}

/// State letter.
const STATE: usize = 0;
/// Parent's process id.
const PPID: usize = 1;
/// Start time in ticks: with the process id it names a process for good.
pub(crate) const START_TIME: usize = 19;

fn await_report(child: &mut Child) -> Result<Datapath> {
    let stdout = child.stdout.take().context("stdout of unshare")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(START_DEADLINE).context("the lab did not come up in time")?;
    if line.is_empty() {
        let mut complaint = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut complaint);
        }
        bail!("{}{}", complaint.trim(), if is_rootless() { HINT_ROOTLESS } else { HINT_ROOT });
    }
    match serde_json::from_str(&line).with_context(|| format!("report of the holder: {line}"))? {
        Report::Ready { datapath } => Ok(datapath),
        Report::Failed { error } => bail!("the lab could not be built: {error}"),
    }
}

const START_DEADLINE: Duration = Duration::from_secs(120);
const HINT_ROOT: &str =
    "\nlabs need the right to make network, mount and pid namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)";
const HINT_ROOTLESS: &str = "\nlabs need user namespaces: run as root, or see kernel.unprivileged_userns_clone, \
                             kernel.apparmor_restrict_unprivileged_userns and user.max_user_namespaces";
