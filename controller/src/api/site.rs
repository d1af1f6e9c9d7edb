//! Parameters about the whole site. Its entries have the names and the fields of the arguments that create them.

use buoy_topology::{CoolDown, Label, MacAddr, Name, Note, Percent, PortName, RangeSpec, VlanId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::{Address, Setting, Subnet};
use super::{DirectAdd, ProjectSet, ProviderCreate, Switch};

/// Parameters of `site.apply`: a site as it is to be, in any order, in one part or in several.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SiteApply {
    /// Projects, and what holds for those that have no quota.
    pub project: Vec<ProjectSet>,
    /// Providers.
    pub provider: Vec<ProviderCreate>,
    /// Pools with all their addresses.
    pub pool: Vec<PoolEntry>,
    /// Networks.
    pub network: Vec<NetworkEntry>,
    /// Instances with all their interfaces.
    pub instance: Vec<InstanceEntry>,
    /// Direct ports.
    pub direct: Vec<DirectAdd>,
    /// Addresses of pools.
    pub fip: Vec<FipEntry>,
    /// Take away what is not declared.
    pub prune: bool,
    /// Say what would change, and change nothing.
    pub dry_run: bool,
    /// Which part it is, from 0.
    pub part: u32,
    /// Whether a further part follows.
    pub more: bool,
}

/// A pool as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolEntry {
    /// A name for it.
    pub name: Name,
    /// The provider that the addresses belong to.
    pub provider: Name,
    /// All its addresses.
    #[serde(default)]
    pub range: Vec<RangeSpec>,
    /// Whether a block's first and last address are among them.
    #[serde(default)]
    pub all_addresses: bool,
    /// Whether addresses are taken from here where no pool is named.
    #[serde(default)]
    pub default: bool,
    /// All that is kept out of allocation.
    #[serde(default)]
    pub reserved: Vec<RangeSpec>,
    /// How long no other project gets an address that was released.
    #[serde(default)]
    pub cool_down: Option<CoolDown>,
    /// How full it is when that becomes an event: a number or a text.
    #[serde(default)]
    pub warn_at: Option<Setting<Percent>>,
}

/// A network as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkEntry {
    /// A name for it.
    pub name: Name,
    /// Its subnet.
    pub cidr: Subnet,
    /// The address that instances use as their router.
    pub gateway: Address,
    /// The MAC of that router.
    #[serde(default)]
    pub gateway_mac: Option<MacAddr>,
    /// The project whose instances may be in it; any where none is given.
    #[serde(default)]
    pub project: Option<Name>,
    /// The pool that each instance that is added to it gets a floating IP from.
    #[serde(default)]
    pub auto_assign: Option<Name>,
    /// Whether its instances without a floating IP leave by a provider's shared address; they do where it is not said.
    #[serde(default)]
    pub snat: Option<Switch>,
}

/// An instance as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceEntry {
    /// A name for it.
    pub name: Name,
    /// The project that owns it; `default` where none is given.
    #[serde(default)]
    pub project: Option<Name>,
    /// The bridge that its ports are on; br-int where none is given.
    #[serde(default)]
    pub bridge: Option<PortName>,
    /// All its interfaces.
    #[serde(default)]
    pub interface: Vec<InterfaceEntry>,
    /// All its labels.
    #[serde(default)]
    pub label: Vec<Label>,
    /// A note.
    #[serde(default)]
    pub note: Option<Note>,
}

/// An interface of an instance as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterfaceEntry {
    /// The network that it is in.
    pub network: Name,
    /// The OVS port that leads to it.
    pub port: PortName,
    /// Its MAC.
    pub mac: MacAddr,
    /// Its fixed IP.
    pub ip: Address,
    /// The VLAN that it is tagged with where the port is a trunk.
    #[serde(default)]
    pub vlan: Option<VlanId>,
}

/// An address of a pool as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FipEntry {
    /// The address.
    pub address: Address,
    /// The project that has it; that of the instance where one is given, else nobody.
    #[serde(default)]
    pub project: Option<Name>,
    /// The instance that it leads to.
    #[serde(default)]
    pub instance: Option<Name>,
    /// Which of the instance's fixed IPs.
    #[serde(default)]
    pub fixed_ip: Option<Address>,
    /// The MAC that the provider bound it to.
    #[serde(default)]
    pub mac: Option<MacAddr>,
    /// A note.
    #[serde(default)]
    pub note: Option<Note>,
    /// All its labels.
    #[serde(default)]
    pub label: Vec<Label>,
}

/// Parameters of `site.export`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SiteExport {
    /// Which part is wanted, from 0; the first one takes the site as it is then.
    pub part: u32,
}

/// The kinds of entries in the order in which a site is written.
pub const NOUNS: [&str; 7] = ["project", "provider", "pool", "network", "instance", "direct", "fip"];
