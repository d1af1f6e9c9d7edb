//! Shared addresses: given up before anything else wants them, and given when pools have them.

use super::{SiteSpec, Thing, Work};
use crate::{Change, Key, Name, Snat};

impl Work<'_> {
    /// Takes from providers the shared addresses that they are not to have.
    pub(super) fn stop_sharing(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for (entry, (name, _)) in spec.providers.iter().enumerate() {
            let (own, wanted) = (self.after.provider(name).and_then(|own| own.snat), wanted(spec, name));
            if own.is_some_and(|own| wanted.is_none_or(|wanted| wanted.address() != own.address())) {
                self.share(Some(entry), name, None);
            }
        }
        for key in pruned {
            if let Key::Provider(name) = key {
                self.share(None, name, None);
            }
        }
    }

    /// Gives providers the shared addresses that they are to have.
    pub(super) fn begin_sharing(&mut self, spec: &SiteSpec) {
        for (entry, (name, _)) in spec.providers.iter().enumerate() {
            if let Some(snat) = wanted(spec, name).filter(|_| self.after.provider(name).is_some()) {
                self.share(Some(entry), name, Some(snat));
            }
        }
    }

    fn share(&mut self, entry: Option<usize>, name: &Name, snat: Option<Snat>) {
        let done = self.after.share(Change::default(), name, snat, self.leaving);
        self.attempt(entry.map(|entry| Thing::Provider.spot(entry)), Key::Provider(name.clone()), done);
    }
}

fn wanted(spec: &SiteSpec, provider: &Name) -> Option<Snat> {
    spec.shared.iter().find(|(name, _)| name == provider).map(|(_, snat)| *snat)
}
