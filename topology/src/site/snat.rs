//! Who shares which address.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::{MacPolicy, Network, Pool, PortName, Provider, Site, Snat};

impl Site {
    /// The provider whose shared address this is, whether a pool has it already or not.
    pub fn snat_at(&self, address: Ipv4Addr) -> Option<&Arc<Provider>> {
        self.providers().find(|own| own.snat.is_some_and(|snat| snat.address() == address))
    }

    /// The address that a provider's instances share, once it is in a pool of the provider and has the MAC that the policy
    /// `vmac` asks for.
    pub fn snat_of(&self, provider: &Provider) -> Option<Snat> {
        let snat = provider
            .snat
            .filter(|own| self.pool_at(own.address()).is_some_and(|pool| pool.provider == provider.name))?;
        let has_mac = || self.floating_ip(snat.address()).is_some_and(|fip| fip.mac.is_some());
        (provider.mac_policy != MacPolicy::Vmac || has_mac()).then_some(snat)
    }

    /// The provider that a network's instances without a floating IP leave by, of those that a bridge has a port to: the
    /// oldest one with a shared address.
    pub fn snat_for(&self, network: &Network, has_port: impl Fn(&PortName) -> bool) -> Option<(&Arc<Provider>, Snat)> {
        let sharing = self.providers().filter(|own| network.snat && has_port(&own.patch_peer()));
        sharing.filter_map(|own| Some((own, self.snat_of(own)?))).min_by_key(|(own, _)| own.id)
    }

    /// The address of a pool that is shared, and so not handed out.
    pub fn shared_of(&self, pool: &Pool) -> Option<Ipv4Addr> {
        let shared = self.provider(&pool.provider)?.snat?.address();
        pool.addresses.contains(shared).then_some(shared)
    }
}
