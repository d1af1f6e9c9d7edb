//! What clients and daemon say to each other: [`request`] and the parameters by noun, [`views`] as results, [`error`].
//!
//! The parameters are at once the arguments of `buoyctl` and the params of the JSON-RPC methods: one definition, the
//! same names.

pub mod error;
pub mod fip;
pub mod instance;
pub mod network;
pub mod pool;
pub mod provider;
pub mod request;
pub mod views;

pub use error::{ApiError, ErrorKind};
pub use fip::{ByAddress, FipAllocate, FipAssociate, FipList};
pub use instance::{InstanceAdd, InstanceAttach};
pub use network::NetworkCreate;
pub use pool::{PoolAdd, PoolCreate, PoolRemove};
pub use provider::{Policy, ProviderCreate, ProviderSet, Setting, Switch};
pub use request::{ByBridge, ByName, Call, Request, Wait};
