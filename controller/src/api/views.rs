//! What results show. Absent values are null.

use std::net::Ipv4Addr;

use buoy_topology::{FloatingIpState, MacAddr, Name, PortName, VlanId};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// The result of a change: the thing itself, and where it is not in force yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome<T> {
    /// The thing as it is now.
    #[serde(flatten)]
    pub view: T,
    /// Every switch that must carry the change has acknowledged it.
    pub applied: bool,
    /// The bridges that have not.
    pub pending: Vec<PortName>,
    /// What the admin should know.
    pub notices: Vec<String>,
}

macro_rules! views {
    ($($(#[$doc:meta])* $view:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "docs/cli.md says what each field means, under the same name")]
        pub struct $view { $(pub $field: $type),* }
    )*};
}

views! {
    /// A provider.
    ProviderView {
        name: Name, bridge: PortName, uplink: PortName, patch: PortName, gateway: Option<Ipv4Addr>,
        gateway_mac: Option<MacAddr>, gateway_state: Option<String>, gateway_age_s: Option<u64>,
        arp_requests_sent: u64, mac_policy: String, router_mac: Option<MacAddr>, host_ips: Vec<Ipv4Addr>,
        onlink: Vec<Ipv4Net>, vlan: Option<VlanId>, garp: bool,
    }
    /// A pool.
    PoolView {
        name: Name, provider: Name, ranges: Vec<String>, default: bool, size: u64, free: u64, allocated: u64,
        associated: u64, reserved: u64,
    }
    /// A network.
    NetworkView { name: Name, cidr: Ipv4Net, gateway: Ipv4Addr, gateway_mac: MacAddr }
    /// An instance.
    InstanceView { name: Name, project: Name, bridge: PortName, interfaces: Vec<InterfaceView> }
    /// An interface of an instance.
    InterfaceView {
        network: Name, port: PortName, vlan: Option<VlanId>, mac: MacAddr, ip: Ipv4Addr, ofport: Option<u32>,
        floating_ip: Option<Ipv4Addr>,
    }
    /// A floating IP.
    FloatingIpView {
        address: Ipv4Addr, pool: Name, provider: Name, project: Option<Name>, state: FloatingIpState,
        instance: Option<Name>, network: Option<Name>, fixed_ip: Option<Ipv4Addr>, mac: Option<MacAddr>,
        applied: bool, pending: Vec<PortName>, error: Option<String>,
    }
    /// A switch.
    SwitchView {
        datapath_id: Option<String>, bridge: Option<PortName>, role: Option<String>, host: String, address: String,
        connected: bool, flows: Option<u64>, foreign_flows: Option<u64>, generation: Option<u64>, applied: bool,
        error: Option<String>,
    }
    /// A flow of a switch.
    FlowView { table: u8, table_name: Option<String>, owner: Option<String>, packets: u64, bytes: u64, flow: String }
    /// Dropped packets of one reason in one table.
    DropRow { bridge: PortName, table: u8, table_name: Option<String>, reason: String, packets: u64, bytes: u64 }
    /// How the daemon is.
    StatusView {
        version: String, mode: String, problem: Option<String>, generation: u64, switches: usize, providers: usize,
        pools: usize, networks: usize, instances: usize, allocated: usize, associated: usize,
    }
}
