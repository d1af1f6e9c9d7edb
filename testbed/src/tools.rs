//! The commands that the testbed runs, and the Debian packages that they come from.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Result, bail};
use nix::unistd::{User, geteuid};

/// Commands and the Debian package of each; `testbed/prepare` installs the same list.
const TOOLS: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("ping", "iputils-ping"),
    ("arping", "iputils-arping"),
    ("tcpdump", "tcpdump"),
    ("ovsdb-tool", "openvswitch-common"),
    ("ovs-ofctl", "openvswitch-common"),
    ("ovs-appctl", "openvswitch-common"),
    ("ovsdb-server", "openvswitch-switch"),
    ("ovs-vsctl", "openvswitch-switch"),
    ("ovs-vswitchd", "openvswitch-switch"),
];

/// Fails with the packages to install where a command is missing.
pub fn check() -> Result<()> {
    let missing: Vec<_> = TOOLS.iter().filter(|(tool, _)| find(tool).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    let names: Vec<&str> = missing.iter().map(|(tool, _)| *tool).collect();
    bail!("missing commands: {}; run testbed/prepare, or: apt-get install {}", names.join(", "), packages.join(" "))
}

/// Whether this user has a range of further user ids, and the commands to map them into a user namespace.
///
/// Without one a namespace has a single user, and tcpdump, which always changes its user, does not run.
pub(crate) fn has_subordinate_ids() -> bool {
    let user = geteuid();
    let name = User::from_uid(user).ok().flatten().map(|user| user.name).unwrap_or_default();
    let has_range = |file: &str| {
        let ranges = fs::read_to_string(file).unwrap_or_default();
        ranges.lines().filter_map(|line| line.split(':').next()).any(|owner| owner == name || owner == user.to_string())
    };
    find("newuidmap").is_some() && find("newgidmap").is_some() && has_range("/etc/subuid") && has_range("/etc/subgid")
}

/// A command with the environment that every step of the testbed gets.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).env("LC_ALL", "C");
    for name in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
        command.env(name, OVS_DIR);
    }
    command
}

/// Where a lab's Open vSwitch keeps its sockets, logs and database: on the lab's own `/run`.
pub const OVS_DIR: &str = "/run/openvswitch";

/// `PATH` with the directories that a user's shell often leaves out.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    env::join_paths(env::split_paths(&path).chain(extra)).unwrap_or(path)
}

/// Where a command is.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|directory| directory.join(tool)).find(|file| file.is_file())
}
