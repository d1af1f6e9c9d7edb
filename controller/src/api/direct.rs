//! Parameters about direct ports.

use buoy_topology::{MacAddr, Name, PortName};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::Address;

/// Parameters of `direct.add`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectAdd {
    /// A name for it
    pub name: Name,
    /// The provider whose addresses it has
    #[arg(long, value_name = "P")]
    pub provider: Name,
    /// The port of the provider's bridge that leads to it; it may be plugged in later
    #[arg(long, value_name = "OVSPORT")]
    pub port: PortName,
    /// The MAC of the station, which the provider does not see
    #[arg(long)]
    pub mac: MacAddr,
    /// An address that the station has; may be given several times
    #[arg(long, value_name = "A", required = true)]
    pub ip: Vec<Address>,
}
