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
    /// A flow changes in its place: it neither begins to be served nor ends.
    Replace,
}

/// Whether a bridge may change an entity's flows now. An address is answered for on br-ex only when br-int can deliver;
/// it is taken from br-int only when br-ex has stopped to send, or cannot be reached.
pub fn is_due<'a>(
    role: Role,
    entity: &Entity,
    lane: Lane,
    others: impl Iterator<Item = (Role, &'a FlowTable)>,
) -> bool {
    is_due_after(role, entity, lane, others.map(|(role, table)| (role, table, false)))
}

/// Whether it may, once those of the others that are marked have what they wait for.
pub fn is_due_after<'a>(
    role: Role,
    entity: &Entity,
    lane: Lane,
    others: impl Iterator<Item = (Role, &'a FlowTable, bool)>,
) -> bool {
    if !entity.is_ordered() {
        return true;
    }
    let lacks = |table: &FlowTable, is_marked: bool| !table.is_synced() || (table.is_pending(entity) && !is_marked);
    match (role, lane) {
        (Role::External, Lane::Install) => {
            let mut integration = others.filter(|(role, ..)| *role == Role::Integration).peekable();
            let can_deliver =
                |table: &FlowTable, is_marked: bool| !lacks(table, is_marked) && table.refusal(entity).is_none();
            integration.peek().is_some() && integration.all(|(_, table, is_marked)| can_deliver(table, is_marked))
        }
        (Role::Integration, Lane::Remove) => {
            let mut external = others.filter(|(role, ..)| *role == Role::External);
            external.all(|(_, table, is_marked)| !table.is_synced() || !lacks(table, is_marked))
        }
        _ => true,
    }
}
