//! Parameters about the whole site. Its entries have the names and the fields of the arguments that create them.

use buoy_topology::{MacAddr, Name, Note, PortName, VlanId};
use serde::{Deserialize, Serialize};

use super::written::Address;
use super::{DirectAdd, NetworkCreate, PoolCreate, ProviderCreate};

/// Parameters of `site.apply`: a site as it is to be, in any order, in one part or in several.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteApply {
    /// Providers.
    pub provider: Vec<ProviderCreate>,
    /// Pools with all their addresses.
    pub pool: Vec<PoolCreate>,
    /// Networks.
    pub network: Vec<NetworkCreate>,
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

/// An instance as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
}

/// An interface of an instance as it is declared.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
}

/// Parameters of `site.export`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteExport {
    /// Which part is wanted, from 0; the first one takes the site as it is then.
    pub part: u32,
}

/// The kinds of entries in the order in which a site is written.
pub const NOUNS: [&str; 6] = ["provider", "pool", "network", "instance", "direct", "fip"];
