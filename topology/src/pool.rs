//! Pools: named sets of a provider's addresses.

use serde::{Deserialize, Serialize};

use crate::{AddressSet, CoolDown, EntityId, Name};

/// A named set of addresses of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its number.
    pub id: EntityId,
    /// Its name, unique among pools.
    pub name: Name,
    /// The provider that the addresses belong to.
    pub provider: Name,
    /// The addresses, as given: what the provider keeps for itself is left out where they are used.
    pub addresses: AddressSet,
    /// Whether addresses are taken from here when no pool is named.
    pub default: bool,
    /// What an admin keeps out of allocation.
    #[serde(default)]
    pub reserved: AddressSet,
    /// How long no other project gets an address that was released.
    #[serde(default)]
    pub cool_down: CoolDown,
}
