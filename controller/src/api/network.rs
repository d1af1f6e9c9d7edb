//! Parameters about networks.

use buoy_topology::{MacAddr, Name};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::provider::Switch;
use super::written::{Address, Setting, Subnet};

/// Parameters of `network.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// The pool that each new instance in it gets a floating IP from [default: none]
    #[arg(long, value_name = "POOL")]
    pub auto_assign: Option<Name>,
    /// Whether its instances without a floating IP leave by a provider's shared address, where one has --snat [default:
    /// on]
    #[arg(long, value_enum)]
    pub snat: Option<Switch>,
}

/// Parameters of `network.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSet {
    /// The network
    pub name: Name,
    /// The pool that each new instance in it gets a floating IP from, or `none`
    #[arg(long, value_name = "POOL|none")]
    pub auto_assign: Option<Setting<Name>>,
    /// Whether its instances without a floating IP leave by a provider's shared address, where one has --snat
    #[arg(long, value_enum)]
    pub snat: Option<Switch>,
}
