//! A provider that polices: what stands between a server's uplink and the provider's router.
//!
//! [`rules`] says what a server may send, [`record`] what was seen of it, [`patrol`] is the process that forwards frames
//! and keeps the record. Tests ask it through [`crate::probe::Police`].

pub mod patrol;
pub mod record;
pub mod rules;

pub use record::{Report, Violation};
pub use rules::{Cause, Rules};
