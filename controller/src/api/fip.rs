//! Parameters about floating IPs.

use buoy_topology::{FloatingIpState, MacAddr, Name, Note};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::written::{Address, Setting};

/// Parameters of `fip.allocate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FipAllocate {
    /// The pool [default: the default pool, or the only one]
    #[arg(long, value_name = "P")]
    pub pool: Option<Name>,
    /// This address and no other
    #[arg(long, value_name = "A")]
    pub address: Option<Address>,
    /// The project that gets it [default: default]
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
}

/// Parameters of `fip.associate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FipAssociate {
    /// The floating IP; where it is not allocated yet, the instance's project gets it
    pub address: Address,
    /// The instance
    pub instance: Name,
    /// Which of the instance's fixed IPs [default: the one that the address leads to already, or the first]
    #[arg(long, value_name = "IP")]
    pub fixed_ip: Option<Address>,
    /// Refuse where the address is associated elsewhere, and do not move it
    #[arg(long)]
    #[serde(default)]
    pub no_move: bool,
}

/// Parameters of `fip.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FipSet {
    /// The floating IP, whoever has it
    pub address: Address,
    /// The MAC that the provider bound it to, or `none`; several addresses may share one
    #[arg(long, value_name = "MAC|none", required_unless_present = "note")]
    pub mac: Option<Setting<MacAddr>>,
    /// A line of up to 256 characters for whoever reads the list, or `none`; it stays when the address is released
    #[arg(long, value_name = "TEXT|none")]
    pub note: Option<Setting<Note>>,
}

/// A floating IP by its address.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByAddress {
    /// The floating IP
    pub address: Address,
}

/// Parameters of `fip.list`: all that are given must hold.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FipList {
    /// Only of this pool
    #[arg(long, value_name = "P")]
    pub pool: Option<Name>,
    /// Only of this project
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
    /// Only in this state: available, allocated or associated [default: those that are not available]
    #[arg(long, value_name = "S", value_parser = state)]
    pub state: Option<FloatingIpState>,
}

fn state(text: &str) -> Result<FloatingIpState, String> {
    let all = [FloatingIpState::Available, FloatingIpState::Allocated, FloatingIpState::Associated];
    let known = all.into_iter().find(|state| state.word() == text);
    known.ok_or_else(|| "a floating IP is available, allocated or associated".to_owned())
}
