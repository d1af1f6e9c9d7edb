//! ICMP of IPv4 as far as a router has to do with it: [`quoted`] rewrites the packet that an error quotes, [`error`]
//! makes errors. Both work on whole Ethernet frames without a VLAN tag, and on nothing else.

mod checksum;
pub mod error;
mod header;
pub mod quoted;

pub use error::{ErrorKind, error};
pub use quoted::Quoting;

#[cfg(test)]
mod tests;
