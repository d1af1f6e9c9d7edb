//! What a request changes about one floating IP.

use std::net::Ipv4Addr;

use buoy_topology::ops::{AllocateSpec, AssociateSpec, FipSpec};
use buoy_topology::{Change, Instance, MacPolicy, Pool};

use super::Core;
use super::plan::{Planned, Subject, default_project, planned, scope};
use crate::api::{ApiError, FipAllocate, FipAssociate, FipSet, Setting};

impl Core {
    pub(super) fn allocate(&self, params: &FipAllocate) -> Result<Planned, ApiError> {
        let spec = AllocateSpec {
            pool: params.pool.clone(),
            address: params.address.map(Into::into),
            project: params.project.clone().unwrap_or_else(default_project),
        };
        let after = |pool: &Pool| self.cursors.get(&pool.name).copied().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let (address, change) = self.site.allocate(&spec, after, &|fip| self.leaving(fip))?;
        let mut planned = planned(change, Subject::FloatingIp(address), scope([], []));
        if params.address.is_none() {
            planned.cursor = self.site.pool_at(address).map(|pool| (pool.name.clone(), address));
        }
        Ok(planned)
    }

    pub(super) fn associate(&self, params: &FipAssociate) -> Result<Planned, ApiError> {
        let address = params.address.0;
        let spec = AssociateSpec {
            address,
            instance: params.instance.clone(),
            fixed_ip: params.fixed_ip.map(Into::into),
            no_move: params.no_move,
        };
        let change = self.site.associate(&spec, &|fip| self.leaving(fip))?;
        let is_new = !change.is_empty();
        let mut planned = self.loosen(address, change);
        let instance = self.site.instance(&params.instance);
        planned.scope.bridges.extend(instance.map(|instance| instance.bridge.clone()));
        let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
        planned.scope.bridges.extend(provider.map(|provider| provider.bridge.clone()));
        planned.announce = provider.filter(|provider| provider.garp && is_new).map(|_| address).into_iter().collect();
        let chosen = instance.filter(|_| is_new && params.fixed_ip.is_none());
        planned.notices.extend(chosen.and_then(|instance| choice_notice(instance)));
        Ok(planned)
    }

    pub(super) fn set_floating_ip(&self, params: &FipSet) -> Result<Planned, ApiError> {
        let address = params.address.0;
        let before = self.site.floating_ip(address);
        let spec = FipSpec {
            mac: params.mac.map(|mac| Setting::over(Some(mac), None)),
            note: params.note.clone().map(|note| Setting::over(Some(note), None)),
        };
        let change = self.site.set_floating_ip(address, &spec)?;
        let is_bound = before.is_some_and(|fip| fip.association.is_some());
        let gets_mac = spec.mac.is_some_and(|mac| before.and_then(|fip| fip.mac) != mac);
        let scope = if is_bound { self.scope_of(address) } else { scope([], []) };
        let mut planned = planned(change, Subject::FloatingIp(address), scope);
        let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
        let speaks_with_it = provider.is_some_and(|own| own.mac_policy == MacPolicy::Vmac);
        planned.announce = provider
            .filter(|own| own.garp && is_bound && gets_mac && speaks_with_it)
            .map(|_| address)
            .into_iter()
            .collect();
        if let Some(provider) = provider.filter(|_| gets_mac && !speaks_with_it) {
            let policy = provider.mac_policy.word();
            planned
                .notices
                .push(format!("provider {} sees another MAC, for its MAC policy is {policy}", provider.name));
        }
        Ok(planned)
    }

    /// A change of one floating IP has to be in force where it was served and where it is going to be.
    pub(super) fn loosen(&self, address: Ipv4Addr, change: Change) -> Planned {
        let mut own = self.scope_of(address);
        if !change.is_empty() {
            let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
            let was_bound = !own.bridges.is_empty();
            own.bridges.extend(provider.filter(|_| was_bound).map(|provider| provider.bridge.clone()));
        }
        planned(change, Subject::FloatingIp(address), own)
    }
}

/// Which fixed IP was taken where there are others.
fn choice_notice(instance: &Instance) -> Option<String> {
    let (first, others) = instance.interfaces.split_first()?;
    let others: Vec<_> = others.iter().map(|own| own.ip.to_string()).collect();
    let (name, taken) = (&instance.name, first.ip);
    let names = others.join(", ");
    let notice = format!("{name} has several fixed IPs: {taken} was taken, --fixed-ip names another ({names})");
    (!others.is_empty()).then_some(notice)
}
