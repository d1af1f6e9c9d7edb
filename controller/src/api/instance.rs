//! Parameters about instances.

use buoy_topology::{Label, LabelFilter, LabelKey, MacAddr, Name, Note, PortName, VlanId};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::{Address, Setting};

/// Parameters of `instance.add`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceAdd {
    /// A name for it
    pub name: Name,
    /// The network that it is in
    #[arg(long, value_name = "N")]
    pub network: Name,
    /// The OVS port that leads to it; it may be plugged in later
    #[arg(long, value_name = "OVSPORT")]
    pub port: PortName,
    /// Its MAC
    #[arg(long)]
    pub mac: MacAddr,
    /// Its fixed IP
    #[arg(long)]
    pub ip: Address,
    /// The VLAN that it is tagged with where the port is a trunk, 1 to 4094
    #[arg(long, value_name = "VID")]
    pub vlan: Option<VlanId>,
    /// The bridge that its port is on [default: br-int]
    #[arg(long, value_name = "BR")]
    pub bridge: Option<PortName>,
    /// The project that owns it [default: default]
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
    /// The pool that a floating IP is taken from, `auto` for the network's pool or the default one, or `none` [default:
    /// what the network says]. Where there is no address, there is no instance either
    #[arg(long, value_name = "POOL|auto|none")]
    pub fip: Option<Setting<Name>>,
    /// A label for it; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(default)]
    pub label: Vec<Label>,
    /// A line of up to 256 characters for whoever reads the list
    #[arg(long, value_name = "TEXT")]
    pub note: Option<Note>,
}

/// Parameters of `instance.detach`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceDetach {
    /// The instance
    pub name: Name,
    /// The fixed IP of the interface
    #[arg(long)]
    pub ip: Address,
    /// Also where it has a floating IP, which is disassociated and stays with its project
    #[arg(long)]
    #[serde(default)]
    pub force: bool,
}

/// Parameters of `instance.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[command(group = super::any_of(&["label", "unlabel", "note"]))]
#[serde(deny_unknown_fields)]
pub struct InstanceSet {
    /// The instance
    pub name: Name,
    /// A label to put on it; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(default)]
    pub label: Vec<Label>,
    /// A label to take off; may be given several times
    #[arg(long, value_name = "KEY")]
    #[serde(default)]
    pub unlabel: Vec<LabelKey>,
    /// A line of up to 256 characters, or `none`
    #[arg(long, value_name = "TEXT|none")]
    pub note: Option<Setting<Note>>,
}

/// Parameters of `instance.remove`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceRemove {
    /// The instance
    pub name: Name,
    /// Also where it has floating IPs, which are disassociated and stay with their project
    #[arg(long)]
    #[serde(default)]
    pub force: bool,
}

/// Parameters of `instance.list`: all that are given must hold.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InstanceList {
    /// Only with this label; may be given several times, and all must hold
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub label: Vec<LabelFilter>,
}

/// Parameters of `instance.attach`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceAttach {
    /// The instance
    pub name: Name,
    /// The network that the interface is in
    #[arg(long, value_name = "N")]
    pub network: Name,
    /// The OVS port that leads to it
    #[arg(long, value_name = "OVSPORT")]
    pub port: PortName,
    /// Its MAC
    #[arg(long)]
    pub mac: MacAddr,
    /// Its fixed IP
    #[arg(long)]
    pub ip: Address,
    /// The VLAN that it is tagged with where the port is a trunk, 1 to 4094
    #[arg(long, value_name = "VID")]
    pub vlan: Option<VlanId>,
}
