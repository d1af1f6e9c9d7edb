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

    /// Sends the announcements that are due. An address that is bound no more, or not here, is not announced.
    pub(super) fn announce(&mut self, now: Instant) {
        let due = |(_, (at, _)): &(&Ipv4Addr, &(Instant, u8))| *at <= now;
        let due: Vec<_> = self.announcements.running.iter().filter(due).map(|(own, rest)| (*own, *rest)).collect();
        for (address, (_, left)) in due {
            self.announcements.running.remove(&address);
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
