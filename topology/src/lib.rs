//! What exists: providers, pools, networks, instances, floating IPs, bridges and ports.
//!
//! Everything here is plain data and rules over it: no I/O, no clock, no flow. Read in this order: the words
//! ([`provider`], [`pool`], [`snat`], [`direct`], [`network`], [`instance`], [`project`], [`floating_ip`], [`switch`],
//! [`learnt`]), then
//! [`record`] (what is stored and how it changes), [`site`] (all of it together) and [`ops`] (what an admin may do to it).

pub mod direct;
pub mod floating_ip;
pub mod hook;
pub mod id;
pub mod instance;
pub mod label;
pub mod learnt;
pub mod mac;
pub mod mtu;
pub mod name;
pub mod network;
pub mod note;
pub mod ops;
pub mod pool;
pub mod port_name;
pub mod project;
pub mod provider;
pub mod range;
pub mod record;
mod schema;
pub mod site;
pub mod snat;
pub mod switch;
mod text;
pub mod time;

pub use direct::Direct;
pub use floating_ip::{Association, FloatingIp, FloatingIpState, Released};
pub use hook::{HookCommand, HookEvent, HookKind, HookRecord, HookState};
pub use id::{EntityId, Generation};
pub use instance::{Instance, Interface, VlanId};
pub use label::{Label, LabelFilter, LabelKey, Labels, Relabel};
pub use learnt::{Learnt, NeighbourKey};
pub use mac::MacAddr;
pub use mtu::Mtu;
pub use name::Name;
pub use network::Network;
pub use note::Note;
pub use pool::{Percent, Pool};
pub use port_name::PortName;
pub use project::{Project, Quota};
pub use provider::{GarpTiming, MacPolicy, Provider};
pub use range::{AddressSet, RangeSpec, Span};
pub use record::{Change, Key, Record, Write};
pub use site::Site;
pub use snat::Snat;
pub use switch::{Bridge, DatapathId, Dialect, HostName, Port, PortNo};
pub use time::{CoolDown, Time};
