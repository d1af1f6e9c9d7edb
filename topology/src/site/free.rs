//! The addresses of pools that nobody has, in the order in which they are handed out, and how many each project has: what
//! an allocation looks at instead of every address. Derived from the records, never stored.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use super::spans::Spans;
use crate::{AddressSet, FloatingIp, Generation, Name, Pool, Span};

/// Free addresses by pool.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeAddresses {
    pools: HashMap<Name, FreeOfPool>,
    /// How many addresses each project has.
    held: HashMap<Name, u64>,
}

/// The free addresses of one pool.
#[derive(Clone, Debug, Default)]
struct FreeOfPool {
    /// Those that nobody ever had.
    fresh: Spans,
    /// Those that somebody had, the one that was released first in front.
    used: BTreeSet<Place>,
    /// The same by who had them last.
    used_by: HashMap<Name, BTreeSet<Place>>,
}

/// When an address was released, and the address.
type Place = (Generation, Ipv4Addr);

impl FreeAddresses {
    /// The addresses of a pool that nobody ever had, in ascending order.
    pub(super) fn fresh(&self, pool: &Name) -> impl Iterator<Item = Ipv4Addr> {
        self.pools.get(pool).into_iter().flat_map(|own| own.fresh.addresses())
    }

    /// The addresses of a pool that were released, in that order; those of a project alone where one is named.
    pub(super) fn used(&self, pool: &Name, project: Option<&Name>) -> impl DoubleEndedIterator<Item = Ipv4Addr> {
        let places = self.pools.get(pool).and_then(|own| match project {
            None => Some(&own.used),
            Some(project) => own.used_by.get(project),
        });
        places.into_iter().flatten().map(|(_, address)| *address)
    }

    /// How many addresses a project has.
    pub(super) fn held(&self, project: &Name) -> u64 {
        self.held.get(project).copied().unwrap_or_default()
    }

    /// Every project that has an address.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Name> {
        self.held.keys()
    }

    /// A pool comes, goes, or has other addresses. `records` gives what is stored about the addresses of a span.
    pub(super) fn set_pool<'a, R: Iterator<Item = &'a FloatingIp>>(
        &mut self,
        old: Option<&Pool>,
        new: Option<&Pool>,
        records: impl Fn(Span) -> R,
    ) {
        let Some(name) = old.or(new).map(|pool| pool.name.clone()) else { return };
        let Some(new) = new else {
            self.pools.remove(&name);
            return;
        };
        let own = self.pools.entry(name).or_default();
        let (old, new) = (old.map(handed_out).unwrap_or_default(), handed_out(new));
        for gone in old.without(&new).spans() {
            own.fresh.remove(*gone);
            records(*gone).for_each(|fip| own.take(fip));
        }
        for come in new.without(&old).spans() {
            own.fresh.insert(*come);
            for fip in records(*come) {
                own.fresh.remove(one(fip.address));
                own.give(fip);
            }
        }
    }

    /// A record comes. `pool` is the pool that hands its address out.
    pub(super) fn add(&mut self, fip: &FloatingIp, pool: Option<&Pool>) {
        if let Some(project) = &fip.project {
            *self.held.entry(project.clone()).or_default() += 1;
        }
        if let Some(own) = self.of(fip, pool) {
            own.fresh.remove(one(fip.address));
            own.give(fip);
        }
    }

    /// A record goes.
    pub(super) fn remove(&mut self, fip: &FloatingIp, pool: Option<&Pool>) {
        if let Some(project) = &fip.project
            && let Some(count) = self.held.get_mut(project)
        {
            *count -= 1;
            if *count == 0 {
                self.held.remove(project);
            }
        }
        if let Some(own) = self.of(fip, pool) {
            own.take(fip);
            own.fresh.insert(one(fip.address));
        }
    }

    fn of(&mut self, fip: &FloatingIp, pool: Option<&Pool>) -> Option<&mut FreeOfPool> {
        let pool = pool.filter(|pool| !pool.reserved.contains(fip.address))?;
        self.pools.get_mut(&pool.name)
    }
}

impl FreeOfPool {
    fn give(&mut self, fip: &FloatingIp) {
        match (&fip.project, &fip.released) {
            (Some(_), _) => {}
            (None, None) => self.fresh.insert(one(fip.address)),
            (None, Some(released)) => {
                let place = (released.generation, fip.address);
                self.used.insert(place);
                self.used_by.entry(released.by.clone()).or_default().insert(place);
            }
        }
    }

    fn take(&mut self, fip: &FloatingIp) {
        let Some(released) = &fip.released else { return };
        let place = (released.generation, fip.address);
        self.used.remove(&place);
        if let Some(places) = self.used_by.get_mut(&released.by) {
            places.remove(&place);
            if places.is_empty() {
                self.used_by.remove(&released.by);
            }
        }
    }
}

fn handed_out(pool: &Pool) -> AddressSet {
    pool.addresses.without(&pool.reserved)
}

fn one(address: Ipv4Addr) -> Span {
    Span { first: address, last: address }
}
