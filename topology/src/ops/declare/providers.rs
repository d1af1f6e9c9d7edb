//! Providers: in rounds, since one may have to give up an uplink before another can have it.

use std::sync::Arc;

use super::{SiteSpec, Thing, Work};
use crate::ops::{OpError, PolicySpec, ProviderSpec};
use crate::{Change, Key, MacPolicy, Name, Provider, Record, Write};

impl Work<'_> {
    /// Takes away the providers that are not wanted, and makes the others as declared.
    pub(super) fn put_up_providers(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned {
            if let Key::Provider(name) = key {
                let done = self.after.delete_provider(name);
                self.attempt(None, key.clone(), done);
            }
        }
        self.give_up_routes(spec);
        let mut open: Vec<_> = spec.providers.iter().enumerate().collect();
        while !open.is_empty() {
            let mut refused = Vec::new();
            let tried = open.len();
            for (entry, own) in open {
                match self.with_provider(&own.0, &own.1) {
                    Ok(change) => self.take(&change),
                    Err(error) => refused.push((entry, own, error)),
                }
            }
            if refused.len() == tried {
                for (entry, (name, _), error) in refused {
                    self.fail(Some(Thing::Provider.spot(entry)), Key::Provider(name.clone()), error);
                }
                return;
            }
            open = refused.into_iter().map(|(entry, own, _)| (entry, own)).collect();
        }
    }

    /// Where a provider routes fixed addresses no more, another one may.
    fn give_up_routes(&mut self, spec: &SiteSpec) {
        for (name, own) in &spec.providers {
            let Some(old) = self.after.provider(name) else { continue };
            let kept: Vec<_> = old.no_snat.iter().copied().filter(|block| own.no_snat.contains(block)).collect();
            if kept.len() < old.no_snat.len() {
                let fewer = Provider { no_snat: kept, ..(**old).clone() };
                self.take(&[Write::Put(Record::Provider(Arc::new(fewer)))].into_iter().collect());
            }
        }
    }

    fn with_provider(&self, name: &Name, own: &ProviderSpec) -> Result<Change, OpError> {
        let Some(old) = self.after.provider(name) else {
            return self.after.create_provider(name.clone(), own.clone());
        };
        let mut own = own.clone();
        // A MAC that Buoy chose stays where none is declared.
        if let (PolicySpec::Router(None), MacPolicy::Router(mac)) = (own.mac_policy, old.mac_policy) {
            own.mac_policy = PolicySpec::Router(Some(mac));
        }
        self.after.set_provider(name, own)
    }
}
