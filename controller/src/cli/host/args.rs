//! The `host` commands and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::names::InterfaceName;
use super::plan::Wanted;
use super::state::DEFAULT_STATE;

/// What can be done to this machine itself.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Host {
    /// Put the NIC into a bridge, with its addresses and routes, without cutting the host off
    #[command(after_help = ADOPT_HELP)]
    Adopt(Adopt),
    /// Keep an adoption that waits for it
    Confirm(At),
    /// Undo an adoption that was not confirmed, also one that was interrupted
    Rollback(At),
    /// How far an adoption is
    Status(At),
    /// Carry an adoption out and count down: the process that `adopt` leaves behind
    #[command(hide = true)]
    Guard(At),
}

/// Which adoption.
#[derive(Debug, Args)]
pub(in crate::cli) struct At {
    /// Where the adoption keeps its state
    #[arg(long, value_name = "PATH", default_value = DEFAULT_STATE)]
    pub(super) state: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Adopt {
    /// The NIC with the host's addresses
    #[arg(long, value_name = "INTERFACE")]
    uplink: InterfaceName,
    /// The bridge that it becomes a port of; made where it is missing
    #[arg(long, value_name = "BRIDGE", default_value = "br-ex")]
    bridge: InterfaceName,
    /// The bridge of the guests, joined to the other by patch ports; "none" leaves it out
    #[arg(long, value_name = "BRIDGE", default_value = "br-int", value_parser = int_bridge)]
    int_bridge: IntBridge,
    /// Where the bridges find buoyd
    #[arg(long, value_name = "TARGET", default_value = "tcp:127.0.0.1:6653", value_parser = controller)]
    controller: String,
    /// The datapath of bridges that are made, such as netdev; that of the other bridge where there is one, else Open vSwitch's own default
    #[arg(long, value_name = "TYPE", value_parser = datapath_type)]
    datapath_type: Option<String>,
    /// Do it, and undo it unless somebody confirms
    #[arg(long)]
    pub(super) apply: bool,
    /// How long to wait for the confirmation, such as 60s or 5m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = rollback_after)]
    pub(super) rollback_after: Duration,
    #[command(flatten)]
    pub(super) at: At,
}

impl Adopt {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            uplink: self.uplink.clone(),
            bridge: self.bridge.clone(),
            int_bridge: self.int_bridge.0.clone(),
            controller: self.controller.clone(),
            datapath_type: self.datapath_type.clone(),
        }
    }
}

/// A bridge, or none.
#[derive(Clone, Debug)]
struct IntBridge(Option<InterfaceName>);

fn int_bridge(text: &str) -> Result<IntBridge, String> {
    match text {
        "none" => Ok(IntBridge(None)),
        name => {
            name.parse().map(|name| IntBridge(Some(name))).map_err(|error: super::names::BadName| error.to_string())
        }
    }
}

fn controller(text: &str) -> Result<String, String> {
    let (kind, rest) = text.split_once(':').unwrap_or_default();
    let is_plain = rest.chars().all(|c| c.is_ascii_graphic() && !"'\"\\,".contains(c));
    if matches!(kind, "tcp" | "ssl" | "unix") && !rest.is_empty() && is_plain {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no controller: tcp:ADDRESS:PORT or unix:PATH"))
    }
}

fn datapath_type(text: &str) -> Result<String, String> {
    match text {
        "system" | "netdev" => Ok(text.to_owned()),
        other => Err(format!("{other:?} is no datapath type: system or netdev")),
    }
}

fn rollback_after(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time from 5s to 1h, such as 60s or 5m");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|own| own.checked_mul(factor)).ok_or_else(wrong)?;
    if (5..=3_600).contains(&seconds) { Ok(Duration::from_secs(seconds)) } else { Err(wrong()) }
}

const ADOPT_HELP: &str = "Without --apply it prints the steps and does nothing. With --apply it checks, does them, and waits: press Enter, or
say `buoyctl host confirm` from another login, which shows that the host is reachable. Otherwise all is put back,
also when the login that started it is gone. The configuration of the distribution is not changed: what to change in
it before the next boot is printed.

Examples:
  buoyctl host adopt --uplink eth0
  buoyctl host adopt --uplink eth0 --bridge br-ex --apply
  buoyctl host confirm

Exit codes: 0 done and confirmed; 2 wrong arguments; 3 there is no such interface; 4 the machine is not in a state for it;
5 not root; 6 buoyd does not answer; 7 not confirmed, all is as before; 1 a step failed, which is undone and said.";
