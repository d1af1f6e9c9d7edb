//! Pools and networks: first all that becomes narrower, then all that becomes wider.

use std::sync::Arc;

use super::{SiteSpec, Spot, StockSpec, Thing, Work};
use crate::ops::{NetworkSpec, OpError, PoolSpec};
use crate::{AddressSet, Change, Key, Name, Network, Pool, RangeSpec, Record};

impl Work<'_> {
    /// Takes away pools and networks that are not wanted, and the addresses that pools are not to have.
    pub(super) fn narrow(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned {
            if let Key::Network(name) = key {
                let done = self.after.delete_network(name);
                self.attempt(None, key.clone(), done);
            }
        }
        for (entry, (name, own)) in spec.networks.iter().enumerate() {
            let Some(old) = self.after.network(name) else { continue };
            let done = match is_network(old, own) {
                false => self.after.delete_network(name),
                // The pool may have to go.
                true if old.auto_assign != own.auto_assign => self.after.set_network(name, None, own.snat),
                true => continue,
            };
            self.attempt(Some(Thing::Network.spot(entry)), Key::Network(name.clone()), done);
        }
        for key in pruned {
            if let Key::Pool(name) = key {
                let done = self.after.delete_pool(name);
                self.attempt(None, key.clone(), done);
            }
        }
        for (entry, (name, own)) in spec.pools.iter().enumerate() {
            let Some(old) = self.after.pool(name) else { continue };
            let moves = old.provider != own.pool.provider;
            let wanted = if moves { AddressSet::default() } else { wanted(&own.pool) };
            let gone = old.addresses.without(&wanted);
            let gone: Vec<_> = gone.spans().iter().map(|span| RangeSpec::Span(span.first, span.last)).collect();
            let mut done = Ok(Change::default());
            if !gone.is_empty() {
                done = self.after.remove_from_pool(name, &gone);
            }
            if self.attempt(Some(Thing::Pool.spot(entry)), Key::Pool(name.clone()), done) && moves {
                // What the other provider still sends here is none of this one's.
                self.alter(name, |pool| {
                    pool.provider = own.pool.provider.clone();
                    pool.withdrawn = AddressSet::default();
                });
            }
        }
    }

    /// Makes pools have all their addresses.
    pub(super) fn widen(&mut self, spec: &SiteSpec) {
        let mut default: Option<&Name> = None;
        for (entry, (name, stock)) in spec.pools.iter().enumerate() {
            let own = &stock.pool;
            let (spot, key) = (Some(Thing::Pool.spot(entry)), Key::Pool(name.clone()));
            if self.failed.contains(&key) {
                continue;
            }
            let done = match self.after.pool(name) {
                None => self.after.create_pool(name.clone(), PoolSpec { default: false, ..own.clone() }),
                Some(_) => self
                    .after
                    .known_provider(&own.provider)
                    .map(|_| ())
                    .and_then(|()| self.after.add_to_pool(name, &own.ranges)),
            };
            if !self.attempt(spot, key.clone(), done) || !self.reserve(spot, name, stock) {
                continue;
            }
            self.alter(name, |pool| (pool.cool_down, pool.warn_at) = (own.cool_down, own.warn_at));
            match default {
                Some(other) if own.default => {
                    let what = format!("pool {other} is declared as the default one already: there is one only");
                    self.fail(spot, key, OpError::invalid(what));
                }
                _ if own.default => default = Some(name),
                _ => self.alter(name, |pool| pool.default = false),
            }
        }
        if let Some(name) = default.filter(|name| self.after.pool(name).is_some_and(|pool| !pool.default)) {
            let others: Vec<_> = self.after.pools().filter(|pool| pool.default).map(|pool| pool.name.clone()).collect();
            others.iter().for_each(|other| self.alter(other, |pool| pool.default = false));
            self.alter(name, |pool| pool.default = true);
        }
    }

    /// Keeps what is declared out of allocation, and nothing else.
    fn reserve(&mut self, spot: Option<Spot>, name: &Name, own: &StockSpec) -> bool {
        for range in &own.reserved {
            let span = range.span(true);
            let done = match self.after.reserve(*range, None) {
                Ok((pool, change)) if pool == *name => Ok(change),
                Ok(_) | Err(OpError::OutsidePools { .. }) => Err(OpError::NotInPool { span, pool: name.clone() }),
                Err(error) => Err(error),
            };
            if !self.attempt(spot, Key::Pool(name.clone()), done) {
                return false;
            }
        }
        let wanted: AddressSet = own.reserved.iter().map(|range| range.span(true)).collect();
        self.alter(name, |pool| {
            pool.reserved.without(&wanted).spans().iter().for_each(|own| pool.reserved.remove(*own))
        });
        true
    }

    fn alter(&mut self, name: &Name, alter: impl FnOnce(&mut Pool)) {
        let Some(old) = self.after.pool(name) else { return };
        let mut new = (**old).clone();
        alter(&mut new);
        if new != **old {
            let mut change = Change::default();
            change.put(Record::Pool(Arc::new(new)));
            self.take(&change);
        }
    }

    /// Makes the networks that are not there, and the others take their addresses from where they are to.
    pub(super) fn put_up_networks(&mut self, spec: &SiteSpec) {
        for (entry, (name, own)) in spec.networks.iter().enumerate() {
            let key = Key::Network(name.clone());
            if self.failed.contains(&key) {
                continue;
            }
            let done = match self.after.network(name) {
                None => self.after.create_network(name.clone(), own.clone()),
                Some(_) => self.after.set_network(name, own.auto_assign.clone(), own.snat),
            };
            self.attempt(Some(Thing::Network.spot(entry)), key, done);
        }
    }
}

fn wanted(own: &PoolSpec) -> AddressSet {
    own.ranges.ranges.iter().map(|range| range.span(own.ranges.all_addresses)).collect()
}

/// Whether it is the same but for what can change under its instances. A MAC that Buoy chose stays where none is declared.
fn is_network(old: &Network, own: &NetworkSpec) -> bool {
    let NetworkSpec { cidr, gateway, gateway_mac, project, auto_assign: _, snat: _ } = own;
    (old.cidr, old.gateway, &old.project) == (*cidr, *gateway, project)
        && gateway_mac.is_none_or(|mac| mac == old.gateway_mac)
}
