//! Labs of network namespaces around a private, real Open vSwitch, and probes to look at them with.
//!
//! A test uses [`Lab`], [`Daemon`] and [`probe`]. To change a lab or how one is built, read [`spec`] (what a lab is),
//! [`hold`] and [`wiring`] (what builds and holds one), [`enter`] and [`running`] (how commands get in). This is a test harness: where a lab itself fails, a call panics with what happened.

pub mod admin;
pub mod bench;
pub mod campaign;
pub mod crowd;
pub mod daemon;
pub mod datapath;
pub mod demo;
pub mod dice;
pub mod enter;
pub mod fake;
pub mod fleet;
pub mod hold;
pub mod lab;
pub mod legacy_switch;
pub mod police;
pub mod probe;
pub mod proxy;
pub mod raw;
pub mod recorder;
pub mod registry;
pub mod rpc;
pub mod running;
pub mod scenario;
pub mod site;
pub mod spec;
pub mod switch;
pub mod tools;
pub mod wiring;

pub use daemon::Daemon;
pub use fake::FakeSwitch;
pub use lab::{Lab, Node};
pub use legacy_switch::LegacySwitch;
pub use recorder::Recorder;
pub use rpc::Rpc;
pub use running::{Output, Running, Signal};
pub use switch::Switch;
