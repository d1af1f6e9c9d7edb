//! Labs of network namespaces around a private, real Open vSwitch, and probes to look at them with.
//!
//! Read [`spec`] (what a lab is), `hold` (what builds and holds one), [`enter`] (how commands get in), [`lab`] (what a
//! test uses). This is a test harness: where a lab itself fails, a call panics with what happened.

pub mod enter;
pub mod hold;
pub mod lab;
pub mod registry;
pub mod running;
pub mod spec;
pub mod tools;
pub mod wiring;

pub use lab::{Lab, Node};
pub use nix::sys::signal::Signal;
pub use running::{Output, Running};
