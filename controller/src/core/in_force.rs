//! Addresses whose change is durable and not in force yet: when it is, that is told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_topology::{Change, Generation, Key, Record, Write};
use serde_json::json;

use super::Core;
use crate::events::Kind;

/// The addresses that are waited for.
#[derive(Debug, Default)]
pub(super) struct Awaited(BTreeMap<Ipv4Addr, (Generation, Instant)>);

impl Awaited {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Core {
    /// Waits for the addresses of a durable change whose flows it changes.
    pub(super) fn await_in_force(&mut self, change: &Change, generation: Generation, now: Instant) {
        for write in change.writes() {
            let Key::FloatingIp(address) = write.key() else { continue };
            let concerns_switches = match write {
                Write::Put(Record::FloatingIp(fip)) => fip.changed == generation,
                _ => false,
            };
            if concerns_switches && (self.awaited.0.len() < MOST_AWAITED || self.awaited.0.contains_key(&address)) {
                self.awaited.0.insert(address, (generation, now));
            }
        }
    }

    /// Tells of those that are in force now.
    pub(super) fn tell_in_force(&mut self, now: Instant) {
        let is_in_force =
            |address: Ipv4Addr| self.is_in_force(&self.scope_of(address)) && self.trouble(address).is_none();
        let addresses = self.awaited.0.keys().copied();
        let ready: Vec<_> = addresses.filter(|address| is_in_force(*address)).collect();
        for address in ready {
            let Some((generation, since)) = self.awaited.0.remove(&address) else { continue };
            let pool = self.site.pool_at(address);
            let fip = self.site.floating_ip(address);
            let association = fip.and_then(|fip| fip.association.as_ref());
            let after = u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX);
            let detail = json!({
                "pool": pool.map(|pool| &pool.name),
                "provider": pool.map(|pool| &pool.provider),
                "project": fip.and_then(|fip| fip.project.as_ref()),
                "instance": association.map(|own| &own.instance),
                "fixed_ip": association.map(|own| own.fixed_ip),
                "generation": generation,
                "after_ms": after,
            });
            self.tell(Kind::Applied, address.to_string(), detail);
        }
    }
}

/// Addresses that are waited for at once. When a switch has everything, that is told as well.
const MOST_AWAITED: usize = 1_024;
