//! Addresses whose change is durable and not in force yet: when it is, that is told.
//!
//! Each is filed under a bridge that it waits for, and looked at again when that bridge has answered, so that what one bridge
//! does costs nothing for those that wait for another.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::{Entity, Touched};
use buoy_topology::{Change, Generation, Key, PortName, Record, Write};
use serde_json::json;

use super::Core;
use crate::events::Kind;

/// The addresses that are waited for.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    all: BTreeMap<Ipv4Addr, (Generation, Instant)>,
    /// Those that wait for a bridge.
    held: BTreeMap<PortName, BTreeSet<Ipv4Addr>>,
    /// Those that no bridge is waited for, and that are not in force all the same.
    in_trouble: BTreeSet<Ipv4Addr>,
    /// Those to look at.
    due: BTreeSet<Ipv4Addr>,
}

impl Awaited {
    fn add(&mut self, address: Ipv4Addr, generation: Generation, now: Instant) {
        if self.all.len() < MOST_AWAITED || self.all.contains_key(&address) {
            self.all.insert(address, (generation, now));
            self.due.insert(address);
        }
    }

    /// A bridge has answered.
    pub(super) fn heard_of(&mut self, bridge: &PortName) {
        self.due.extend(self.held.remove(bridge).unwrap_or_default());
    }

    /// Whatever was in the way may be gone.
    pub(super) fn look_at_all(&mut self) {
        self.due = self.all.keys().copied().collect();
        self.held.clear();
        self.in_trouble.clear();
    }

    fn look_at(&mut self, address: Ipv4Addr) {
        if self.all.contains_key(&address) {
            self.due.insert(address);
        }
    }

    fn look_at_troubles(&mut self) {
        self.due.append(&mut self.in_trouble);
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
            if concerns_switches {
                self.awaited.add(address, generation, now);
            }
        }
    }

    /// Flows are made anew: addresses that depend on them are looked at again.
    pub(super) fn look_at_touched(&mut self, touched: &Touched) {
        let Touched::Entities(entities) = touched else { return self.awaited.look_at_all() };
        for entity in entities {
            match entity {
                Entity::Association(address) => self.awaited.look_at(*address),
                Entity::Instance(name) => {
                    let instance = self.site.instance(name);
                    let ips = instance.into_iter().flat_map(|own| own.interfaces.iter().map(|own| own.ip));
                    for fip in ips.filter_map(|ip| self.site.floating_ip_of(name, ip)) {
                        self.awaited.look_at(fip.address);
                    }
                }
                _ => self.awaited.look_at_troubles(),
            }
        }
    }

    /// A switch has told what it has.
    pub(super) fn heard_all_of(&mut self, bridge: &PortName) {
        self.awaited.heard_of(bridge);
        self.awaited.look_at_troubles();
    }

    /// Tells of those that are in force now.
    pub(super) fn tell_in_force(&mut self, now: Instant) {
        for address in std::mem::take(&mut self.awaited.due) {
            if !self.awaited.all.contains_key(&address) {
                continue;
            }
            let pending = self.pending(&self.scope_of(address));
            if let Some(bridge) = pending.iter().find(|bridge| self.is_stuck(bridge)).or(pending.first()) {
                self.awaited.held.entry(bridge.clone()).or_default().insert(address);
            } else if self.trouble(address).is_some() {
                self.awaited.in_trouble.insert(address);
            } else {
                self.tell_applied(address, now);
            }
        }
    }

    /// Whether nothing is sent to a bridge for now: what waits for it may keep others waiting too.
    fn is_stuck(&self, name: &PortName) -> bool {
        let mut here = self.switches.named(name).map(|(switch, _)| switch);
        here.all(|switch| !switch.table.is_synced() || switch.controller_role == ControllerRole::Secondary)
    }

    fn tell_applied(&mut self, address: Ipv4Addr, now: Instant) {
        let Some((generation, since)) = self.awaited.all.remove(&address) else { return };
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

/// Addresses that are waited for at once. When a switch has everything, that is told as well.
const MOST_AWAITED: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bridge_says_is_looked_at_for_those_that_wait_for_it() {
        let now = Instant::now();
        let (near, far): (PortName, PortName) = ("br-int".parse().unwrap(), "br-ex".parse().unwrap());
        let address = |last| Ipv4Addr::new(203, 0, 113, last);
        let mut awaited = Awaited::default();
        (1..=4).for_each(|last| awaited.add(address(last), Generation(1), now));
        awaited.due.clear();
        awaited.held.insert(near.clone(), BTreeSet::from([address(1)]));
        awaited.held.insert(far, BTreeSet::from([address(2), address(3)]));
        awaited.in_trouble.insert(address(4));
        awaited.heard_of(&near);
        assert_eq!(awaited.due, BTreeSet::from([address(1)]));
        awaited.look_at_troubles();
        assert_eq!(awaited.due, BTreeSet::from([address(1), address(4)]));
        awaited.look_at(address(9));
        awaited.look_at_all();
        assert_eq!(awaited.due, (1..=4).map(address).collect());
    }

    #[test]
    fn no_more_are_waited_for_than_are_allowed() {
        let mut awaited = Awaited::default();
        let now = Instant::now();
        let addresses = || (0..=MOST_AWAITED).map(|number| Ipv4Addr::from_bits(number.try_into().unwrap()));
        addresses().for_each(|address| awaited.add(address, Generation(1), now));
        assert_eq!(awaited.all.len(), MOST_AWAITED);
        addresses().take(1).for_each(|address| awaited.add(address, Generation(2), now));
        assert_eq!(awaited.all.get(&Ipv4Addr::from_bits(0)).map(|own| own.0), Some(Generation(2)));
    }
}
