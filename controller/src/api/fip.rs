//! Parameters about floating IPs.

use buoy_topology::{FloatingIpState, Label, LabelFilter, LabelKey, MacAddr, Name, Note, PortName, RangeSpec};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::{Address, Setting};

/// Parameters of `fip.allocate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// A label for it; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(default)]
    pub label: Vec<Label>,
}

/// Parameters of `fip.associate`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FipAssociate {
    /// The floating IP; where it is not allocated yet, the instance's project gets it
    pub address: Address,
    /// The instance
    #[arg(required_unless_present = "port")]
    pub instance: Option<Name>,
    /// The OVS port of an instance's interface, in place of instance and fixed IP
    #[arg(long, value_name = "OVSPORT", conflicts_with_all = ["instance", "fixed_ip"])]
    pub port: Option<PortName>,
    /// Which of the instance's fixed IPs [default: the one that the address leads to already, or the first]
    #[arg(long, value_name = "IP")]
    pub fixed_ip: Option<Address>,
    /// Refuse where the address is associated elsewhere, and do not move it
    #[arg(long)]
    #[serde(default)]
    pub no_move: bool,
}

/// Parameters of `fip.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[command(group = super::any_of(&["mac", "note", "label", "unlabel"]))]
#[serde(deny_unknown_fields)]
pub struct FipSet {
    /// The floating IP, whoever has it
    pub address: Address,
    /// The MAC that the provider bound it to, or `none`; several addresses may share one
    #[arg(long, value_name = "MAC|none")]
    pub mac: Option<Setting<MacAddr>>,
    /// A line of up to 256 characters for whoever reads the list, or `none`; it stays when the address is released
    #[arg(long, value_name = "TEXT|none")]
    pub note: Option<Setting<Note>>,
    /// A label to put on it; it goes when the address is released. May be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(default)]
    pub label: Vec<Label>,
    /// A label to take off; may be given several times
    #[arg(long, value_name = "KEY")]
    #[serde(default)]
    pub unlabel: Vec<LabelKey>,
}

/// Parameters of `fip.reserve`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FipReserve {
    /// Addresses of one pool that no project has: one address, a span A-B or a CIDR
    pub range: RangeSpec,
    /// A note for each of them
    #[arg(long, value_name = "TEXT")]
    pub note: Option<Note>,
}

/// Parameters of `fip.unreserve`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FipUnreserve {
    /// Addresses of one pool: one address, a span A-B or a CIDR
    pub range: RangeSpec,
}

/// A floating IP by its address.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByAddress {
    /// The floating IP
    pub address: Address,
}

/// Parameters of `fip.list`: all that are given must hold.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Only with this label; may be given several times, and all must hold
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub label: Vec<LabelFilter>,
    /// Those that are available or reserved too
    #[arg(long, conflicts_with = "state")]
    pub all: bool,
}

fn state(text: &str) -> Result<FloatingIpState, String> {
    let all = [FloatingIpState::Available, FloatingIpState::Allocated, FloatingIpState::Associated];
    let known = all.into_iter().find(|state| state.word() == text);
    known.ok_or_else(|| "a floating IP is available, allocated or associated".to_owned())
}
