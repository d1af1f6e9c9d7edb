//! What a declaration comes to: one write for each thing that is not as it was.

use std::sync::Arc;

use super::{Declared, Mistake, Work};
use crate::{Change, FloatingIp, Key, Quota, Record, Site};

impl Work<'_> {
    /// The difference between the site and its copy, if nothing was wrong.
    pub(super) fn finish(mut self, undeclared: Vec<Key>) -> Result<Declared, Vec<Mistake>> {
        if !self.mistakes.is_empty() {
            self.mistakes.sort_by_key(|own| (own.spot.is_none(), own.spot));
            return Err(self.mistakes);
        }
        let written = std::mem::take(&mut self.written);
        for key in &written {
            if let Key::FloatingIp(address) = key
                && let Some(new) = self.after.floating_ip(*address)
            {
                let settled = self.settled(new);
                self.after.apply(&[crate::Write::Put(Record::FloatingIp(settled))].into_iter().collect());
            }
        }
        let differs = |key: &&Key| **key != Key::NextEntity && self.before.stored(key) != self.after.stored(key);
        let changed: Vec<Key> = written.iter().filter(differs).cloned().collect();
        let mut change = Change::default();
        for key in changed.iter().filter(|key| self.gives_up(key)) {
            change.remove(key.clone());
        }
        changed.iter().filter_map(|key| self.after.stored(key)).for_each(|record| change.put(record));
        let next = self.after.next_entity();
        if changed.is_empty() {
            self.after = self.before.clone();
        } else if next != self.before.next_entity() {
            change.put(Record::NextEntity(next.0));
        }
        Ok(Declared { change, after: self.after, changed, undeclared })
    }

    /// Whether what a thing had must be free before others can have it: it is taken away before anything is put.
    fn gives_up(&self, key: &Key) -> bool {
        match (key, self.before.stored(key)) {
            (_, None) => false,
            (Key::FloatingIp(address), Some(Record::FloatingIp(old))) => {
                self.after.floating_ip(*address).is_none_or(|new| new.association != old.association)
            }
            (_, Some(_)) => true,
        }
    }

    /// An address may have been loosened and led back on the way: switches are concerned with the two ends alone.
    fn settled(&self, new: &FloatingIp) -> FloatingIp {
        let old = self.before.floating_ip(new.address);
        let (generation, mut settled) = (self.before.generation().next(), new.clone());
        let same_association = old.and_then(|old| old.association.as_ref()) == new.association.as_ref();
        let sharer = |site: &Site| site.snat_at(new.address).map(|own| own.id);
        match old {
            _ if sharer(self.before) != sharer(&self.after) => {}
            Some(old) if same_association && (old.mac == new.mac || new.association.is_none()) => {
                settled.changed = old.changed;
                settled.associations = old.associations;
                settled.left.clone_from(&old.left);
            }
            Some(_) if same_association => {
                settled.changed = generation;
                settled.left.clear();
            }
            Some(old) => {
                settled.changed = generation;
                settled.left = self.before.serving(old.address);
            }
            None => {}
        }
        settled
    }
}

impl Site {
    /// The record that has a key.
    pub fn stored(&self, key: &Key) -> Option<Record> {
        Some(match key {
            Key::Provider(name) => Record::Provider(Arc::clone(self.provider(name)?)),
            Key::Pool(name) => Record::Pool(Arc::clone(self.pool(name)?)),
            Key::Network(name) => Record::Network(Arc::clone(self.network(name)?)),
            Key::Instance(name) => Record::Instance(Arc::clone(self.instance(name)?)),
            Key::FloatingIp(address) => Record::FloatingIp(self.floating_ip(*address)?.clone()),
            Key::Direct(name) => Record::Direct(Arc::clone(self.direct(name)?)),
            Key::Project(name) => Record::Project(Arc::clone(self.project(name)?)),
            Key::DefaultQuota => {
                Record::DefaultQuota(Some(self.default_quota()).filter(|own| *own != Quota::default())?)
            }
            Key::NextEntity => Record::NextEntity(self.next_entity().0),
        })
    }
}
