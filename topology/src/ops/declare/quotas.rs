//! Quotas: those that are declared hold for the addresses that are declared with them.

use super::{SiteSpec, Work};
use crate::Key;
use crate::ops::ProjectSpec;

impl Work<'_> {
    /// Forgets what is not wanted of projects, whatever they have, and sets what is declared.
    pub(super) fn set_quotas(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned.iter().filter(|key| matches!(key, Key::Project(_) | Key::DefaultQuota)) {
            self.clear(key.clone());
        }
        for own in &spec.quotas {
            let change = match &own.project {
                Some(name) => self.after.set_project(name, &ProjectSpec { fip_quota: Some(own.fip_quota) }),
                None => self.after.set_default_quota(own.fip_quota.unwrap_or_default()),
            };
            self.take(&change);
        }
    }
}
