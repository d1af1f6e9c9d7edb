//! What clients and daemon say to each other: [`request`] and the parameters by noun, [`views`] as results, [`error`];
//! [`written`] is how addresses are read, [`ports`] which ports a caller may use;
//! `discover` tells all that to clients.
//!
//! The parameters are at once the arguments of `buoyctl` and the params of the JSON-RPC methods: one definition, the
//! same names.

pub mod direct;
pub(crate) mod discover;
pub mod error;
pub mod events;
pub mod fip;
pub mod instance;
pub mod network;
pub mod pool;
pub mod ports;
pub mod project;
pub mod provider;
pub mod request;
mod schema;
pub mod sharing;
pub mod site;
pub mod trace;
pub mod views;
pub mod written;

pub use direct::DirectAdd;
pub use error::{ApiError, ErrorKind, Mistake};
pub use events::{HistoryShow, WatchStart};
pub use fip::{ByAddress, FipAllocate, FipAssociate, FipList, FipReserve, FipSet, FipUnreserve};
pub use instance::{InstanceAdd, InstanceAttach, InstanceDetach, InstanceList, InstanceRemove, InstanceSet};
pub use network::{NetworkCreate, NetworkSet};
pub use pool::{ImportEntry, PoolAdd, PoolCreate, PoolForget, PoolImport, PoolRemove, PoolSet};
pub use ports::{PortGrant, PortGrants};
pub use project::{ProjectQuota, ProjectSet};
pub use provider::{Policy, ProviderCreate, ProviderSet, Switch};
pub use request::{ByBridge, ByName, Call, Request, Wait};
pub use sharing::Sharing;
pub use site::{FipEntry, InstanceEntry, InterfaceEntry, NetworkEntry, PoolEntry, SiteApply, SiteExport};
pub use trace::TraceShow;
pub use written::{Address, Setting, Subnet};

/// Arguments of which one at least is given: a command that changes nothing is a mistake.
fn any_of(arguments: &'static [&'static str]) -> clap::ArgGroup {
    clap::ArgGroup::new(ANY_OF).args(arguments).required(true).multiple(true)
}

/// What such arguments are called together.
pub(crate) const ANY_OF: &str = "what changes";
