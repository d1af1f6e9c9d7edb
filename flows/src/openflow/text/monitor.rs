//! The flow monitor.

use std::fmt;

use buoy_topology::PortNo;

use super::instruction::Instructions;
use super::{Bits, Removal};
use crate::openflow::flow_monitor::{FlowChange, FlowEvent, FlowMonitorRequest, FlowUpdate};
use crate::openflow::number::TableId;

/// What is to be told.
pub(super) struct Watch<'a>(pub(super) &'a FlowMonitorRequest);

impl fmt::Display for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowMonitorRequest { id, flags, out_port, table, matching } = self.0;
        write!(f, "id={id} flags={}", Bits(flags.0.into(), &FLAGS).to_string().replace(' ', ","))?;
        if *out_port != PortNo::ANY {
            write!(f, " out_port={out_port}")?;
        }
        if *table != TableId::ALL {
            write!(f, " table={table}")?;
        }
        if matching.is_empty() { Ok(()) } else { write!(f, " {matching}") }
    }
}

const FLAGS: [(u32, &str); 6] =
    [(1, "initial"), (1 << 1, "add"), (1 << 2, "delete"), (1 << 3, "modify"), (1 << 4, "actions"), (1 << 5, "own")];

/// What is told.
pub(super) struct Update<'a>(pub(super) &'a FlowUpdate);

impl fmt::Display for Update<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.0 {
            FlowUpdate::Abbreviated(xid) => return write!(f, "event=ABBREV xid={:#x}", xid.0),
            FlowUpdate::Full(change) => change,
        };
        let FlowChange { event, table, priority, idle_timeout, hard_timeout, cookie, matching, instructions } = change;
        match event {
            FlowEvent::Added => f.write_str("event=ADDED")?,
            FlowEvent::Deleted { reason } => {
                write!(f, "event=DELETED reason={}", Removal(u8::try_from(*reason).unwrap_or(u8::MAX).into()))?;
            }
            FlowEvent::Modified => f.write_str("event=MODIFIED")?,
        }
        write!(f, " table={table}")?;
        for (name, seconds) in [("idle_timeout", idle_timeout), ("hard_timeout", hard_timeout)] {
            if *seconds != 0 {
                write!(f, " {name}={seconds}")?;
            }
        }
        // OVS leaves the priority out of what it prints; it tells flows apart all the same.
        write!(f, " cookie={cookie} priority={priority}")?;
        if !matching.is_empty() {
            write!(f, ",{matching}")?;
        }
        if instructions.is_empty() { Ok(()) } else { write!(f, " actions={}", Instructions(instructions)) }
    }
}
