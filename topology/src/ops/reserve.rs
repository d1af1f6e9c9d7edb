//! Addresses that an admin keeps out of allocation.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{FipSpec, OpError};
use crate::{Change, EntityId, FloatingIp, Name, Note, Pool, RangeSpec, Record, Site, Span};

impl Site {
    /// Keeps addresses of one pool out of allocation, with a note for each of them where one is given. No project may have
    /// any of them. Returns the pool's name too.
    pub fn reserve(&self, range: RangeSpec, note: Option<&Note>) -> Result<(Name, Change), OpError> {
        let (pool, span) = self.span_in_pool(range)?;
        let held: Vec<_> =
            self.floating_ips_in(span).filter(|fip| fip.project.is_some()).map(|own| own.address).collect();
        if !held.is_empty() {
            return Err(OpError::ReservedInUse { addresses: held });
        }
        let mut change = Change::default();
        if let Some(note) = note {
            self.note_all(span, note, &mut change)?;
        }
        let mut new = pool.clone();
        new.reserved.insert(span);
        if new != *pool {
            change.put(Record::Pool(Arc::new(new)));
        }
        Ok((pool.name.clone(), change))
    }

    /// Lets addresses of one pool be allocated again. Returns the pool's name too.
    pub fn unreserve(&self, range: RangeSpec) -> Result<(Name, Change), OpError> {
        let (pool, span) = self.span_in_pool(range)?;
        let mut new = pool.clone();
        new.reserved.remove(span);
        let mut change = Change::default();
        if new != *pool {
            change.put(Record::Pool(Arc::new(new)));
        }
        Ok((pool.name.clone(), change))
    }

    fn span_in_pool(&self, range: RangeSpec) -> Result<(&Pool, Span), OpError> {
        let span = range.span(true);
        let pool = self.pool_at(span.first).ok_or(OpError::OutsidePools { address: span.first })?;
        if pool.addresses.covered(span) != span.size() {
            return Err(OpError::NotInPool { span, pool: pool.name.clone() });
        }
        Ok((pool, span))
    }

    fn note_all(&self, span: Span, note: &Note, change: &mut Change) -> Result<(), OpError> {
        if span.size() > MOST_NOTED {
            return Err(OpError::invalid(format!("a note is given to at most {MOST_NOTED} addresses at once")));
        }
        let spec = FipSpec { note: Some(Some(note.clone())), ..FipSpec::default() };
        let mut next = self.next_entity();
        for address in (span.first.to_bits()..=span.last.to_bits()).map(Ipv4Addr::from_bits) {
            let old = self.floating_ip(address).cloned().unwrap_or_else(|| {
                let id = next;
                next = EntityId(next.0.saturating_add(1));
                FloatingIp::new(id, address)
            });
            let new = self.described(&old, &spec);
            if new != old {
                change.put(Record::FloatingIp(new));
            }
        }
        if next != self.next_entity() {
            change.put(Record::NextEntity(next.0));
        }
        Ok(())
    }
}

/// A bound on the work of one request.
const MOST_NOTED: u64 = 1 << 16;
