//! The methods, and a call of one.

use std::time::Duration;

use buoy_topology::{Name, PortName};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    ByAddress, DirectAdd, FipAllocate, FipAssociate, FipList, FipReserve, FipSet, FipUnreserve, HistoryShow,
    InstanceAdd, InstanceAttach, InstanceDetach, InstanceList, InstanceRemove, InstanceSet, NetworkCreate, NetworkSet,
    PoolAdd, PoolCreate, PoolImport, PoolRemove, PoolSet, ProjectSet, ProviderCreate, ProviderSet, TraceShow,
    WatchStart,
};

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident $(($params:ty))? = $method:literal, $changes:literal;)*) => {
        /// Everything that the daemon can be asked.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Request {
            $($(#[$doc])* #[serde(rename = $method)] $variant $(($params))?,)*
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

            /// Whether the method takes parameters at all.
            pub fn takes_params(method: &str) -> bool {
                match method { $($method => !stringify!($($params)?).is_empty(),)* _ => false }
            }
        }
    };
}

methods! {
    /// Declares an upstream.
    ProviderCreate(ProviderCreate) = "provider.create", true;
    /// All upstreams.
    ProviderList = "provider.list", false;
    /// One upstream.
    ProviderShow(ByName) = "provider.show", false;
    /// Changes an upstream.
    ProviderSet(ProviderSet) = "provider.set", true;
    /// Removes an upstream.
    ProviderDelete(ByName) = "provider.delete", true;
    /// Declares a pool.
    PoolCreate(PoolCreate) = "pool.create", true;
    /// Adds addresses to a pool.
    PoolAdd(PoolAdd) = "pool.add", true;
    /// Adds a list of addresses with MACs and notes to a pool.
    PoolImport(PoolImport) = "pool.import", true;
    /// Changes a pool.
    PoolSet(PoolSet) = "pool.set", true;
    /// Takes addresses out of a pool.
    PoolRemove(PoolRemove) = "pool.remove", true;
    /// All pools.
    PoolList = "pool.list", false;
    /// One pool.
    PoolShow(ByName) = "pool.show", false;
    /// Removes a pool.
    PoolDelete(ByName) = "pool.delete", true;
    /// Declares a network.
    NetworkCreate(NetworkCreate) = "network.create", true;
    /// All networks.
    NetworkList = "network.list", false;
    /// One network.
    NetworkShow(ByName) = "network.show", false;
    /// Changes a network.
    NetworkSet(NetworkSet) = "network.set", true;
    /// Removes a network.
    NetworkDelete(ByName) = "network.delete", true;
    /// Declares an instance.
    InstanceAdd(InstanceAdd) = "instance.add", true;
    /// Gives an instance a further interface.
    InstanceAttach(InstanceAttach) = "instance.attach", true;
    /// Takes an interface from an instance.
    InstanceDetach(InstanceDetach) = "instance.detach", true;
    /// Changes what is known of an instance.
    InstanceSet(InstanceSet) = "instance.set", true;
    /// All instances.
    InstanceList(InstanceList) = "instance.list", false;
    /// One instance.
    InstanceShow(ByName) = "instance.show", false;
    /// Removes an instance.
    InstanceRemove(InstanceRemove) = "instance.remove", true;
    /// Declares a direct port.
    DirectAdd(DirectAdd) = "direct.add", true;
    /// All direct ports.
    DirectList = "direct.list", false;
    /// One direct port.
    DirectShow(ByName) = "direct.show", false;
    /// Removes a direct port.
    DirectRemove(ByName) = "direct.remove", true;
    /// Gives a project an address.
    FipAllocate(FipAllocate) = "fip.allocate", true;
    /// Binds an address to a fixed IP.
    FipAssociate(FipAssociate) = "fip.associate", true;
    /// Loosens an address from its fixed IP.
    FipDisassociate(ByAddress) = "fip.disassociate", true;
    /// Takes an address back into its pool.
    FipRelease(ByAddress) = "fip.release", true;
    /// Changes what is known of an address.
    FipSet(FipSet) = "fip.set", true;
    /// Keeps addresses out of allocation.
    FipReserve(FipReserve) = "fip.reserve", true;
    /// Lets addresses be allocated again.
    FipUnreserve(FipUnreserve) = "fip.unreserve", true;
    /// The addresses that projects have.
    FipList(FipList) = "fip.list", false;
    /// One address.
    FipShow(ByAddress) = "fip.show", false;
    /// Declares a project or changes its quota.
    ProjectSet(ProjectSet) = "project.set", true;
    /// All projects.
    ProjectList = "project.list", false;
    /// One project.
    ProjectShow(ByName) = "project.show", false;
    /// Forgets a project that has nothing.
    ProjectDelete(ByName) = "project.delete", true;
    /// All switches.
    SwitchList = "switch.list", false;
    /// One switch.
    SwitchShow(ByBridge) = "switch.show", false;
    /// The flows of a switch.
    SwitchFlows(ByBridge) = "switch.flows", false;
    /// Everything that is stored, as one document.
    BackupCreate = "backup.create", false;
    /// How the daemon is.
    StatusShow = "status.show", false;
    /// Dropped packets by reason.
    DropsShow = "drops.show", false;
    /// What becomes of a packet.
    TraceShow(TraceShow) = "trace.show", false;
    /// What happens from now on, or since an event.
    WatchStart(WatchStart) = "watch.start", false;
    /// Who changed what, and when.
    HistoryShow(HistoryShow) = "history.show", false;
}

impl Request {
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
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByName {
    /// Its name
    pub name: Name,
}

/// A switch by its bridge.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByBridge {
    /// The bridge's name, as ovs-vsctl shows it
    pub bridge: PortName,
}

/// How far a change has to be before it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
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
}

/// How long a caller waits where it does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
