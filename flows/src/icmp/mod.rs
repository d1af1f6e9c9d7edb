//! ICMP of IPv4 as far as a router has to do with it: [`quoted`] rewrites the packet that an error quotes, [`error`]
//! makes errors, [`forwarded`] undoes what a hop did to the packet that they are about. All work on whole Ethernet frames without a VLAN tag, and on nothing else.

mod checksum;
pub mod error;
pub mod forwarded;
mod header;
pub mod quoted;

pub use error::{ErrorKind, error};
pub use forwarded::{as_sent, forbids_fragments};
pub use quoted::Quoting;

#[cfg(test)]
mod tests;
