//! What results show. Absent values are null.

use std::net::Ipv4Addr;

use buoy_topology::{
    FloatingIpState, HookCommand, HookKind, HookState, Labels, MacAddr, Name, Note, Percent, PortName, VlanId,
};
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
    /// What a switch refused of it.
    pub error: Option<String>,
    /// What the admin should know.
    pub notices: Vec<String>,
}

/// What an import changed, or would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportView {
    /// The pool as it is now.
    #[serde(flatten)]
    pub pool: PoolView,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The entries that change something.
    pub changes: Vec<ImportedView>,
}

/// What a declared site changed, or would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SiteView {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Whether what is not declared was taken away.
    pub prune: bool,
    /// How many things are new.
    pub created: usize,
    /// How many are other than they were.
    pub changed: usize,
    /// How many are no more.
    pub deleted: usize,
    /// Each of them.
    pub changes: Vec<SiteChange>,
    /// What there is and is not declared.
    pub undeclared: Vec<ThingView>,
}

/// What is changed about one thing. The fields are those of the entry that declares it, and only those that differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SiteChange {
    /// `create`, `change` or `delete`.
    pub action: String,
    /// What kind of thing it is.
    pub noun: String,
    /// What it is called.
    pub name: String,
    /// What it was.
    pub before: serde_json::Map<String, serde_json::Value>,
    /// What it becomes.
    pub after: serde_json::Map<String, serde_json::Value>,
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
        garp_count: u8, garp_interval_ms: u16, hook: Option<HookCommand>, guard_alarms: u64, conflicts: u64,
    }
    /// A pool.
    PoolView {
        name: Name, provider: Name, ranges: Vec<String>, default: bool, size: u64, free: u64, allocated: u64,
        associated: u64, reserved: u64, cooling: u64, cool_down_s: u64, warn_at: Option<Percent>,
    }
    /// Something by its kind and name.
    ThingView { noun: String, name: String }
    /// What an entry of an imported list changes.
    ImportedView { address: String, added: u64, mac: Option<MacAddr>, note: Option<Note> }
    /// A network.
    NetworkView {
        name: Name, cidr: Ipv4Net, gateway: Ipv4Addr, gateway_mac: MacAddr, project: Option<Name>,
        auto_assign: Option<Name>,
    }
    /// An instance.
    InstanceView {
        name: Name, project: Name, bridge: PortName, interfaces: Vec<InterfaceView>, labels: Labels,
        note: Option<Note>,
    }
    /// An interface of an instance.
    InterfaceView {
        network: Name, port: PortName, vlan: Option<VlanId>, mac: MacAddr, ip: Ipv4Addr, ofport: Option<u32>,
        floating_ip: Option<Ipv4Addr>,
    }
    /// A direct port.
    DirectView {
        name: Name, provider: Name, bridge: Option<PortName>, port: PortName, ofport: Option<u32>, mac: MacAddr,
        ips: Vec<Ipv4Addr>, applied: bool, pending: Vec<PortName>, error: Option<String>,
    }
    /// A floating IP.
    FloatingIpView {
        address: Ipv4Addr, pool: Name, provider: Name, project: Option<Name>, state: FloatingIpState,
        instance: Option<Name>, network: Option<Name>, fixed_ip: Option<Ipv4Addr>, port: Option<PortName>,
        association_id: Option<String>, mac: Option<MacAddr>, note: Option<Note>, labels: Labels, reserved: bool,
        cooling_until: Option<String>, applied: bool, pending: Vec<PortName>, error: Option<String>, hook: Option<HookView>,
    }
    /// A project. A quota that is absent is no limit.
    ProjectView {
        name: Name, fip_quota: Option<u64>, default_quota: bool, allocated: u64, associated: u64, instances: u64,
        networks: u64,
    }
    /// What holds for projects without a quota of their own.
    DefaultQuotaView { fip_quota: Option<u64> }
    /// How the hook of an address's newest event went.
    HookView { event: HookKind, state: HookState, tries: u32, at: String, message: Option<String> }
    /// A switch.
    SwitchView {
        datapath_id: Option<String>, bridge: Option<PortName>, role: Option<String>, host: String, address: String,
        connected: bool, controller_role: Option<String>, dialect: Option<String>, flows: Option<u64>,
        foreign_flows: Option<u64>, repaired_flows: Option<u64>, generation: Option<u64>, applied: bool,
        error: Option<String>, limits: Vec<String>, warnings: Option<Vec<String>>,
    }
    /// A flow of a switch.
    FlowView {
        table: u8, table_name: Option<String>, priority: u16, owner: Option<String>, packets: u64, bytes: u64,
        flow: String,
    }
    /// Dropped packets of one reason in one table.
    DropRow { bridge: PortName, table: u8, table_name: Option<String>, reason: String, packets: u64, bytes: u64 }
    /// How the daemon is.
    StatusView {
        version: String, mode: String, problem: Option<String>, generation: u64, switches: usize, providers: usize,
        pools: usize, networks: usize, instances: usize, allocated: usize, associated: usize,
    }
}
