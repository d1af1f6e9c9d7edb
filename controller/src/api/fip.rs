//! Parameters about floating IPs.

use std::net::Ipv4Addr;

use buoy_topology::{FloatingIpState, Name};
use clap::Args;
use serde::{Deserialize, Serialize};

/// Parameters of `fip.allocate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FipAllocate {
    /// The pool [default: the default pool, or the only one]
    #[arg(long, value_name = "P")]
    pub pool: Option<Name>,
    /// This address and no other
    #[arg(long, value_name = "A")]
    pub address: Option<Ipv4Addr>,
    /// The project that gets it [default: default]
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
}

/// Parameters of `fip.associate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FipAssociate {
    /// The floating IP; where it is not allocated yet, the instance's project gets it
    pub address: Ipv4Addr,
    /// The instance
    pub instance: Name,
    /// Which of the instance's fixed IPs [default: the first]
    #[arg(long, value_name = "IP")]
    pub fixed_ip: Option<Ipv4Addr>,
    /// Refuse where the address is associated elsewhere, and do not move it
    #[arg(long)]
    #[serde(default)]
    pub no_move: bool,
}

/// A floating IP by its address.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByAddress {
    /// The floating IP
    pub address: Ipv4Addr,
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
