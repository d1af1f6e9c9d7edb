//! Shared addresses: given to a provider and taken from it, and kept from everybody else meanwhile.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::fip::{Leaving, check_gone};
use super::provider::check_station;
use super::{Noun, OpError};
use crate::{Change, MacPolicy, Name, Pool, PortName, Provider, Record, Site, Snat, Span, Write};

impl Site {
    /// A provider with another shared address, or none, added to a change that may have made the provider.
    pub fn share(
        &self,
        mut change: Change,
        name: &Name,
        snat: Option<Snat>,
        leaving: Leaving<'_>,
    ) -> Result<Change, OpError> {
        let made = change.writes().iter().rev().find_map(|write| match write {
            Write::Put(Record::Provider(own)) if own.name == *name => Some(Arc::clone(own)),
            _ => None,
        });
        let old = match made {
            Some(made) => made,
            None => Arc::clone(self.known_provider(name)?),
        };
        if let Some(snat) = snat {
            self.check_shared(&old, snat.address(), leaving)?;
        }
        if old.snat == snat {
            return Ok(change);
        }
        let addresses = |own: Option<Snat>| own.map(Snat::address);
        if addresses(old.snat) != addresses(snat) {
            // Who gives it up, and who has it from now on: it is given to nobody else before both know.
            for address in addresses(old.snat).into_iter().chain(addresses(snat)) {
                if self.pool_at(address).is_some() {
                    let mut fip = self.record(address, &mut change);
                    fip.changed = self.generation().next();
                    fip.left = self.sharing(&old);
                    change.put(Record::FloatingIp(fip));
                }
            }
        }
        change.put(Record::Provider(Arc::new(Provider { snat, ..(*old).clone() })));
        Ok(change)
    }

    /// Whether an address may be a provider's shared one.
    fn check_shared(&self, provider: &Provider, address: Ipv4Addr, leaving: Leaving<'_>) -> Result<(), OpError> {
        check_station(address)?;
        if provider.keeps(address) {
            let text = format!("{address} is the gateway or an address of the host: it cannot be shared");
            return Err(OpError::invalid(text));
        }
        if let Some(network) = self.networks().find(|network| network.cidr.contains(&address)) {
            return Err(OpError::invalid(format!("{address} is in network {} ({})", network.name, network.cidr)));
        }
        if let Some(other) = self.snat_at(address).filter(|other| other.id != provider.id) {
            return Err(OpError::Shared { address, provider: other.name.clone() });
        }
        if let Some(direct) = self.direct_at(address) {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        let Some(pool) = self.pool_at(address) else { return self.check_outside(address, leaving) };
        if pool.provider != provider.name {
            return Err(OpError::invalid(format!("{address} is in pool {} of provider {}", pool.name, pool.provider)));
        }
        if self.is_kept(pool, address) {
            return Err(OpError::Kept { address, provider: provider.name.clone() });
        }
        let fip = self.floating_ip(address);
        if provider.mac_policy == MacPolicy::Vmac && fip.is_none_or(|fip| fip.mac.is_none()) {
            return Err(OpError::NoMac { address, provider: provider.name.clone() });
        }
        match fip.filter(|_| self.snat_at(address).is_none()) {
            Some(fip) => self.check_left(pool, fip, None, leaving),
            None => Ok(()),
        }
    }

    /// Whether an address that is in no pool may be shared once it is in one: somebody may have had it before.
    fn check_outside(&self, address: Ipv4Addr, leaving: Leaving<'_>) -> Result<(), OpError> {
        match self.floating_ip(address).filter(|_| self.snat_at(address).is_none()) {
            Some(fip) => {
                check_gone(fip, leaving)?;
                self.withdrawn_from(address).map_or(Ok(()), |pool| self.check_cold(pool, fip, None))
            }
            None => Ok(()),
        }
    }

    /// Whether a pool may get a span with the address that its provider shares, which is shared from then on.
    pub(super) fn check_shared_span(&self, pool: &Pool, span: Span) -> Result<(), OpError> {
        let shared = self.provider(&pool.provider).and_then(|own| Some(own.snat?.address()));
        let comes = shared.filter(|own| span.contains(*own) && self.pool_at(*own).is_none());
        match comes.and_then(|own| self.floating_ip(own)) {
            Some(fip) => self.check_cold(pool, fip, None),
            None => Ok(()),
        }
    }

    /// The provider that shares an address, where one does, as an error.
    pub(super) fn check_unshared(&self, address: Ipv4Addr) -> Result<(), OpError> {
        match self.snat_at(address) {
            Some(provider) => Err(OpError::Shared { address, provider: provider.name.clone() }),
            None => Ok(()),
        }
    }

    /// Whoever uses a shared address of a pool, for a list of users.
    pub(super) fn sharer(&self, pool: &Pool) -> Option<String> {
        let address = self.shared_of(pool)?;
        Some(format!("provider {} ({address} is its --snat address)", pool.provider))
    }

    /// The bridges that have the flows of a provider's shared address.
    fn sharing(&self, provider: &Provider) -> BTreeSet<PortName> {
        let inner = self.instances().map(|instance| instance.bridge.clone());
        inner.chain([provider.bridge.clone()]).collect()
    }
}

impl OpError {
    /// A pool that cannot lose a shared address.
    pub(super) fn pool_in_use(pool: &Name, user: String) -> Self {
        Self::in_use(Noun::Pool, pool, std::iter::once(user))
    }
}
