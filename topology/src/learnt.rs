//! What was learnt from the wire: the MACs of gateways and of on-link neighbours.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{EntityId, MacAddr};

/// MACs by provider and address. Kept over a restart, so that a restart removes nothing that traffic needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    neighbours: BTreeMap<NeighbourKey, MacAddr>,
}

impl Learnt {
    /// The MAC of a station on the provider's side.
    pub fn mac(&self, key: NeighbourKey) -> Option<MacAddr> {
        self.neighbours.get(&key).copied()
    }

    /// Notes or forgets a MAC; tells whether that changed anything.
    pub fn set(&mut self, key: NeighbourKey, mac: Option<MacAddr>) -> bool {
        match mac {
            Some(mac) => self.neighbours.insert(key, mac) != Some(mac),
            None => self.neighbours.remove(&key).is_some(),
        }
    }

    /// Everything that is known of one provider's side, by address.
    pub fn of(&self, provider: EntityId) -> impl Iterator<Item = (Ipv4Addr, MacAddr)> + '_ {
        let range = NeighbourKey { provider, address: Ipv4Addr::UNSPECIFIED }..=NeighbourKey {
            provider,
            address: Ipv4Addr::BROADCAST,
        };
        self.neighbours.range(range).map(|(key, mac)| (key.address, *mac))
    }
}

/// A station on a provider's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeighbourKey {
    /// The provider's number.
    pub provider: EntityId,
    /// The station's address.
    pub address: Ipv4Addr,
}
