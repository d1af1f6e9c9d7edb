//! What clients read of floating IPs.

use std::net::Ipv4Addr;

use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{FloatingIp, FloatingIpState, MacAddr, MacPolicy, Name, Pool, Provider, Time};

use super::Core;
use super::hooks::seconds;
use crate::api::views::FloatingIpView;
use crate::api::{ApiError, FipList};
use crate::events::time::utc;

impl FloatingIpView {
    /// Without what a hook said of somebody else's time with the address.
    pub(super) fn told_to(mut self, caller: Option<&Name>) -> Self {
        if caller.is_some() && caller != self.project.as_ref() {
            self.hook = None;
        }
        self
    }
}

impl Core {
    pub(super) fn floating_ip_views(&self, filter: &FipList) -> Result<Vec<FloatingIpView>, ApiError> {
        if let Some(name) = filter.pool.as_ref().filter(|name| self.site.pool(name).is_none()) {
            return Err(OpError::Unknown { noun: Noun::Pool, name: name.clone() }.into());
        }
        // A view costs more than a look: only what is asked for gets one.
        let is_wanted = |address: Ipv4Addr| {
            let fip = self.site.floating_ip(address);
            let is_of_project =
                filter.project.is_none() || fip.and_then(|fip| fip.project.as_ref()) == filter.project.as_ref();
            let has = |label| fip.is_some_and(|fip| fip.labels.has(label));
            is_of_project && filter.label.iter().all(has)
        };
        let mut views = Vec::new();
        let pools = self.site.pools().filter(|pool| filter.pool.as_ref().is_none_or(|name| pool.name == *name));
        for pool in pools {
            for span in pool.addresses.spans() {
                if filter.all || filter.state == Some(FloatingIpState::Available) {
                    let all = (span.first.to_bits()..=span.last.to_bits()).map(Ipv4Addr::from_bits);
                    let is_held = |own: &Ipv4Addr| self.site.floating_ip(*own).is_some_and(|fip| fip.project.is_some());
                    let wanted = |own: &Ipv4Addr| {
                        let is_shared = self.site.shared_of(pool) == Some(*own);
                        let is_free = !is_held(own) && !is_shared && !pool.reserved.contains(*own);
                        !self.site.is_kept(pool, *own) && (filter.all || is_free)
                    };
                    views.extend(
                        all.filter(wanted)
                            .filter(|own| is_wanted(*own))
                            .take(MOST_LISTED)
                            .filter_map(|own| self.floating_ip_view(own).ok()),
                    );
                    continue;
                }
                let records = self.site.floating_ips_in(*span);
                let is_told = |fip: &&FloatingIp| {
                    let is_shared = self.site.shared_of(pool) == Some(fip.address) && filter.state.is_none();
                    fip.project.is_some() || is_shared
                };
                let records = records.filter(is_told);
                let records = records.filter(|fip| filter.state.is_none_or(|state| fip.state() == state));
                let wanted = records.filter(|fip| is_wanted(fip.address));
                views.extend(wanted.filter_map(|fip| self.floating_ip_view(fip.address).ok()));
            }
        }
        Ok(views)
    }

    pub(super) fn floating_ip_view(&self, address: Ipv4Addr) -> Result<FloatingIpView, ApiError> {
        let pool = self.site.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        let fip = self.site.floating_ip(address);
        let binding = self.site.binding(address);
        let is_shared = self.site.shared_of(pool) == Some(address);
        let trouble = self.trouble(address);
        let pending = self.pending(&self.scope_of(address));
        Ok(FloatingIpView {
            address,
            pool: pool.name.clone(),
            provider: pool.provider.clone(),
            project: fip.and_then(|fip| fip.project.clone()),
            state: fip.map_or(FloatingIpState::Available, |fip| fip.state()),
            instance: binding.map(|binding| binding.instance.name.clone()),
            network: binding.map(|binding| binding.network.name.clone()),
            fixed_ip: binding.map(|binding| binding.interface.ip),
            port: binding.map(|binding| binding.interface.port.clone()),
            association_id: fip.and_then(|fip| fip.association_id()),
            mac: fip.and_then(|fip| self.mac_of(pool, fip)),
            note: fip.and_then(|fip| fip.note.clone()),
            labels: fip.map(|fip| fip.labels.clone()).unwrap_or_default(),
            reserved: pool.reserved.contains(address) || is_shared,
            snat: is_shared,
            cooling_until: fip.and_then(|fip| self.site.cooling_until(pool, fip)).map(|until| self.time_of_day(until)),
            applied: pending.is_empty() && trouble.is_none(),
            pending,
            error: trouble,
            hook: self.hook_view(address),
        })
    }

    /// A time of the site's clock as clocks elsewhere show it.
    fn time_of_day(&self, time: Time) -> String {
        utc(seconds().saturating_add(time.0.saturating_sub(self.site.now().0)))
    }

    pub(super) fn mac_of(&self, pool: &Pool, fip: &FloatingIp) -> Option<MacAddr> {
        self.mac_by(self.site.provider(&pool.provider)?, fip)
    }

    /// The MAC that a provider sees of an address.
    pub(super) fn mac_by(&self, provider: &Provider, fip: &FloatingIp) -> Option<MacAddr> {
        match provider.mac_policy {
            MacPolicy::Vmac => fip.mac,
            MacPolicy::Router(mac) => Some(mac),
            MacPolicy::Host => self.port(&provider.bridge, &provider.uplink).map(|port| port.mac),
        }
    }
}

/// Free addresses of one range that are listed.
const MOST_LISTED: usize = 65_536;
