//! Flow mods as ovs-ofctl reads them in a file, and flows as it dumps them.

use std::fmt;

use buoy_topology::PortNo;

use super::action::Instructions;
use crate::openflow::flow_mod::{FlowMod, FlowModCommand, FlowModFlags};
use crate::openflow::flow_stats::FlowStats;
use crate::openflow::number::{ANY_GROUP, Cookie, TableId};

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

impl fmt::Display for FlowStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cookie={}, duration={}, table={}, ", self.cookie, self.duration, self.table)?;
        write!(f, "n_packets={}, n_bytes={}, ", self.packet_count, self.byte_count)?;
        timeouts(f, self.idle_timeout, self.hard_timeout, ", ")?;
        flags(f, self.flags, " ")?;
        if self.priority != DEFAULT_PRIORITY {
            let separator = if self.matching.is_empty() { "" } else { "," };
            write!(f, "priority={}{separator}", self.priority)?;
        }
        write!(f, "{} actions={}", self.matching, Instructions(&self.instructions))
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
