//! Parameters about providers.

use buoy_topology::{HookCommand, MacAddr, Mtu, Name, PortName, VlanId};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sharing::Sharing;
use super::written::{Address, Setting, Subnet};

/// Parameters of `provider.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderCreate {
    /// A name for it
    pub name: Name,
    /// The bridge that its uplink is on
    #[arg(long, value_name = "BR")]
    pub bridge: PortName,
    /// The port of that bridge that leads to the provider
    #[arg(long, value_name = "PORT")]
    pub uplink: PortName,
    /// The VLAN that the provider is tagged with on the uplink, 1 to 4094 [default: untagged]
    #[arg(long, value_name = "VID")]
    pub vlan: Option<VlanId>,
    /// Where everything goes that is not on-link; it may lie outside every subnet
    #[arg(long, value_name = "IP")]
    pub gateway: Option<Address>,
    /// The gateway's MAC, if it is not to be found by ARP
    #[arg(long, value_name = "MAC")]
    pub gateway_mac: Option<MacAddr>,
    /// An address of the host on that bridge; may be given several times
    #[arg(long, value_name = "IP")]
    #[serde(default)]
    pub host_ip: Vec<Address>,
    /// Which source MAC the provider sees
    #[arg(long, value_enum, default_value_t)]
    #[serde(default)]
    pub mac_policy: Policy,
    /// The virtual router's MAC, with --mac-policy router [default: a locally administered one]
    #[arg(long, value_name = "MAC")]
    pub router_mac: Option<MacAddr>,
    /// A subnet whose stations are reached without the gateway; may be given several times
    #[arg(long, value_name = "CIDR")]
    #[serde(default)]
    pub onlink: Vec<Subnet>,
    /// A subnet that instances reach with their fixed addresses: the provider must route those to this host; may be given
    /// several times
    #[arg(long, value_name = "CIDR")]
    #[serde(default)]
    pub no_snat: Vec<Subnet>,
    /// The longest packet that the provider takes from instances, 68 to 65535 bytes without frame and VLAN tag
    /// [default: whatever the wire takes]
    #[arg(long, value_name = "BYTES")]
    pub mtu: Option<Mtu>,
    /// Whether a gratuitous ARP announces an address when it begins to be served [default: off]
    #[arg(long, value_enum)]
    pub garp: Option<Switch>,
    /// How many times it does, 1 to 10 [default: 1]
    #[arg(long, value_name = "N")]
    pub garp_count: Option<u8>,
    /// Milliseconds between two of them, 100 to 60000 [default: 1000]
    #[arg(long, value_name = "MS")]
    pub garp_interval: Option<u16>,
    /// The port of the bridge that leads to br-int [default: phy-<bridge>]
    #[arg(long, value_name = "PORT")]
    pub patch: Option<PortName>,
    /// A program (absolute path and arguments, no shell) that is told on stdin, as JSON, when an address is associated,
    /// moved, disassociated or released [default: none]
    #[arg(long, value_name = "COMMAND|none")]
    pub hook: Option<Setting<HookCommand>>,
    /// An address of its pools that instances without a floating IP share, with the ports of it that their connections
    /// get; or `off`. It serves once a pool has it [default: off]
    #[arg(long, value_name = "ADDRESS[:FIRST-LAST]|off")]
    pub snat: Option<Sharing>,
}

/// Parameters of `provider.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSet {
    /// Its name
    pub name: Name,
    /// The bridge that its uplink is on
    #[arg(long, value_name = "BR")]
    pub bridge: Option<PortName>,
    /// The port of that bridge that leads to the provider
    #[arg(long, value_name = "PORT")]
    pub uplink: Option<PortName>,
    /// The VLAN that the provider is tagged with on the uplink, or `none` for untagged
    #[arg(long, value_name = "VID|none")]
    pub vlan: Option<Setting<VlanId>>,
    /// Where everything goes that is not on-link, or `none`
    #[arg(long, value_name = "IP|none")]
    pub gateway: Option<Setting<Address>>,
    /// The gateway's MAC, or `none` to find it by ARP
    #[arg(long, value_name = "MAC|none")]
    pub gateway_mac: Option<Setting<MacAddr>>,
    /// The addresses of the host on that bridge, in place of those before
    #[arg(long, value_name = "IP")]
    pub host_ip: Option<Vec<Address>>,
    /// Which source MAC the provider sees
    #[arg(long, value_enum)]
    pub mac_policy: Option<Policy>,
    /// The virtual router's MAC, with --mac-policy router
    #[arg(long, value_name = "MAC")]
    pub router_mac: Option<MacAddr>,
    /// The subnets that are reached without the gateway, in place of those before
    #[arg(long, value_name = "CIDR")]
    pub onlink: Option<Vec<Subnet>>,
    /// The subnets that instances reach with their fixed addresses, in place of those before, or `none`
    #[arg(long, value_name = "CIDR|none")]
    pub no_snat: Option<Vec<Setting<Subnet>>>,
    /// The longest packet that the provider takes from instances, or `none` for whatever the wire takes
    #[arg(long, value_name = "BYTES|none")]
    pub mtu: Option<Setting<Mtu>>,
    /// Whether a gratuitous ARP announces an address when it begins to be served
    #[arg(long, value_enum)]
    pub garp: Option<Switch>,
    /// How many times it does, 1 to 10
    #[arg(long, value_name = "N")]
    pub garp_count: Option<u8>,
    /// Milliseconds between two of them, 100 to 60000
    #[arg(long, value_name = "MS")]
    pub garp_interval: Option<u16>,
    /// The port of the bridge that leads to br-int
    #[arg(long, value_name = "PORT")]
    pub patch: Option<PortName>,
    /// A program (absolute path and arguments, no shell) that is told on stdin, as JSON, when an address is associated,
    /// moved, disassociated or released; or `none`
    #[arg(long, value_name = "COMMAND|none")]
    pub hook: Option<Setting<HookCommand>>,
    /// An address of its pools that instances without a floating IP share, with the ports of it that their connections
    /// get (1024-65535 where none are given); or `off`
    #[arg(long, value_name = "ADDRESS[:FIRST-LAST]|off")]
    pub snat: Option<Sharing>,
}

/// Which source MAC the provider sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The uplink's own MAC, for all addresses
    #[default]
    Host,
    /// The MAC that the provider bound each address to (fip set --mac)
    Vmac,
    /// One MAC of a virtual router
    Router,
}

/// A policy that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is done
    On,
    /// It is not done
    Off,
}
