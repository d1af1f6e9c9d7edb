//! What an admin may do to a site. Each operation reads the site, checks, and returns the [`Change`] that does it;
//! nothing is changed here. An operation that finds its work already done returns an empty change.

mod bridge;
pub mod declare;
mod direct;
pub mod error;
mod fip;
mod import;
mod instance;
mod network;
mod no_snat;
mod pool;
mod project;
mod provider;
mod reserve;
mod snat;

pub use direct::DirectSpec;
pub use error::{Noun, OpError};
pub use fip::{AllocateSpec, AssociateSpec, FipSpec, Leaving};
pub use import::{EntrySpec, ImportError, ImportSpec, Imported, ImportedEntry};
pub use instance::{AutoAssign, InstanceChange, InstanceSpec, InterfaceSpec};
pub use network::NetworkSpec;
pub use pool::{PoolChange, PoolSpec, RangesSpec};
pub use project::ProjectSpec;
pub use provider::{PolicySpec, ProviderSpec};

use crate::{Change, EntityId, MacAddr, Record, Site, Write};

impl Site {
    /// A number for a new entity, and the record that takes it, put into the change.
    fn number(&self, change: &mut Change) -> EntityId {
        let taken = change.writes().iter().rev().find_map(|write| match write {
            Write::Put(Record::NextEntity(next)) => Some(EntityId(*next)),
            _ => None,
        });
        let id = taken.unwrap_or_else(|| self.next_entity());
        change.put(Record::NextEntity(id.0.saturating_add(1)));
        id
    }
}

/// A locally administered MAC that nothing else derives: for virtual routers and gateways that were given none. It is never
/// a reserved one.
fn derived_mac(id: EntityId) -> MacAddr {
    let [_, d, e, f] = id.0.to_be_bytes();
    let [a, b, c] = MacAddr::OURS;
    MacAddr::new([a, b, c, d & 0x7f, e, f])
}

#[cfg(test)]
mod tests;
