//! A provider's list of addresses, into a pool.

use buoy_flows::pipeline::Entity;
use buoy_topology::ops::{EntrySpec, ImportError, ImportSpec};
use buoy_topology::{AddressSet, Change, Key};

use super::Core;
use super::plan::{Planned, Subject};
use crate::api::views::ImportedView;
use crate::api::{ApiError, Mistake, PoolImport};

impl Core {
    pub(super) fn import_to_pool(&self, params: &PoolImport) -> Result<Planned, ApiError> {
        let entries = params.entries.iter().map(|own| {
            let (mac, note) = (own.mac, own.note.clone());
            EntrySpec { range: own.address, mac, note }
        });
        let spec = ImportSpec { entries: entries.collect(), all_addresses: params.all_addresses };
        let imported = self.site.import_to_pool(&params.name, &spec).map_err(refusal)?;
        let change = if params.dry_run { Change::default() } else { imported.change };
        let bound = change.writes().iter().filter_map(|write| match write.key() {
            Key::FloatingIp(address) => self.site.binding(address),
            _ => None,
        });
        let bound: Vec<_> = bound.map(|binding| (binding.fip.address, binding.instance.bridge.clone())).collect();
        let mut planned = self.pool(&params.name, change);
        for (address, bridge) in bound {
            if let Some(entities) = &mut planned.scope.entities {
                entities.insert(Entity::Association(address));
            }
            planned.scope.bridges.insert(bridge);
        }
        if planned.change.is_empty() {
            planned.scope.bridges.clear();
        }
        if let Some(pool) = self.site.pool(&params.name) {
            let added = imported.entries.iter().filter(|own| own.added > 0).map(|own| own.span);
            planned.notices = self.kept_notice(&pool.provider, added.collect::<AddressSet>());
        }
        let changes = imported.entries.into_iter().map(|own| {
            let (address, added) = (own.span.to_string(), own.added);
            ImportedView { address, added, mac: own.mac, note: own.note }
        });
        planned.subject = Subject::Import(params.name.clone(), changes.collect(), params.dry_run);
        Ok(planned)
    }
}

/// A refusal that says which entry it is.
fn refusal(refused: ImportError) -> ApiError {
    let mut error = ApiError::from(refused.error);
    if let Some(number) = refused.entry {
        let (kind, message) = (error.kind, error.message.clone());
        error.message = format!("entry {}: {message}", number.saturating_add(1));
        let (noun, entry) = (Some("entry".to_owned()), Some(number));
        error.mistakes = vec![Mistake { noun, entry, interface: None, field: None, kind, message }];
    }
    error
}
