//! The flow tables at work: what a packet meets in them, stage by stage, and where it ends. Pure, as all of this crate.
//!
//! A [`Network`] has bridges with their flows, ports and patch ports; [`Network::send`] lets a frame in and gives a
//! [`Trace`]. A packet is what OVS makes of it: header fields that flows match and change ([`headers`], [`place`]), and
//! bytes that are written anew when it leaves ([`sent`]). Read [`entry`] and [`network`] (what there is), [`run`] (what
//! is done), [`trace`] (what is told of it), [`sentence`] (the same in words). Of connections, read [`connections`] (what is
//! known), [`tuple`] (how a packet shows its own), [`track`] (what is said of it), [`nat`] (which port it gets),
//! [`answer`] (what the other end sends).
//!
//! It follows Open vSwitch 3.1 with its userspace datapath, with its limits: a packet meets at most 4,096 tables, goto and resubmit counted, and at
//! most 64 of them one inside the other, where only a lookup in the same or an earlier table goes deeper, as the first
//! one behind a patch port does. Beyond that OVS drops the packet with all its copies, and so does this.
//!
//! What it does not do is said, not guessed: groups, the switch's own learning (NORMAL, FLOOD) and
//! the fields of IPv6, MPLS and tunnels end in [`Outcome::Unjudged`]. Meters let everything pass.

mod answer;
pub mod connections;
pub mod entry;
pub mod headers;
mod nat;
pub mod network;
mod place;
mod run;
mod sent;
mod sentence;
pub mod trace;
mod track;
mod tuple;

pub use answer::answer;
pub use connections::{Connection, Connections, Endpoint, Tuple};
pub use entry::Entry;
pub use headers::Headers;
pub use network::{Network, Switch};
pub use sentence::Names;
pub use trace::{Cause, Effect, End, Outcome, Stage, Trace, Tracked};

#[cfg(test)]
mod tests;
