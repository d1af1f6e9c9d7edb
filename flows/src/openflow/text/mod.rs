//! Flows in ovs-ofctl's language, so that what Buoy prints can be pasted into `ovs-ofctl -O OpenFlow13 add-flow`.
//!
//! The text is the one that OVS itself prints, down to the order of the fields. What ovs-ofctl has no words for (unknown
//! fields and actions, a learn action) is printed as hex, which it does not read.
//!
//! Read in this order: `value`, `matching`, `action`, `flow`.

mod action;
mod flow;
mod matching;
mod value;

use std::fmt;

/// Bytes as hex digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
