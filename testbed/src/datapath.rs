//! What carries the packets of a lab: Open vSwitch itself, or the kernel.

use std::env;

use anyhow::{Result, anyhow, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::tools::command;

/// What a lab shall be carried by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// Open vSwitch's userspace datapath: any machine has it
    #[default]
    Netdev,
    /// The kernel's, as on most real hosts: it needs the kernel's module `openvswitch`
    System,
}

impl Choice {
    /// What [`VARIABLE`] says, else the userspace datapath. Fails where it says anything else.
    pub fn of_environment() -> Result<Self> {
        let Some(word) = env::var_os(VARIABLE) else { return Ok(Self::default()) };
        Self::from_str(&word.to_string_lossy(), false)
            .map_err(|_| anyhow!("{VARIABLE} is {}: say netdev or system", word.display()))
    }

    /// The word for it on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Netdev => "netdev",
            Self::System => "system",
        }
    }
}

/// Chooses for labs that tests, the demo and the bench bring up.
pub const VARIABLE: &str = "BUOY_DATAPATH";

/// What carries a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datapath {
    /// In userspace, with taps: LOCAL is a real interface of the host.
    Netdev,
    /// In userspace, where `/dev/net/tun` cannot be opened. LOCAL is then a socket inside Open vSwitch; a second bridge
    /// ties it to a veth end that has LOCAL's name, MAC and addresses, so that the host looks the same.
    Dummy,
    /// In the kernel: each network namespace has a datapath of its own, and it goes with the namespace.
    System,
}

impl Datapath {
    /// The word for `datapath_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Netdev => "netdev",
            Self::Dummy => "dummy",
            Self::System => "system",
        }
    }

    /// How a lab's ovs-vswitchd is started. In userspace it does not look at the kernel's datapath.
    pub(crate) fn vswitchd_arguments(self) -> impl Iterator<Item = &'static str> {
        const ALWAYS: [&str; 6] = [
            "--enable-dummy",
            "--pidfile",
            "--detach",
            "--no-chdir",
            "--log-file=/run/openvswitch/ovs-vswitchd.log",
            "-vconsole:off",
        ];
        ALWAYS.into_iter().chain((self != Self::System).then_some("--disable-system"))
    }
}

/// Fails where this kernel carries no datapath in this namespace. Asking loads the module where the machine allows it.
pub(crate) fn require_kernel() -> Result<()> {
    const PROBE: &str = "probe";
    let made = command("ovs-dpctl").args(["add-dp", PROBE]).output()?;
    let said = String::from_utf8_lossy(&made.stderr);
    ensure!(
        made.status.success(),
        "this kernel offers no datapath for Open vSwitch: load its module (modprobe openvswitch), or take the userspace \
         datapath (--datapath netdev, {VARIABLE}=netdev): {}",
        said.lines().next_back().unwrap_or_default()
    );
    let gone = command("ovs-dpctl").args(["del-dp", PROBE]).output()?;
    ensure!(gone.status.success(), "ovs-dpctl del-dp {PROBE}: {}", String::from_utf8_lossy(&gone.stderr).trim());
    Ok(())
}
