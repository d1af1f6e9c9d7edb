//! The methods, and a call of one.

use std::time::Duration;

use buoy_topology::{Name, PortName};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::discover::{Described, OpenRpc, Types};
use super::trace::TraceView;
use super::views::{
    BackupView, DirectView, DropRow, EventView, FloatingIpView, FlowView, ForgottenView, GoneView, ImportView,
    InstanceView, MetricsView, NetworkView, Noted, Outcome, PoolView, ProjectOrDefault, ProjectView, ProviderView,
    SiteExportView, SiteView, StatusView, SwitchView, WatchView,
};
use super::{
    ByAddress, DirectAdd, ErrorKind, FipAllocate, FipAssociate, FipList, FipReserve, FipSet, FipUnreserve, HistoryShow,
    InstanceAdd, InstanceAttach, InstanceDetach, InstanceList, InstanceRemove, InstanceSet, NetworkCreate, NetworkSet,
    PoolAdd, PoolCreate, PoolForget, PoolImport, PoolRemove, PoolSet, PortGrants, ProjectSet, ProviderCreate,
    ProviderSet, SiteApply, SiteExport, TraceShow, WatchStart,
};

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $variant:ident $(($params:ty))? = $method:literal, $changes:literal
        -> $result:ty, [$($kind:ident),*];)*) => {
        /// Everything that the daemon can be asked.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Request {
            $($(#[doc = $doc])* #[serde(rename = $method)] $variant $(($params))?,)*
        }

        impl Request {
            /// All method names.
            pub const METHODS: &[&str] = &[$($method),*];

            /// The method's name.
            pub fn method(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $method,)* }
            }

            /// Whether it can change the state.
            pub fn changes(&self) -> bool {
                match self { $(Self::$variant { .. } => $changes,)* }
            }

            /// Whether there is nothing left to show when it is done.
            pub fn leaves_nothing(&self) -> bool {
                self.method().ends_with(".delete") || matches!(self, Self::InstanceRemove(_) | Self::DirectRemove(_))
            }

            /// Whether `project` is a parameter of the method itself, and not only who asks.
            pub fn names_project(method: &str) -> bool {
                matches!(method, "instance.add" | "fip.allocate" | "fip.list" | "watch.start" | "history.show")
            }

            /// Whether an array `project` is what the method declares, and not who asks.
            pub fn declares_projects(method: &str) -> bool {
                method == "site.apply"
            }

            /// Whether the method takes parameters at all.
            pub fn takes_params(method: &str) -> bool {
                match method { $($method => !stringify!($($params)?).is_empty(),)* _ => false }
            }

            /// What each method takes and gives: `rpc.discover` tells it.
            pub(super) fn described(types: &mut Types) -> Vec<Described> {
                vec![$(Described {
                    name: $method,
                    summary: concat!($($doc),*).trim(),
                    changes: $changes,
                    params: [$(types.fields::<$params>())?].into_iter().next(),
                    result: types.result::<$result>(),
                    kinds: &[$(ErrorKind::$kind),*],
                }),*]
            }
        }
    };
}

methods! {
    /// Declares an upstream.
    ProviderCreate(ProviderCreate) = "provider.create", true -> Outcome<ProviderView>, [Conflict];
    /// All upstreams.
    ProviderList = "provider.list", false -> Vec<ProviderView>, [];
    /// One upstream.
    ProviderShow(ByName) = "provider.show", false -> ProviderView, [NotFound];
    /// Changes an upstream.
    ProviderSet(ProviderSet) = "provider.set", true -> Outcome<ProviderView>, [NotFound, Conflict];
    /// Removes an upstream.
    ProviderDelete(ByName) = "provider.delete", true -> Outcome<GoneView>, [NotFound, InUse];
    /// Declares a pool.
    PoolCreate(PoolCreate) = "pool.create", true -> Outcome<PoolView>, [NotFound, Conflict];
    /// Adds addresses to a pool.
    PoolAdd(PoolAdd) = "pool.add", true -> Outcome<PoolView>, [NotFound, Conflict];
    /// Adds a list of addresses with MACs and notes to a pool.
    PoolImport(PoolImport) = "pool.import", true -> Outcome<ImportView>, [NotFound, Conflict];
    /// Changes a pool.
    PoolSet(PoolSet) = "pool.set", true -> Outcome<PoolView>, [NotFound];
    /// Takes addresses out of a pool. What is for them is dropped from then on, unless they are on link.
    PoolRemove(PoolRemove) = "pool.remove", true -> Outcome<PoolView>, [NotFound, InUse];
    /// Ends the dropping of what is for addresses that were taken out of a pool: the provider does not send it here any more.
    PoolForget(PoolForget) = "pool.forget", true -> Outcome<PoolView>, [NotFound];
    /// All pools.
    PoolList = "pool.list", false -> Vec<PoolView>, [];
    /// One pool.
    PoolShow(ByName) = "pool.show", false -> PoolView, [NotFound];
    /// Removes a pool.
    PoolDelete(ByName) = "pool.delete", true -> Outcome<GoneView>, [NotFound, InUse];
    /// Declares a network.
    NetworkCreate(NetworkCreate) = "network.create", true -> Outcome<NetworkView>, [NotFound, Conflict];
    /// All networks.
    NetworkList = "network.list", false -> Vec<NetworkView>, [];
    /// One network.
    NetworkShow(ByName) = "network.show", false -> NetworkView, [NotFound];
    /// Changes a network.
    NetworkSet(NetworkSet) = "network.set", true -> Outcome<NetworkView>, [NotFound];
    /// Removes a network.
    NetworkDelete(ByName) = "network.delete", true -> Outcome<GoneView>, [NotFound, InUse];
    /// Declares an instance.
    InstanceAdd(InstanceAdd) = "instance.add", true -> Outcome<InstanceView>, [NotFound, Conflict, Exhausted, Quota];
    /// Gives an instance a further interface.
    InstanceAttach(InstanceAttach) = "instance.attach", true -> Outcome<InstanceView>, [NotFound, Conflict];
    /// Takes an interface from an instance.
    InstanceDetach(InstanceDetach) = "instance.detach", true -> Outcome<InstanceView>, [NotFound, InUse];
    /// Changes what is known of an instance.
    InstanceSet(InstanceSet) = "instance.set", true -> Outcome<InstanceView>, [NotFound];
    /// All instances.
    InstanceList(InstanceList) = "instance.list", false -> Vec<InstanceView>, [];
    /// One instance.
    InstanceShow(ByName) = "instance.show", false -> InstanceView, [NotFound];
    /// Removes an instance.
    InstanceRemove(InstanceRemove) = "instance.remove", true -> Outcome<GoneView>, [NotFound, InUse];
    /// Declares a direct port.
    DirectAdd(DirectAdd) = "direct.add", true -> Noted<DirectView>, [NotFound, Conflict];
    /// All direct ports.
    DirectList = "direct.list", false -> Vec<DirectView>, [];
    /// One direct port.
    DirectShow(ByName) = "direct.show", false -> DirectView, [NotFound];
    /// Removes a direct port.
    DirectRemove(ByName) = "direct.remove", true -> Outcome<GoneView>, [NotFound];
    /// Gives a project an address.
    FipAllocate(FipAllocate) = "fip.allocate", true -> Noted<FloatingIpView>, [NotFound, Conflict, Exhausted, Quota];
    /// Binds an address to a fixed IP.
    FipAssociate(FipAssociate) = "fip.associate", true -> Noted<FloatingIpView>, [NotFound, Conflict, Quota];
    /// Loosens an address from its fixed IP.
    FipDisassociate(ByAddress) = "fip.disassociate", true -> Noted<FloatingIpView>, [NotFound];
    /// Takes an address back into its pool.
    FipRelease(ByAddress) = "fip.release", true -> Noted<FloatingIpView>, [NotFound];
    /// Changes what is known of an address.
    FipSet(FipSet) = "fip.set", true -> Noted<FloatingIpView>, [NotFound, InUse];
    /// Keeps addresses out of allocation.
    FipReserve(FipReserve) = "fip.reserve", true -> Outcome<PoolView>, [NotFound, InUse];
    /// Lets addresses be allocated again.
    FipUnreserve(FipUnreserve) = "fip.unreserve", true -> Outcome<PoolView>, [NotFound];
    /// The addresses that projects have.
    FipList(FipList) = "fip.list", false -> Vec<FloatingIpView>, [NotFound];
    /// One address.
    FipShow(ByAddress) = "fip.show", false -> FloatingIpView, [NotFound];
    /// Declares a project or changes its quota.
    ProjectSet(ProjectSet) = "project.set", true -> ProjectOrDefault, [];
    /// All projects.
    ProjectList = "project.list", false -> Vec<ProjectView>, [];
    /// One project.
    ProjectShow(ByName) = "project.show", false -> ProjectView, [NotFound];
    /// Forgets a project that has nothing.
    ProjectDelete(ByName) = "project.delete", true -> Outcome<GoneView>, [NotFound, InUse];
    /// All switches.
    SwitchList = "switch.list", false -> Vec<SwitchView>, [];
    /// One switch.
    SwitchShow(ByBridge) = "switch.show", false -> SwitchView, [NotFound];
    /// The flows of a switch.
    SwitchFlows(ByBridge) = "switch.flows", false -> Vec<FlowView>, [NotFound];
    /// Ends the waiting for a bridge that does not come back.
    SwitchForget(ByBridge) = "switch.forget", true -> Outcome<ForgottenView>, [NotFound, Conflict];
    /// Everything that is stored, as one document.
    BackupCreate = "backup.create", false -> BackupView, [];
    /// How the daemon is.
    StatusShow = "status.show", false -> StatusView, [];
    /// Dropped packets by reason.
    DropsShow = "drops.show", false -> Vec<DropRow>, [];
    /// Figures for those who collect them, in the text format of Prometheus.
    MetricsShow = "metrics.show", false -> MetricsView, [];
    /// Makes the site as it is declared.
    SiteApply(SiteApply) = "site.apply", true -> Outcome<SiteView>, [Conflict, InUse, Exhausted, Quota, NotFound];
    /// The site as it can be declared.
    SiteExport(SiteExport) = "site.export", false -> SiteExportView, [];
    /// What becomes of a packet.
    TraceShow(TraceShow) = "trace.show", false -> TraceView, [NotFound];
    /// What happens from now on, or since an event.
    WatchStart(WatchStart) = "watch.start", false -> WatchView, [NotFound, Conflict];
    /// Who changed what, and when.
    HistoryShow(HistoryShow) = "history.show", false -> Vec<EventView>, [];
    /// This description of all methods: an OpenRPC document.
    RpcDiscover = "rpc.discover", false -> OpenRpc, [];
}

impl Request {
    /// Which part it is of a request that may come in parts, and whether more follows.
    pub fn part(&self) -> Option<(u32, bool)> {
        match self {
            Self::SiteApply(own) => Some((own.part, own.more)),
            Self::PoolImport(own) => Some((own.part, own.more)),
            _ => None,
        }
    }

    /// Whether two can be parts of one: all that is no list is the same.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SiteApply(own), Self::SiteApply(other)) => (own.prune, own.dry_run) == (other.prune, other.dry_run),
            (Self::PoolImport(own), Self::PoolImport(other)) => {
                (&own.name, own.all_addresses, own.dry_run) == (&other.name, other.all_addresses, other.dry_run)
            }
            _ => false,
        }
    }

    /// Adds the lists of the next part.
    pub fn join(&mut self, next: Self) {
        match (self, next) {
            (Self::SiteApply(own), Self::SiteApply(next)) => {
                own.project.extend(next.project);
                own.provider.extend(next.provider);
                own.pool.extend(next.pool);
                own.network.extend(next.network);
                own.instance.extend(next.instance);
                own.direct.extend(next.direct);
                own.fip.extend(next.fip);
            }
            (Self::PoolImport(own), Self::PoolImport(next)) => own.entries.extend(next.entries),
            _ => {}
        }
    }

    /// Lets go of lists that nobody reads again once it is known what they come to.
    pub fn forget_lists(&mut self) {
        match self {
            Self::SiteApply(own) => *own = SiteApply::default(),
            Self::PoolImport(own) => own.entries = Vec::new(),
            _ => {}
        }
    }

    /// Names a project in a method that has it as a parameter of its own, where none is named.
    pub fn act_for(&mut self, project: &Name) {
        let own = match self {
            Self::InstanceAdd(params) => &mut params.project,
            Self::FipAllocate(params) => &mut params.project,
            Self::FipList(params) => &mut params.project,
            Self::WatchStart(params) => &mut params.project,
            Self::HistoryShow(params) => &mut params.project,
            _ => return,
        };
        own.get_or_insert_with(|| project.clone());
    }
}

/// A thing by its name.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByName {
    /// Its name
    pub name: Name,
}

/// A switch by its bridge.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByBridge {
    /// The bridge's name, as ovs-vsctl shows it
    pub bridge: PortName,
}

/// How far a change has to be before it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// For nothing: the same as `store`, since nothing is answered before it is durable
    None,
    /// Until it is durable: it outlives a crash and a power cut
    Store,
    /// Until every switch that must carry it has acknowledged it, or the timeout is over
    #[default]
    Switch,
}

/// A request, and how long its caller waits.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// How far it has to be.
    pub wait: Wait,
    /// How long it may take until the switches have it.
    pub timeout: Duration,
    /// The project that asks; none for the admin.
    pub project: Option<Name>,
    /// The ports that its instances may have, where somebody asks who is not the admin and acts for a project.
    pub ports: Option<PortGrants>,
}

impl Call {
    /// Whether somebody asks who is to know of nobody but the project.
    pub fn is_confined(&self) -> bool {
        self.ports.is_some()
    }
}

/// How long a caller waits where it does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
