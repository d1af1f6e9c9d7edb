//! Messages and flows in ovs-ofctl's language: flows can be pasted into `ovs-ofctl -O OpenFlow13 add-flow`, messages read
//! as `ovs-ofctl ofp-print` prints them.
//!
//! The text is the one that OVS itself prints, down to the order of the fields. What ovs-ofctl has no words for (unknown
//! fields and actions) is printed as hex, which it does not read. What is kept whole is printed as hex too.
//!
//! Read in this order: `value`, `matching`, `action`, `connection`, `learn`, `instruction`, `flow`, then `message`.

mod action;
mod connection;
mod flow;
mod instruction;
mod learn;
mod matching;
mod message;
mod meter;
mod monitor;
mod multipart;
mod packet;
mod port;
mod role;
mod value;

use std::fmt;

pub use message::Printed;

use super::flow_removed::FlowRemovedReason;
use super::packet_in::PacketInReason;

/// Things with commas between them.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.0.iter().try_for_each(|item| {
            write!(f, "{separator}{item}")?;
            separator = ",";
            Ok(())
        })
    }
}

/// Bytes as hex digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Bytes that were kept as they came, on lines of their own.
struct Kept<'a>(&'a [u8]);

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chunks(32).try_for_each(|line| write!(f, "\n {}", Hex(line)))
    }
}

/// The names of the bits that are set, and a number for those that have none.
struct Bits(u32, &'static [(u32, &'static str)]);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mut rest, names) = *self;
        if rest == 0 {
            return f.write_str("0");
        }
        let mut separator = "";
        for (bit, name) in names.iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{separator}{name}")?;
            (separator, rest) = (" ", rest & !bit);
        }
        if rest == 0 { Ok(()) } else { write!(f, "{separator}{rest:#x}") }
    }
}

/// Why a packet goes to the controller.
struct Reason(PacketInReason);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PacketInReason::NoMatch => f.write_str("no_match"),
            PacketInReason::Action => f.write_str("action"),
            PacketInReason::InvalidTtl => f.write_str("invalid_ttl"),
            PacketInReason::Other(3) => f.write_str("action_set"),
            PacketInReason::Other(4) => f.write_str("group"),
            PacketInReason::Other(5) => f.write_str("packet_out"),
            PacketInReason::Other(number) => write!(f, "{number}"),
        }
    }
}

/// Why a flow went.
struct Removal(FlowRemovedReason);

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FlowRemovedReason::IdleTimeout => f.write_str("idle"),
            FlowRemovedReason::HardTimeout => f.write_str("hard"),
            FlowRemovedReason::Delete => f.write_str("delete"),
            FlowRemovedReason::GroupDelete => f.write_str("group_delete"),
            FlowRemovedReason::Other(4) => f.write_str("meter_delete"),
            FlowRemovedReason::Other(5) => f.write_str("eviction"),
            FlowRemovedReason::Other(number) => write!(f, "{number}"),
        }
    }
}
