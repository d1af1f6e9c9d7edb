//! Pools: create, widen, narrow, delete.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::provider::{check_mac, check_station};
use super::{FipSpec, Noun, OpError};
use crate::{
    AddressSet, Change, CoolDown, Direct, EntityId, FloatingIp, Key, MacAddr, Name, Percent, Pool, RangeSpec, Record,
    Site, Span, Write,
};

/// What a pool is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// The provider that the addresses belong to.
    pub provider: Name,
    /// Its first addresses; there may be none yet.
    pub ranges: RangesSpec,
    /// Whether it becomes the default pool, in place of the one that was.
    pub default: bool,
    /// How long no other project gets an address that was released.
    pub cool_down: CoolDown,
    /// How full it is when its admin is told; none is never.
    pub warn_at: Option<Percent>,
}

/// What is to be other about a pool; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolChange {
    /// Whether it is the default pool.
    pub default: Option<bool>,
    /// How long no other project gets an address that was released.
    pub cool_down: Option<CoolDown>,
    /// How full it is when its admin is told.
    pub warn_at: Option<Option<Percent>>,
}

/// Addresses to put into a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangesSpec {
    /// The ranges.
    pub ranges: Vec<RangeSpec>,
    /// Whether a block's first and last address are taken too.
    pub all_addresses: bool,
    /// The MAC that the provider bound each of them to.
    pub mac: Option<MacAddr>,
}

impl Site {
    /// A new pool.
    pub fn create_pool(&self, name: Name, spec: PoolSpec) -> Result<Change, OpError> {
        if self.pool(&name).is_some() {
            return Err(OpError::Exists { noun: Noun::Pool, name });
        }
        self.known_provider(&spec.provider)?;
        let mut change = Change::default();
        let id = self.number(&mut change);
        if spec.default {
            self.depose_default(&mut change);
        }
        let pool = Pool {
            id,
            name,
            provider: spec.provider,
            addresses: AddressSet::default(),
            default: spec.default,
            reserved: AddressSet::default(),
            withdrawn: AddressSet::default(),
            cool_down: spec.cool_down,
            warn_at: spec.warn_at,
        };
        self.widen(pool, &spec.ranges, EntityId(id.0.saturating_add(1)), change)
    }

    /// A pool with other properties.
    pub fn set_pool(&self, name: &Name, spec: &PoolChange) -> Result<Change, OpError> {
        let old = self.known_pool(name)?;
        let mut change = Change::default();
        let default = spec.default.unwrap_or(old.default);
        if default && !old.default {
            self.depose_default(&mut change);
        }
        let cool_down = spec.cool_down.unwrap_or(old.cool_down);
        let new = Pool { default, cool_down, warn_at: spec.warn_at.unwrap_or(old.warn_at), ..(**old).clone() };
        if new != **old {
            change.put(Record::Pool(Arc::new(new)));
        }
        Ok(change)
    }

    fn depose_default(&self, change: &mut Change) {
        if let Some(old) = self.pools().find(|pool| pool.default) {
            change.put(Record::Pool(Arc::new(Pool { default: false, ..(**old).clone() })));
        }
    }

    /// A pool with more addresses. Those that it has already stay as they are, but for their MAC.
    pub fn add_to_pool(&self, name: &Name, spec: &RangesSpec) -> Result<Change, OpError> {
        self.widen((**self.known_pool(name)?).clone(), spec, self.next_entity(), Change::default())
    }

    /// A pool with fewer addresses. None of them may be allocated. The provider may go on sending them here: but for those
    /// that it looks for by ARP, on link, they stay closed. Who had one last stays known: it may come back, to this pool or
    /// another.
    pub fn remove_from_pool(&self, name: &Name, ranges: &[RangeSpec]) -> Result<Change, OpError> {
        let mut pool = (**self.known_pool(name)?).clone();
        let mut change = Change::default();
        let mut used = Vec::new();
        for range in ranges {
            let span = range.span(true);
            let before = pool.addresses.size();
            pool.addresses.remove(span);
            pool.reserved.remove(span);
            pool.withdrawn.insert(span);
            if before - pool.addresses.size() != span.size() {
                return Err(OpError::NotInPool { span, pool: name.clone() });
            }
            let mut users = self.directs_in(span).map(direct_user).peekable();
            if users.peek().is_some() {
                return Err(OpError::in_use(Noun::Pool, name, users));
            }
            let shared = self.shared_of(self.known_pool(name)?);
            if let Some(user) = shared.filter(|own| span.contains(*own)).and(self.sharer(self.known_pool(name)?)) {
                return Err(OpError::pool_in_use(name, user));
            }
            for fip in self.floating_ips_in(span) {
                if fip.project.is_some() {
                    used.push(fip.address);
                }
                take_out(fip, &mut change);
            }
        }
        if !used.is_empty() {
            return Err(OpError::AddressesInUse { pool: name.clone(), addresses: used });
        }
        for block in self.provider(&pool.provider).into_iter().flat_map(|provider| &provider.onlink) {
            pool.withdrawn.remove(Span { first: block.network(), last: block.broadcast() });
        }
        change.put(Record::Pool(Arc::new(pool)));
        Ok(change)
    }

    /// Addresses that were taken out of a pool are like any other's from then on: the provider does not send them here.
    pub fn forget_withdrawn(&self, name: &Name, ranges: &[RangeSpec]) -> Result<Change, OpError> {
        let mut pool = (**self.known_pool(name)?).clone();
        for range in ranges {
            let span = range.span(true);
            if pool.withdrawn.covered(span) != span.size() {
                return Err(OpError::NotWithdrawn { span, pool: name.clone() });
            }
            pool.withdrawn.remove(span);
        }
        let mut change = Change::default();
        change.put(Record::Pool(Arc::new(pool)));
        Ok(change)
    }

    /// Addresses that a pool gets are remembered as taken out by none any more.
    pub(super) fn reclaim(&self, pool: &mut Pool, spans: &[Span], change: &mut Change) {
        spans.iter().for_each(|span| pool.withdrawn.remove(*span));
        for other in self.pools().filter(|other| other.name != pool.name) {
            if spans.iter().any(|span| other.withdrawn.overlap(*span).is_some()) {
                // The change may have another word on it already.
                let written = change.writes().iter().rev().find_map(|write| match write {
                    Write::Put(Record::Pool(own)) if own.name == other.name => Some(own),
                    _ => None,
                });
                let mut other = (**written.unwrap_or(other)).clone();
                spans.iter().for_each(|span| other.withdrawn.remove(*span));
                change.put(Record::Pool(Arc::new(other)));
            }
        }
    }

    /// A pool less. None of its addresses may be allocated. Who had one last stays known.
    pub fn delete_pool(&self, name: &Name) -> Result<Change, OpError> {
        let pool = self.known_pool(name)?;
        let records = || pool.addresses.spans().iter().flat_map(|span| self.floating_ips_in(*span));
        let held = records().filter(|fip| fip.project.is_some()).map(|fip| fip.address.to_string());
        let direct = pool.addresses.spans().iter().flat_map(|span| self.directs_in(*span)).map(direct_user);
        let assigning = self.networks().filter(|network| network.auto_assign.as_ref() == Some(name));
        let assigning = assigning.map(|network| format!("network {} (--auto-assign)", network.name));
        let mut users = held.chain(direct).chain(assigning).chain(self.sharer(pool)).peekable();
        if users.peek().is_some() {
            return Err(OpError::in_use(Noun::Pool, name, users));
        }
        let mut change = Change::default();
        records().for_each(|fip| take_out(fip, &mut change));
        change.remove(Key::Pool(name.clone()));
        Ok(change)
    }

    pub(super) fn known_pool(&self, name: &Name) -> Result<&Arc<Pool>, OpError> {
        self.pool(name).ok_or_else(|| OpError::Unknown { noun: Noun::Pool, name: name.clone() })
    }

    /// Goes on with a change: puts addresses into a pool.
    fn widen(&self, mut pool: Pool, spec: &RangesSpec, next: EntityId, mut change: Change) -> Result<Change, OpError> {
        spec.mac.map_or(Ok(()), check_mac)?;
        let mut next = next.0;
        let spans: Vec<_> = spec.ranges.iter().map(|range| range.span(spec.all_addresses)).collect();
        self.reclaim(&mut pool, &spans, &mut change);
        for span in spans {
            self.check_span(&pool, span)?;
            pool.addresses.insert(span);
            if let Some(mac) = spec.mac {
                for address in (span.first.to_bits()..=span.last.to_bits()).map(Ipv4Addr::from_bits) {
                    change.put(Record::FloatingIp(self.with_mac(address, mac, &mut next)));
                }
            }
        }
        if spec.mac.is_some() {
            change.put(Record::NextEntity(next));
        }
        if self.pool(&pool.name).is_none_or(|old| **old != pool) {
            change.put(Record::Pool(Arc::new(pool)));
        }
        Ok(change)
    }

    fn with_mac(&self, address: Ipv4Addr, mac: MacAddr, next: &mut u32) -> FloatingIp {
        let known = self.floating_ip(address).cloned();
        let old = known.unwrap_or_else(|| {
            let id = EntityId(*next);
            *next = next.saturating_add(1);
            FloatingIp::new(id, address)
        });
        self.described(&old, &FipSpec { mac: Some(Some(mac)), ..FipSpec::default() })
    }

    pub(super) fn check_span(&self, pool: &Pool, span: Span) -> Result<(), OpError> {
        if span.size() > MAX_SPAN {
            return Err(OpError::invalid(format!(
                "{span} has {} addresses: a range has at most {MAX_SPAN}",
                span.size()
            )));
        }
        check_station(span.first)?;
        check_station(span.last)?;
        for other in self.pools().filter(|other| other.name != pool.name) {
            if let Some(own) = other.addresses.overlap(span) {
                return Err(OpError::Overlap { span, other: own, pool: other.name.clone() });
            }
        }
        let elsewhere = self.providers().filter(|own| own.name != pool.provider);
        let shared = elsewhere.filter_map(|own| Some((own, own.snat?.address())));
        if let Some((own, address)) = shared.into_iter().find(|(_, address)| span.contains(*address)) {
            return Err(OpError::Shared { address, provider: own.name.clone() });
        }
        self.check_shared_span(pool, span)?;
        if let Some((address, direct)) = self.directs_in(span).find(|(_, own)| own.provider != pool.provider) {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        if let Some((provider, block)) = self.no_snat_in(span) {
            return Err(OpError::NoSnatPool { block, provider, span, pool: pool.name.clone() });
        }
        for network in self.networks() {
            let cidr = Span { first: network.cidr.network(), last: network.cidr.broadcast() };
            if cidr.overlaps(&span) {
                let (network, cidr) = (network.name.clone(), network.cidr);
                return Err(OpError::NetworkOverlap { network, cidr, span, pool: pool.name.clone() });
            }
        }
        Ok(())
    }
}

/// An address is in no pool any more: its MAC and its note go.
fn take_out(fip: &FloatingIp, change: &mut Change) {
    match fip.left_behind() {
        Some(rest) => change.put(Record::FloatingIp(rest)),
        None => change.remove(Key::FloatingIp(fip.address)),
    }
}

fn direct_user((address, direct): (Ipv4Addr, &Arc<Direct>)) -> String {
    format!("direct port {} ({address})", direct.name)
}

/// A /12: more than any provider rents out, and a bound on the work of one request.
const MAX_SPAN: u64 = 1 << 20;
