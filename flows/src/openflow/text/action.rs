//! Actions and instructions as text: `set_field:2->arp_op,IN_PORT`.

use std::fmt;

use buoy_topology::PortNo;

use super::Hex;
use super::value::Value;
use crate::openflow::action::Action;
use crate::openflow::instruction::Instruction;
use crate::openflow::number::TableId;
use crate::openflow::oxm::MatchField;
use crate::openflow::packet_in::PacketInReason;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { port: PortNo::CONTROLLER, max_len } => write!(f, "CONTROLLER:{max_len}"),
            Self::Output { port, .. } if port.0 >= PortNo::MAX.0 => write!(f, "{port}"),
            Self::Output { port, .. } => write!(f, "output:{port}"),
            Self::OutputReg { source, .. } => write!(f, "output:{source}"),
            Self::SetField(field) => write!(f, "set_field:{}->{}", Value(field), FieldName(field)),
            Self::DecNwTtl => f.write_str("dec_ttl"),
            Self::PushVlan(ethertype) => write!(f, "push_vlan:{ethertype:#06x}"),
            Self::PopVlan => f.write_str("pop_vlan"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::SetQueue(queue) => write!(f, "set_queue:{queue}"),
            Self::Move { src, dst } => write!(f, "move:{src}->{dst}"),
            Self::Load { dst, value } => write!(f, "load:{value:#x}->{dst}"),
            Self::Resubmit { port: Some(port), table: TableId::ALL } => write!(f, "resubmit:{port}"),
            Self::Resubmit { port: Some(port), table } => write!(f, "resubmit({port},{table})"),
            Self::Resubmit { port: None, table: TableId::ALL } => f.write_str("resubmit:IN_PORT"),
            Self::Resubmit { port: None, table } => write!(f, "resubmit(,{table})"),
            Self::Learn(whole) => write!(f, "learn:{}", Hex(whole)),
            Self::Note(note) => {
                f.write_str("note:")?;
                let mut separator = "";
                note.iter().try_for_each(|byte| {
                    write!(f, "{separator}{byte:02x}")?;
                    separator = ".";
                    Ok(())
                })
            }
            Self::ControllerExt { max_len, controller_id, reason } => {
                f.write_str("controller(")?;
                match reason {
                    PacketInReason::NoMatch => f.write_str("reason=no_match,")?,
                    PacketInReason::Action => {}
                    PacketInReason::InvalidTtl => f.write_str("reason=invalid_ttl,")?,
                    PacketInReason::Other(number) => write!(f, "reason={number},")?,
                }
                write!(f, "max_len={max_len},id={controller_id})")
            }
            Self::Other(whole) => write!(f, "raw:{}", Hex(whole)),
        }
    }
}

/// A field's name as the target of set_field.
struct FieldName<'a>(&'a MatchField);

impl fmt::Display for FieldName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MatchField::Reg { index, .. } => write!(f, "reg{index}"),
            MatchField::Other { header, .. } => write!(f, "{header:#010x}"),
            field => f.write_str(field.name()),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meter(meter) => write!(f, "meter:{meter}"),
            Self::ApplyActions(actions) => write!(f, "{}", Listed(actions)),
            Self::ClearActions => f.write_str("clear_actions"),
            Self::WriteActions(actions) => write!(f, "write_actions({})", Listed(actions)),
            Self::WriteMetadata { value, mask: u64::MAX } => write!(f, "write_metadata:{value:#x}"),
            Self::WriteMetadata { value, mask } => write!(f, "write_metadata:{value:#x}/{mask:#x}"),
            Self::GotoTable(table) => write!(f, "goto_table:{table}"),
            Self::Other(whole) => write!(f, "raw:{}", Hex(whole)),
        }
    }
}

/// What follows `actions=`.
pub(super) struct Instructions<'a>(pub(super) &'a [Instruction]);

impl fmt::Display for Instructions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = self.0.to_vec();
        Instruction::canonicalise(&mut list);
        if list.is_empty() { f.write_str("drop") } else { write!(f, "{}", Listed(&list)) }
    }
}

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
