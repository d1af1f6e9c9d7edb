//! Parameters about pools.

use buoy_topology::{MacAddr, Name, RangeSpec};
use clap::Args;
use serde::{Deserialize, Serialize};

/// Parameters of `pool.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolCreate {
    /// A name for it
    pub name: Name,
    /// The provider that the addresses belong to
    #[arg(long, value_name = "P")]
    pub provider: Name,
    /// Addresses: a CIDR, a span A-B or a single address; may be given several times
    #[arg(long, value_name = "RANGE")]
    #[serde(default)]
    pub range: Vec<RangeSpec>,
    /// Take a block's first and last address too, as in a block that the provider routes
    #[arg(long)]
    #[serde(default)]
    pub all_addresses: bool,
    /// Addresses are taken from here where no pool is named
    #[arg(long)]
    #[serde(default)]
    pub default: bool,
}

/// Parameters of `pool.add`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolAdd {
    /// The pool
    pub name: Name,
    /// Addresses: a CIDR, a span A-B or a single address
    #[arg(required = true, value_name = "RANGE")]
    pub ranges: Vec<RangeSpec>,
    /// The MAC that the provider bound these addresses to
    #[arg(long, value_name = "MAC")]
    pub mac: Option<MacAddr>,
    /// Take a block's first and last address too
    #[arg(long)]
    #[serde(default)]
    pub all_addresses: bool,
}

/// Parameters of `pool.remove`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRemove {
    /// The pool
    pub name: Name,
    /// Addresses: a CIDR, a span A-B or a single address; none of them may be allocated
    #[arg(required = true, value_name = "RANGE")]
    pub ranges: Vec<RangeSpec>,
}
