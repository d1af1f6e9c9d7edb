//! Parameters about pools.

use buoy_topology::{CoolDown, MacAddr, Name, Note, Percent, RangeSpec};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::Setting;

/// Parameters of `pool.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// How full it is when that becomes an event (buoyctl watch), 1 to 100, or `none` [default: 90]
    #[arg(long, value_name = "PERCENT|none")]
    pub warn_at: Option<Setting<Percent>>,
    /// How long no other project gets an address that was released: seconds, or 5m, 2h, 1d; 0 for at once [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub cool_down: Option<CoolDown>,
}

/// Parameters of `pool.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSet {
    /// The pool
    pub name: Name,
    /// Whether addresses are taken from here where no pool is named; only one pool can be the default
    #[arg(long, value_enum, required_unless_present_any = ["cool_down", "warn_at"])]
    pub default: Option<super::Switch>,
    /// How long no other project gets an address that was released: seconds, or 5m, 2h, 1d; 0 for at once
    #[arg(long, value_name = "DURATION")]
    pub cool_down: Option<CoolDown>,
    /// How full it is when that becomes an event (buoyctl watch), 1 to 100, or `none`
    #[arg(long, value_name = "PERCENT|none")]
    pub warn_at: Option<Setting<Percent>>,
}

/// Parameters of `pool.add`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
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

/// Parameters of `pool.import`: a list of addresses, all or nothing, in one part or in several.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolImport {
    /// The pool.
    pub name: Name,
    /// The list.
    pub entries: Vec<ImportEntry>,
    /// Take a block's first and last address too.
    #[serde(default)]
    pub all_addresses: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Which part of the list it is, from 0.
    #[serde(default)]
    pub part: u32,
    /// Whether a further part follows.
    #[serde(default)]
    pub more: bool,
}

/// An entry of a list of addresses. What it does not say stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportEntry {
    /// A CIDR, a span A-B or a single address.
    pub address: RangeSpec,
    /// The MAC that the provider bound it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

/// Parameters of `pool.forget`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolForget {
    /// The pool that they were taken out of
    pub name: Name,
    /// Addresses: a CIDR, a span A-B or a single address
    #[arg(required = true, value_name = "RANGE")]
    pub ranges: Vec<RangeSpec>,
}

/// Parameters of `pool.remove`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolRemove {
    /// The pool
    pub name: Name,
    /// Addresses: a CIDR, a span A-B or a single address; none of them may be allocated
    #[arg(required = true, value_name = "RANGE")]
    pub ranges: Vec<RangeSpec>,
}
