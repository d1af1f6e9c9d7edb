//! What exists: providers, pools, networks, instances, floating IPs, bridges and ports.
//!
//! Everything here is plain data and rules over it: no I/O, no clock, no flow.

pub mod mac;
pub mod name;
pub mod switch;

pub use mac::MacAddr;
pub use name::Name;
pub use switch::{DatapathId, PortNo};
