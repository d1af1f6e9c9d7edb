//! Parameters about networks.

use buoy_topology::{MacAddr, Name};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::written::{Address, Subnet};

/// Parameters of `network.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkCreate {
    /// A name for it
    pub name: Name,
    /// Its subnet; networks are apart, so subnets may overlap
    #[arg(long)]
    pub cidr: Subnet,
    /// The address that instances use as their router; the switch answers for it
    #[arg(long, value_name = "IP")]
    pub gateway: Address,
    /// The MAC of that router [default: a locally administered one]
    #[arg(long, value_name = "MAC")]
    pub gateway_mac: Option<MacAddr>,
}
