//! What results show. Absent values are null. What stands here as the doc of a field is what `rpc.discover` says of it.
//! [`daemon`] has what is no thing of the site, [`documents`] what is all of it.

use std::net::Ipv4Addr;

use buoy_topology::{
    FloatingIpState, HookCommand, HookKind, HookState, Labels, MacAddr, Mtu, Name, Note, Percent, PortName, Snat,
    VlanId,
};
use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subnet;

macro_rules! views {
    ($($(#[$doc:meta])* $view:ident { $($(#[$said:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        pub struct $view { $($(#[$said])* pub $field: $type),* }
    )*};
}

mod daemon;
mod documents;

pub use daemon::*;
pub use documents::*;

/// The result of a change: the thing itself, and where it is not in force yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Outcome")]
pub struct Outcome<T> {
    /// The thing as it is now.
    #[serde(flatten)]
    pub view: T,
    /// Every switch that must carry the change has acknowledged it.
    pub applied: bool,
    /// The bridges that have not.
    pub pending: Vec<PortName>,
    /// What a switch refused of it.
    pub error: Option<String>,
    /// What the admin should know.
    pub notices: Vec<String>,
}

/// The result of a change of a thing that tells by itself where it is not in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Outcome")]
pub struct Noted<T> {
    /// The thing as it is now.
    #[serde(flatten)]
    pub view: T,
    /// What the admin should know.
    pub notices: Vec<String>,
}

/// The result of `project.set`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ProjectOrDefault {
    /// Of a project.
    Project(Outcome<ProjectView>),
    /// Of the default quota.
    Default(Outcome<DefaultQuotaView>),
}

/// What an import changed, or would change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportView {
    /// The pool as it is now.
    #[serde(flatten)]
    pub pool: PoolView,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The entries that change something.
    pub changes: Vec<ImportedView>,
}

views! {
    /// A provider.
    ProviderView {
        /// Its name.
        name: Name,
        /// The bridge that its uplink is on.
        bridge: PortName,
        /// The port of that bridge that leads to the provider.
        uplink: PortName,
        /// The port of that bridge that leads to br-int.
        patch: PortName,
        /// Where everything goes that is not on-link.
        gateway: Option<Ipv4Addr>,
        /// The gateway's MAC that is in use.
        gateway_mac: Option<MacAddr>,
        /// `static` (given), `resolved`, `probing` (never heard) or `failed` (answers no more; its last MAC stays in
        /// use).
        gateway_state: Option<String>,
        /// Seconds since the gateway was last heard.
        gateway_age_s: Option<u64>,
        /// Questions by ARP since the daemon started.
        arp_requests_sent: u64,
        /// Which source MAC the provider sees: `host`, `vmac` or `router`.
        mac_policy: String,
        /// The virtual router's MAC, under the policy `router`.
        router_mac: Option<MacAddr>,
        /// The addresses of the host on that bridge.
        host_ips: Vec<Ipv4Addr>,
        /// The subnets that are reached without the gateway.
        #[schemars(with = "Vec<Subnet>")]
        onlink: Vec<Ipv4Net>,
        /// The subnets that instances reach with their fixed addresses.
        #[schemars(with = "Vec<Subnet>")]
        no_snat: Vec<Ipv4Net>,
        /// The longest packet that the provider takes from instances; null for whatever the wire takes.
        mtu: Option<Mtu>,
        /// The VLAN on the uplink; null for untagged.
        vlan: Option<VlanId>,
        /// Whether a gratuitous ARP announces an address when it begins to be served.
        garp: bool,
        /// How many times it does.
        garp_count: u8,
        /// Milliseconds between two of them.
        garp_interval_ms: u16,
        /// The program that is told when an address is associated, moved, disassociated or released.
        hook: Option<HookCommand>,
        /// The address that instances without a floating IP share, with its ports where they are not 1024-65535.
        snat: Option<Snat>,
        /// Frames that the guard kept from the uplink since the daemon started, as far as they were seen.
        guard_alarms: u64,
        /// Claims of our addresses by others since the daemon started, as far as they were seen.
        conflicts: u64,
    }
    /// A pool.
    PoolView {
        /// Its name.
        name: Name,
        /// The provider that the addresses belong to.
        provider: Name,
        /// Its addresses: spans A-B and single addresses.
        ranges: Vec<String>,
        /// What was taken out and is dropped while the provider may still send it here: spans A-B and single addresses.
        withdrawn: Vec<String>,
        /// Whether addresses are taken from here where no pool is named.
        default: bool,
        /// Addresses in the ranges.
        size: u64,
        /// Those that can be allocated.
        free: u64,
        /// Those that a project has, without an instance.
        allocated: u64,
        /// Those that lead to an instance.
        associated: u64,
        /// The one that instances without a floating IP share.
        snat: Option<Ipv4Addr>,
        /// Those that are never handed out: the gateway, the host's own, those of direct ports, a shared one
        /// and what is reserved.
        reserved: u64,
        /// Those of `free` that only the project which released them gets for now.
        cooling: u64,
        /// How many seconds no other project gets an address that was released.
        cool_down_s: u64,
        /// How full it is when that becomes an event; null for never.
        warn_at: Option<Percent>,
    }
    /// Something by its kind and name.
    ThingView {
        /// What kind of thing it is.
        noun: String,
        /// What it is called.
        name: String,
    }
    /// What an entry of an imported list changes.
    ImportedView {
        /// The address or addresses.
        address: String,
        /// How many of them are new in the pool.
        added: u64,
        /// Their MAC, where it is a new one.
        mac: Option<MacAddr>,
        /// Their note, where it is a new one.
        note: Option<Note>,
    }
    /// A network.
    NetworkView {
        /// Its name.
        name: Name,
        /// Its subnet.
        #[schemars(with = "Subnet")]
        cidr: Ipv4Net,
        /// The address that instances use as their router.
        gateway: Ipv4Addr,
        /// The MAC of that router.
        gateway_mac: MacAddr,
        /// The project whose instances it takes; null for those of all.
        project: Option<Name>,
        /// The pool that each new instance gets a floating IP from.
        auto_assign: Option<Name>,
        /// Whether its instances without a floating IP leave by a provider's shared address, where there is one.
        snat: bool,
    }
    /// An instance.
    InstanceView {
        /// Its name.
        name: Name,
        /// The project that owns it.
        project: Name,
        /// The bridge that its ports are on.
        bridge: PortName,
        /// Its interfaces, the first one first.
        interfaces: Vec<InterfaceView>,
        /// Its labels.
        labels: Labels,
        /// A line for whoever reads the list.
        note: Option<Note>,
    }
    /// An interface of an instance.
    InterfaceView {
        /// The network that it is in.
        network: Name,
        /// The OVS port that leads to it.
        port: PortName,
        /// The VLAN that it is tagged with where the port is a trunk.
        vlan: Option<VlanId>,
        /// Its MAC.
        mac: MacAddr,
        /// Its fixed IP.
        ip: Ipv4Addr,
        /// The OpenFlow number of the port; null until it is plugged in.
        ofport: Option<u32>,
        /// The floating IP that leads to it.
        floating_ip: Option<Ipv4Addr>,
    }
    /// A direct port.
    DirectView {
        /// Its name.
        name: Name,
        /// The provider whose addresses it has.
        provider: Name,
        /// The provider's bridge.
        bridge: Option<PortName>,
        /// The port that leads to the station.
        port: PortName,
        /// The OpenFlow number of the port; null until it is plugged in.
        ofport: Option<u32>,
        /// The MAC of the station, which the provider does not see.
        mac: MacAddr,
        /// The addresses of the station.
        ips: Vec<Ipv4Addr>,
        /// Whether every switch that must carry it has acknowledged it.
        applied: bool,
        /// The bridges that have not.
        pending: Vec<PortName>,
        /// What is wrong with it: what a switch refused, or which port is missing.
        error: Option<String>,
    }
    /// A floating IP.
    FloatingIpView {
        /// The address.
        address: Ipv4Addr,
        /// Its pool.
        pool: Name,
        /// The provider that it belongs to.
        provider: Name,
        /// The project that has it.
        project: Option<Name>,
        /// `available`, `allocated` or `associated`.
        state: FloatingIpState,
        /// The instance that it leads to.
        instance: Option<Name>,
        /// The network of the fixed IP.
        network: Option<Name>,
        /// The fixed IP that it leads to.
        fixed_ip: Option<Ipv4Addr>,
        /// The OVS port of the interface that has the fixed IP.
        port: Option<PortName>,
        /// Names the association: another one after a move or a new association.
        association_id: Option<String>,
        /// The MAC that the provider sees.
        mac: Option<MacAddr>,
        /// A line for whoever reads the list.
        note: Option<Note>,
        /// The labels that its project gave it.
        labels: Labels,
        /// Whether it is kept out of allocation: by an admin, or because instances share it.
        reserved: bool,
        /// Whether instances of its provider without a floating IP share it.
        snat: bool,
        /// Until when no other project gets it, in UTC.
        cooling_until: Option<String>,
        /// Whether every switch that must carry it has acknowledged it.
        applied: bool,
        /// The bridges that have not.
        pending: Vec<PortName>,
        /// What is wrong with it: what a switch refused, which port is missing.
        error: Option<String>,
        /// How the provider's hook went for its newest event.
        hook: Option<HookView>,
    }
    /// A project. A quota that is absent is no limit.
    ProjectView {
        /// Its name.
        name: Name,
        /// How many floating IPs it may have; null is no limit.
        fip_quota: Option<u64>,
        /// Whether that is what holds for all that have none of their own.
        default_quota: bool,
        /// Floating IPs that it has, without an instance.
        allocated: u64,
        /// Floating IPs of it that lead to an instance.
        associated: u64,
        /// Its instances.
        instances: u64,
        /// Its networks.
        networks: u64,
    }
    /// What holds for projects without a quota of their own.
    DefaultQuotaView {
        /// How many floating IPs each may have; null is no limit.
        fip_quota: Option<u64>,
    }
    /// How the hook of an address's newest event went.
    HookView {
        /// What happened.
        event: HookKind,
        /// How far the hook is.
        state: HookState,
        /// How often it was run.
        tries: u32,
        /// When that was, in UTC.
        at: String,
        /// What it said, or why it failed.
        message: Option<String>,
    }
    /// A bridge that is not waited for any more.
    ForgottenView {
        /// Its name.
        bridge: PortName,
        /// The addresses that waited for it.
        addresses: Vec<Ipv4Addr>,
    }
    /// What is left of a thing that is removed.
    GoneView {}
}
