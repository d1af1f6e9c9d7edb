//! Flow mods as ovs-ofctl reads them in a file, and flows as it dumps them.

use std::fmt;

use buoy_topology::PortNo;

use super::instruction::Instructions;
use crate::openflow::flow_mod::{FlowMod, FlowModCommand, FlowModFlags};
use crate::openflow::flow_stats::FlowStats;
use crate::openflow::number::{ANY_GROUP, BufferId, Cookie, TableId};
use crate::openflow::oxm::Match;

const DEFAULT_PRIORITY: u16 = 0x8000;

impl fmt::Display for FlowMod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An add has no word of its own, so that it can be pasted after add-flow too.
        f.write_str(match self.command {
            FlowModCommand::Add => "",
            FlowModCommand::Modify => "modify ",
            FlowModCommand::ModifyStrict => "modify_strict ",
            FlowModCommand::Delete => "delete ",
            FlowModCommand::DeleteStrict => "delete_strict ",
        })?;
        let deletes = matches!(self.command, FlowModCommand::Delete | FlowModCommand::DeleteStrict);
        match (self.cookie, self.cookie_mask) {
            (_, Cookie(0)) if deletes => {}
            (Cookie(0), Cookie(0)) => {}
            (cookie, Cookie(0)) => write!(f, "cookie={cookie},")?,
            (cookie, Cookie(u64::MAX)) => write!(f, "cookie={cookie}/-1,")?,
            (cookie, mask) => write!(f, "cookie={cookie}/{mask},")?,
        }
        if self.table != TableId::ALL {
            write!(f, "table={},", self.table)?;
        }
        if !deletes {
            timeouts(f, self.idle_timeout, self.hard_timeout, ",")?;
            flags(f, self.flags, ",")?;
        }
        if deletes && self.out_port != PortNo::ANY {
            write!(f, "out_port={},", self.out_port)?;
        }
        if deletes && self.out_group != ANY_GROUP {
            write!(f, "out_group={},", self.out_group)?;
        }
        let separator = if self.matching.is_empty() { "" } else { "," };
        match self.command {
            FlowModCommand::Delete => write!(f, "{}", self.matching),
            FlowModCommand::DeleteStrict => write!(f, "priority={}{separator}{}", self.priority, self.matching),
            _ => {
                let instructions = Instructions(&self.instructions);
                write!(f, "priority={}{separator}{} actions={instructions}", self.priority, self.matching)
            }
        }
    }
}

/// A flow mod as `ovs-ofctl ofp-print` writes it, which is not how it reads one.
pub(super) struct Modification<'a>(pub(super) &'a FlowMod);

impl fmt::Display for Modification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = self.0;
        f.write_str(match flow.command {
            FlowModCommand::Add => "ADD",
            FlowModCommand::Modify => "MOD",
            FlowModCommand::ModifyStrict => "MOD_STRICT",
            FlowModCommand::Delete => "DEL",
            FlowModCommand::DeleteStrict => "DEL_STRICT",
        })?;
        if flow.table != TableId(0) {
            write!(f, " table:{}", flow.table)?;
        }
        f.write_str(" ")?;
        if flow.priority != DEFAULT_PRIORITY || !flow.matching.is_empty() {
            write!(f, "{} ", Condition { priority: flow.priority, matching: &flow.matching })?;
        }
        let (cookie, mask) = (flow.cookie, flow.cookie_mask);
        if mask.0 != 0 {
            write!(f, "cookie:{cookie}/{mask} ")?;
        } else if cookie.0 != 0 && cookie.0 != u64::MAX && flow.command == FlowModCommand::Add {
            write!(f, "cookie:{cookie} ")?;
        }
        for (name, seconds) in [("idle", flow.idle_timeout), ("hard", flow.hard_timeout)] {
            if seconds != 0 {
                write!(f, "{name}:{seconds} ")?;
            }
        }
        if flow.buffer_id != BufferId::NONE {
            write!(f, "buf:{:#x} ", flow.buffer_id.0)?;
        }
        if flow.out_port != PortNo::ANY {
            write!(f, "out_port:{} ", flow.out_port)?;
        }
        if flow.out_group != ANY_GROUP {
            write!(f, "out_group:{} ", flow.out_group)?;
        }
        flags(f, flow.flags, " ")?;
        write!(f, "actions={}", Instructions(&flow.instructions))
    }
}

/// Priority, unless it is the usual one, and match.
pub(super) struct Condition<'a> {
    pub(super) priority: u16,
    pub(super) matching: &'a Match,
}

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.priority != DEFAULT_PRIORITY {
            let separator = if self.matching.is_empty() { "" } else { "," };
            write!(f, "priority={}{separator}", self.priority)?;
        }
        write!(f, "{}", self.matching)
    }
}

impl fmt::Display for FlowStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cookie={}, duration={}, table={}, ", self.cookie, self.duration, self.table)?;
        write!(f, "n_packets={}, n_bytes={}, ", self.packet_count, self.byte_count)?;
        timeouts(f, self.idle_timeout, self.hard_timeout, ", ")?;
        flags(f, self.flags, " ")?;
        if self.priority != DEFAULT_PRIORITY || !self.matching.is_empty() {
            write!(f, "{} ", Condition { priority: self.priority, matching: &self.matching })?;
        }
        write!(f, "actions={}", Instructions(&self.instructions))
    }
}

fn timeouts(f: &mut fmt::Formatter<'_>, idle: u16, hard: u16, separator: &str) -> fmt::Result {
    if idle != 0 {
        write!(f, "idle_timeout={idle}{separator}")?;
    }
    if hard != 0 {
        write!(f, "hard_timeout={hard}{separator}")?;
    }
    Ok(())
}

fn flags(f: &mut fmt::Formatter<'_>, flags: FlowModFlags, separator: &str) -> fmt::Result {
    let names = [
        (FlowModFlags::SEND_FLOW_REM, "send_flow_rem"),
        (FlowModFlags::CHECK_OVERLAP, "check_overlap"),
        (FlowModFlags::RESET_COUNTS, "reset_counts"),
        (FlowModFlags::NO_PACKET_COUNTS, "no_packet_counts"),
        (FlowModFlags::NO_BYTE_COUNTS, "no_byte_counts"),
    ];
    names.iter().filter(|(flag, _)| flags.contains(*flag)).try_for_each(|(_, name)| write!(f, "{name}{separator}"))
}
