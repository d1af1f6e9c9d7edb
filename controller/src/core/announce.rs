//! Gratuitous ARP for addresses that have come into force, as often as their provider allows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use etherparse::ArpOperation;

use super::Core;
use super::arp::arp;
use buoy_topology::{MacAddr, Provider};

/// Addresses that are to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// Those that are not in force yet.
    waiting: BTreeSet<Ipv4Addr>,
    /// Those that are: when the next packet goes out, and how many are left.
    running: BTreeMap<Ipv4Addr, (Instant, u8)>,
}

impl Announcements {
    /// Notes an address that is to be announced when it is in force.
    pub(super) fn add(&mut self, address: Ipv4Addr) {
        self.running.remove(&address);
        self.waiting.insert(address);
    }

    /// Takes those that are due, as many as leave at once, each with how often it is still to be announced.
    fn take_due(&mut self, now: Instant) -> Vec<(Ipv4Addr, u8)> {
        let due = self.running.iter().filter(|(_, (at, _))| *at <= now).take(MOST_AT_ONCE);
        let due: Vec<_> = due.map(|(address, (_, left))| (*address, *left)).collect();
        self.running.retain(|address, _| due.binary_search_by_key(address, |(own, _)| *own).is_err());
        due
    }

    /// How many are not in force yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Core {
    /// Begins to announce what has come into force.
    pub(super) fn begin_announcements(&mut self, now: Instant) {
        let in_force = |address: &Ipv4Addr| match self.site.direct_at(*address) {
            // Its port may come later.
            Some(direct) => self.is_in_force(&self.direct_scope(direct)) && self.direct_trouble(direct).is_none(),
            None => self.is_in_force(&self.scope_of(*address)),
        };
        let ready: Vec<_> = self.announcements.waiting.iter().copied().filter(in_force).collect();
        for address in ready {
            self.announcements.waiting.remove(&address);
            let count = self.speaker(address).map_or(0, |provider| provider.garp_timing.count);
            self.announcements.running.insert(address, (now, count));
        }
        self.announce(now);
    }

    /// Sends announcements that are due; where there are many, the rest at the next tick. An address that is bound no more, or not here, is not announced.
    pub(super) fn announce(&mut self, now: Instant) {
        for (address, left) in self.announcements.take_due(now) {
            let Some(provider) = self.speaker(address).filter(|own| own.garp && left > 0) else { continue };
            let interval = Duration::from_millis(provider.garp_timing.interval_ms.into());
            self.send_announcement(address);
            if left > 1 {
                self.announcements.running.insert(address, (now + interval, left - 1));
            }
        }
    }

    /// A gratuitous ARP: whoever has an old MAC for the address learns the new one (RFC 5227, section 3).
    fn send_announcement(&mut self, address: Ipv4Addr) {
        let Some(provider) = self.speaker(address).map(|provider| provider.id) else { return };
        let Some((_, view)) = self.external(provider) else { return };
        let Some(mac) = view.address_mac(address) else { return };
        let frame = arp(ArpOperation::REQUEST, mac, MacAddr::BROADCAST, address, address);
        self.send_through_guard(provider, None, &frame);
    }

    /// The provider that hears of an address: of an associated one, a shared one, or a direct port's.
    fn speaker(&self, address: Ipv4Addr) -> Option<&Provider> {
        let direct = self.site.direct_at(address).and_then(|direct| self.site.provider(&direct.provider));
        let known = direct.or_else(|| self.site.snat_at(address));
        known.map(|provider| &**provider).or_else(|| self.site.binding(address).map(|binding| binding.provider))
    }
}

/// Announcements that leave at once: half of what waits for a switch that does not read.
const MOST_AT_ONCE: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_that_are_due_at_once_none_is_left_out() {
        let now = Instant::now();
        let addresses: BTreeSet<_> = (0..1_000).map(|number| Ipv4Addr::from_bits(0xc612_0000 + number)).collect();
        let mut announcements = Announcements::default();
        announcements.running.extend(addresses.iter().map(|address| (*address, (now, 3))));
        let late = Ipv4Addr::new(198, 51, 100, 1);
        announcements.running.insert(late, (now + Duration::from_secs(1), 1));
        let mut taken = Vec::new();
        while let due = announcements.take_due(now)
            && !due.is_empty()
        {
            assert!(due.len() <= MOST_AT_ONCE);
            taken.extend(due);
        }
        assert_eq!(taken, addresses.into_iter().map(|address| (address, 3)).collect::<Vec<_>>());
        assert_eq!(announcements.running.into_keys().collect::<Vec<_>>(), [late]);
    }
}
