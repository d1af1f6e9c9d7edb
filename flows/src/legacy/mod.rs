//! OpenFlow 1.0, for bridges that offer nothing newer.
//!
//! Flows are the crate's own [`Flow`](crate::flow::Flow)s, held to table 0 and to what 1.0 can say; here they become
//! 1.0's bytes, and what a 1.0 switch reports becomes the same types again, in the same canonical form: what it dumps
//! equals what it was sent. What 1.0 has no words for is refused with an [`EncodeError`](crate::openflow::EncodeError).
//!
//! What we say is written through `rust_ofp`, in `adapter` and nowhere else; what a switch says is read by our own
//! decoders, bounded by the bytes that are there. Read in this order: `matching`, `action`, `flow_mod`, `request`,
//! `adapter`; then `message` and the files that it names.

mod action;
mod adapter;
mod error;
mod features;
mod flow_mod;
mod flow_removed;
mod flow_stats;
mod matching;
mod message;
mod packet_in;
mod packet_out;
mod port;
mod request;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use error::ErrorMsg;
pub use flow_mod::FlowMod;
pub use matching::{Match, Vlan};
pub use message::Message;
pub use packet_out::PacketOut;
pub use request::Request;
