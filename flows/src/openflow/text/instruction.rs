//! Instructions as text, as they follow `actions=`.

use std::fmt;

use super::action::Actions;
use super::{Hex, Listed};
use crate::openflow::instruction::Instruction;

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meter(meter) => write!(f, "meter:{meter}"),
            Self::ApplyActions(actions) => write!(f, "{}", Listed(actions)),
            Self::ClearActions => f.write_str("clear_actions"),
            Self::WriteActions(actions) => write!(f, "write_actions({})", Actions(actions)),
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
