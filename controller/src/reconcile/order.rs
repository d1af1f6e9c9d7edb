//! The order in which the bridges of one host change.

#[cfg(test)]
mod tests;

use buoy_flows::pipeline::{Entity, Role};

use super::FlowTable;

/// Which way an entity's flows on a bridge go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The entity is to be served.
    Install,
    /// The entity is to be served no more.
    Remove,
}

/// Whether a bridge may change an entity's flows now. An address is answered for on br-ex only when br-int can deliver;
/// it is taken from br-int only when br-ex has stopped to send, or cannot be reached.
pub fn is_due<'a>(
    role: Role,
    entity: &Entity,
    lane: Lane,
    others: impl Iterator<Item = (Role, &'a FlowTable)>,
) -> bool {
    if !entity.is_ordered() {
        return true;
    }
    match (role, lane) {
        (Role::External, Lane::Install) => {
            let mut integration = others.filter(|(role, _)| *role == Role::Integration).peekable();
            let can_deliver = |table: &FlowTable| !table.is_pending(entity) && table.refusal(entity).is_none();
            integration.peek().is_some() && integration.all(|(_, table)| can_deliver(table))
        }
        (Role::Integration, Lane::Remove) => {
            let mut external = others.filter(|(role, _)| *role == Role::External);
            external.all(|(_, table)| !table.is_synced() || !table.is_pending(entity))
        }
        _ => true,
    }
}
