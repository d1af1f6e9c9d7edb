//! Parameters about instances.

use buoy_topology::{MacAddr, Name, PortName, VlanId};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::written::Address;

/// Parameters of `instance.add`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
}

/// Parameters of `instance.attach`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
