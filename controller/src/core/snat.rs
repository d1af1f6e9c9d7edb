//! Shared addresses: what is asked for, and what keeps one from being served.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use buoy_flows::pipeline::Entity;
use buoy_topology::ops::{Noun, OpError};
use buoy_topology::{Change, Dialect, Name, PortName, Provider, Record, Write};

use super::Core;
use super::plan::{Planned, Subject, planned, scope};
use crate::api::{ApiError, NetworkSet, Setting, Sharing, Switch};

impl Core {
    /// The change of a provider, with the shared address that is asked for.
    pub(super) fn with_snat(&self, change: Change, name: &Name, wanted: Option<Sharing>) -> Result<Change, ApiError> {
        match wanted {
            Some(Sharing(snat)) => Ok(self.site.share(change, name, snat, &|fip| self.leaving(fip))?),
            None => Ok(change),
        }
    }

    pub(super) fn set_network(&self, params: &NetworkSet) -> Result<Planned, ApiError> {
        let name = &params.name;
        let unknown = || OpError::Unknown { noun: Noun::Network, name: name.clone() };
        let old = self.site.network(name).ok_or_else(unknown)?;
        let pool = Setting::over(params.auto_assign.clone(), old.auto_assign.clone());
        let snat = params.snat.map_or(old.snat, |snat| snat == Switch::On);
        let entities: BTreeSet<_> = if snat == old.snat { BTreeSet::new() } else { self.entities_of(name) };
        let change = self.site.set_network(name, pool, snat)?;
        Ok(planned(change, Subject::Network(name.clone()), scope(entities, [])))
    }

    /// A network and the instances in it.
    fn entities_of(&self, network: &Name) -> BTreeSet<Entity> {
        let inside = self.site.instances().filter(|own| own.interfaces.iter().any(|own| own.network == *network));
        inside.map(|own| Entity::Instance(own.name.clone())).chain([Entity::Network(network.clone())]).collect()
    }

    /// What an admin should know of the shared address that a change gives a provider.
    pub(super) fn snat_notices(&self, change: &Change) -> Vec<String> {
        let made = change.writes().iter().rev().find_map(|write| match write {
            Write::Put(Record::Provider(own)) => Some(own),
            _ => None,
        });
        let Some((provider, snat)) = made.and_then(|own| Some((own, own.snat?))) else { return Vec::new() };
        let mut notices = Vec::new();
        if self.site.pool_at(snat.address()).is_none() {
            notices.push(format!(
                "{} is in no pool of provider {}: it is shared when it is",
                snat.address(),
                provider.name
            ));
        }
        notices.extend(
            self.untracked(provider)
                .map(|bridge| format!("bridge {bridge} speaks OpenFlow 1.0: nothing is shared where packets pass it")),
        );
        notices
    }

    /// The addresses that a change gives to providers to share.
    pub(super) fn newly_shared(&self, change: &Change) -> Vec<Ipv4Addr> {
        let providers = change.writes().iter().filter_map(|write| match write {
            Write::Put(Record::Provider(own)) => Some(own),
            _ => None,
        });
        let new = providers.filter_map(|own| Some(own.snat?.address()));
        new.filter(|address| self.site.snat_at(*address).is_none()).collect()
    }

    /// The bridges that a shared address would need, and that cannot serve one.
    fn untracked(&self, provider: &Provider) -> impl Iterator<Item = PortName> {
        let bridges = self.switches.values().filter_map(|switch| switch.bridge.as_ref());
        let old = bridges.filter(|own| own.dialect == Dialect::OpenFlow10);
        let concerned = old.filter(|own| own.name == provider.bridge || own.port(&provider.patch_peer()).is_some());
        concerned.map(|own| own.name.clone()).collect::<Vec<_>>().into_iter()
    }
}

/// Whether a switch refused a flow because its datapath has no connection tracker.
pub(super) fn is_for_want_of_tracker(refusal: &str) -> bool {
    ["NXBAC_CT_DATAPATH_SUPPORT", "NXBMC_CT_DATAPATH_SUPPORT"].iter().any(|own| refusal.starts_with(own))
}

/// What a switch refused, with what that means where it has no connection tracker.
pub(super) fn explained(refusal: &str) -> String {
    if is_for_want_of_tracker(refusal) {
        return format!(
            "its datapath has no connection tracking, so no address is shared there (--snat), and floating IPs are served: {refusal}"
        );
    }
    refusal.to_owned()
}
