//! Parameters about networks.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, Name};
use clap::Args;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Parameters of `network.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkCreate {
    /// A name for it
    pub name: Name,
    /// Its subnet; networks are apart, so subnets may overlap
    #[arg(long)]
    pub cidr: Ipv4Net,
    /// The address that instances use as their router; the switch answers for it
    #[arg(long, value_name = "IP")]
    pub gateway: Ipv4Addr,
    /// The MAC of that router [default: a locally administered one]
    #[arg(long, value_name = "MAC")]
    pub gateway_mac: Option<MacAddr>,
}
