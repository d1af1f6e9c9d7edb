//! Providers: one upstream each, with its bridge, uplink, gateway and MAC policy.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{EntityId, HookCommand, MacAddr, Mtu, Name, PortName, Snat, VlanId};

/// One upstream: an AS, a data centre's LAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its number.
    pub id: EntityId,
    /// Its name, unique among providers.
    pub name: Name,
    /// The bridge that its uplink is on (br-ex).
    pub bridge: PortName,
    /// The port of that bridge that leads to the provider.
    pub uplink: PortName,
    /// The VLAN that it is tagged with on the uplink; none for untagged.
    #[serde(default)]
    pub vlan: Option<VlanId>,
    /// The port of that bridge that leads to br-int.
    pub patch: PortName,
    /// Where everything goes that is not on-link; it may lie outside every subnet.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway's MAC where it is given and not to be resolved by ARP.
    pub gateway_mac: Option<MacAddr>,
    /// The host's own addresses on the bridge's LOCAL port.
    pub host_ips: Vec<Ipv4Addr>,
    /// Which source MAC the provider is to see.
    pub mac_policy: MacPolicy,
    /// Subnets whose stations are reached directly and not through the gateway.
    pub onlink: Vec<Ipv4Net>,
    /// Where instances are reached by their fixed addresses: the provider routes those to this host, and nothing is
    /// rewritten on the way there or back.
    #[serde(default)]
    pub no_snat: Vec<Ipv4Net>,
    /// The longest packet that instances may send there; none for whatever the wire takes.
    #[serde(default)]
    pub mtu: Option<Mtu>,
    /// Whether a gratuitous ARP announces an address that begins to be served.
    pub garp: bool,
    /// How often, and how far apart.
    #[serde(default)]
    pub garp_timing: GarpTiming,
    /// What is run when an address of it is associated, moved or released.
    #[serde(default)]
    pub hook: Option<HookCommand>,
    /// The address that instances without a floating IP share.
    #[serde(default)]
    pub snat: Option<Snat>,
}

impl Provider {
    /// The port of br-int that leads to the provider's bridge: `int-<bridge>`, as neutron names it.
    pub fn patch_peer(&self) -> PortName {
        self.bridge.prefixed("int-")
    }

    /// Whether the address is the provider's gateway or one of the host's own.
    pub fn keeps(&self, address: Ipv4Addr) -> bool {
        self.gateway == Some(address) || self.host_ips.contains(&address)
    }

    /// Whether the address is reached without the gateway.
    pub fn is_onlink(&self, address: Ipv4Addr) -> bool {
        self.onlink.iter().any(|net| net.contains(&address))
    }

    /// Whether the address is one that instances send to with their fixed addresses.
    pub fn routes(&self, address: Ipv4Addr) -> bool {
        self.no_snat.iter().any(|net| net.contains(&address))
    }
}

/// How an address is announced (RFC 5227, section 2.3: twice, two seconds apart; a provider may want less).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpTiming {
    /// How many gratuitous ARP packets, 1 to 10.
    pub count: u8,
    /// Milliseconds between two of them, 100 to 60,000.
    pub interval_ms: u16,
}

impl Default for GarpTiming {
    fn default() -> Self {
        Self { count: 1, interval_ms: 1_000 }
    }
}

/// Which source MAC a floating IP's frames carry towards the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "policy", content = "mac")]
pub enum MacPolicy {
    /// The uplink's own MAC.
    Host,
    /// The MAC that the provider gave to each address.
    Vmac,
    /// One MAC of a virtual router.
    Router(MacAddr),
}

impl MacPolicy {
    /// The word that the command line uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Vmac => "vmac",
            Self::Router(_) => "router",
        }
    }
}
