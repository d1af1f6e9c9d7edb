//! Flows that are kept apart: something else is there than should be, or was refused, or is claimed twice.

use std::sync::Arc;

use buoy_flows::flow::{FlowBody, FlowKey};
use buoy_flows::pipeline::Entity;

use super::groups::{Group, Slot};
use super::{DumpNo, FlowTable};

/// A flow that is kept apart.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Whose flow it is, or was. None for one that was found in the switch and that nobody wants.
    pub(super) entity: Option<Arc<Entity>>,
    pub(super) want: Option<FlowBody>,
    pub(super) have: Option<FlowBody>,
    /// The last dump that told of it.
    pub(super) seen: DumpNo,
    /// Whether the switch did not take what is wanted.
    pub(super) refused: bool,
}

impl Row {
    pub(super) fn is_stray(&self) -> bool {
        self.entity.is_none() && self.is_dirty()
    }

    /// Whether there is something to send. What a switch refused is not sent again as it is.
    pub(super) fn is_dirty(&self) -> bool {
        self.want != self.have && !self.refused
    }

    /// Whether it is as a flow of this entity can be in a group.
    fn is_regular(&self, entity: &Entity) -> bool {
        let is_as_wanted = self.have.is_none() || self.have == self.want;
        self.entity.as_deref() == Some(entity) && self.want.is_some() && is_as_wanted && !self.refused
    }
}

impl FlowTable {
    /// Keeps the flows of a group apart from now on.
    pub(super) fn loosen(&mut self, slot: Slot) {
        let Some((group, seen)) = self.groups.remove(slot) else { return };
        let entity = Arc::new(group.entity);
        let mut keys = Vec::with_capacity(group.flows.len());
        for (place, (key, body)) in (0..).zip(group.flows.unpack().flows()) {
            let is_set = |bits: u64| bits >> place & 1 == 1;
            let have = is_set(group.have).then(|| body.clone());
            let seen = if is_set(seen) { self.dump } else { self.dump.last() };
            self.edit_row(&key, |row| {
                *row = Row { entity: Some(Arc::clone(&entity)), want: Some(body), have, seen, refused: false };
            });
            keys.push(key);
        }
        self.wanted.insert(entity, keys.into());
    }

    /// Keeps an entity's flows together, if they can be.
    pub(super) fn tighten(&mut self, entity: &Entity) {
        let Some(keys) = self.wanted.get(entity) else { return };
        let (mut flows, mut have, mut seen) = (Vec::with_capacity(keys.len()), 0, 0);
        for (place, key) in keys.iter().enumerate() {
            let Some(row) = self.rows.get(key).filter(|row| row.is_regular(entity)) else { return };
            let bit = u64::checked_shl(1, u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or_default();
            have |= if row.have.is_some() { bit } else { 0 };
            seen |= if row.seen == self.dump { bit } else { 0 };
            flows.extend(row.want.as_ref().map(|body| (key, body)));
        }
        let Some(flows) = self.groups.pack_bytes(&flows) else { return };
        if !self.groups.add(Group { entity: entity.clone(), flows, have }, seen, self.synced) {
            return;
        }
        for key in self.wanted.remove(entity).into_iter().flatten() {
            // What is nowhere is no row.
            self.edit_row(&key, |row| *row = Row::default());
            self.rows.remove(&key);
        }
    }

    /// Changes what is known of a flow, wherever it is kept.
    pub(super) fn edit(&mut self, key: &FlowKey, edit: impl FnOnce(&mut Row)) {
        if let Some(found) = self.groups.find(key, None) {
            self.loosen(found.slot);
        }
        self.edit_row(key, edit);
    }

    fn edit_row(&mut self, key: &FlowKey, edit: impl FnOnce(&mut Row)) {
        if !self.synced {
            // What is dirty is found when the switch has said all.
            let row = self.rows.entry(key.clone()).or_default();
            edit(row);
            if !row.refused {
                self.refusals.remove(key);
            }
            return;
        }
        let row = self.rows.entry(key.clone()).or_default();
        let before = row.is_dirty().then(|| row.entity.clone()).flatten();
        let was_stray = row.is_stray();
        edit(row);
        if !row.refused {
            self.refusals.remove(key);
        }
        let (is_dirty, is_stray) = (row.is_dirty(), row.is_stray());
        self.strays = self.strays + usize::from(is_stray) - usize::from(was_stray);
        let after = is_dirty.then(|| row.entity.clone()).flatten();
        let is_empty = row.want.is_none() && row.have.is_none();
        if is_dirty {
            self.dirty.insert(key.clone());
        } else {
            self.dirty.remove(key);
        }
        if is_empty {
            self.rows.remove(key);
        }
        if before != after {
            if let Some(entity) = before {
                self.one_less(&entity);
            }
            if let Some(entity) = after {
                *self.pending.entry(entity).or_default() += 1;
            }
        }
    }

    fn one_less(&mut self, entity: &Entity) {
        if let Some(count) = self.pending.get_mut(entity) {
            *count -= 1;
            if *count == 0 {
                self.pending.remove(entity);
            }
        }
    }
}
