//! Parameters about providers.

use std::net::Ipv4Addr;
use std::str::FromStr;

use buoy_topology::{MacAddr, Name, PortName};
use clap::{Args, ValueEnum};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Parameters of `provider.create`.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
    /// Where everything goes that is not on-link; it may lie outside every subnet
    #[arg(long, value_name = "IP")]
    pub gateway: Option<Ipv4Addr>,
    /// The gateway's MAC, if it is not to be found by ARP
    #[arg(long, value_name = "MAC")]
    pub gateway_mac: Option<MacAddr>,
    /// An address of the host on that bridge; may be given several times
    #[arg(long, value_name = "IP")]
    #[serde(default)]
    pub host_ip: Vec<Ipv4Addr>,
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
    pub onlink: Vec<Ipv4Net>,
    /// Whether a gratuitous ARP announces an address when it begins to be served [default: off]
    #[arg(long, value_enum)]
    pub garp: Option<Switch>,
    /// The port of the bridge that leads to br-int [default: phy-<bridge>]
    #[arg(long, value_name = "PORT")]
    pub patch: Option<PortName>,
}

/// Parameters of `provider.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
    /// Where everything goes that is not on-link, or `none`
    #[arg(long, value_name = "IP|none")]
    pub gateway: Option<Setting<Ipv4Addr>>,
    /// The gateway's MAC, or `none` to find it by ARP
    #[arg(long, value_name = "MAC|none")]
    pub gateway_mac: Option<Setting<MacAddr>>,
    /// The addresses of the host on that bridge, in place of those before
    #[arg(long, value_name = "IP")]
    pub host_ip: Option<Vec<Ipv4Addr>>,
    /// Which source MAC the provider sees
    #[arg(long, value_enum)]
    pub mac_policy: Option<Policy>,
    /// The virtual router's MAC, with --mac-policy router
    #[arg(long, value_name = "MAC")]
    pub router_mac: Option<MacAddr>,
    /// The subnets that are reached without the gateway, in place of those before
    #[arg(long, value_name = "CIDR")]
    pub onlink: Option<Vec<Ipv4Net>>,
    /// Whether a gratuitous ARP announces an address when it begins to be served
    #[arg(long, value_enum)]
    pub garp: Option<Switch>,
    /// The port of the bridge that leads to br-int
    #[arg(long, value_name = "PORT")]
    pub patch: Option<PortName>,
}

/// Which source MAC the provider sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The uplink's own MAC, for all addresses
    #[default]
    Host,
    /// The MAC that the provider bound each address to (pool add --mac)
    Vmac,
    /// One MAC of a virtual router
    Router,
}

/// A policy that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is done
    On,
    /// It is not done
    Off,
}

/// A value to set, or the word `none` to have no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting<T> {
    /// To be this.
    Value(T),
    /// To be absent.
    None(NoneWord),
}

/// The word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoneWord {
    /// Written `none`.
    None,
}

impl<T> Setting<T> {
    /// What a value is after the setting, where there is one.
    pub fn over(setting: Option<Self>, before: Option<T>) -> Option<T> {
        match setting {
            None => before,
            Some(Self::Value(value)) => Some(value),
            Some(Self::None(_)) => None,
        }
    }
}

impl<T: FromStr> FromStr for Setting<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self::None(NoneWord::None)) } else { text.parse().map(Self::Value) }
    }
}
