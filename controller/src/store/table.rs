//! The tables (one sled tree each) and how a key is written in them.

use std::net::Ipv4Addr;

use buoy_topology::{EntityId, Key, NeighbourKey};
use serde::{Deserialize, Serialize};

use crate::events::{Class, Seq};

/// A sled tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Table {
    /// Providers by name.
    Providers,
    /// Pools by name.
    Pools,
    /// Networks by name.
    Networks,
    /// Instances by name.
    Instances,
    /// Floating IPs by address.
    FloatingIps,
    /// The entity counter, and what the store keeps about itself.
    Meta,
    /// MACs of neighbours by provider and address.
    Learnt,
    /// Hooks by address.
    Hooks,
    /// Direct ports by name.
    Directs,
    /// The log's changes by number.
    History,
    /// The log's signals by number.
    Signals,
    /// Projects by name.
    Projects,
}

impl Table {
    /// Every table, in the order in which their records are loaded.
    pub(super) const ALL: [Self; 12] = [
        Self::Providers,
        Self::Pools,
        Self::Networks,
        Self::Instances,
        Self::FloatingIps,
        Self::Meta,
        Self::Learnt,
        Self::Hooks,
        Self::Directs,
        Self::History,
        Self::Signals,
        Self::Projects,
    ];

    /// The tree's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Providers => "providers",
            Self::Pools => "pools",
            Self::Networks => "networks",
            Self::Instances => "instances",
            Self::FloatingIps => "floating_ips",
            Self::Meta => "meta",
            Self::Learnt => "learnt",
            Self::Hooks => "hooks",
            Self::Directs => "directs",
            Self::History => "history",
            Self::Signals => "signals",
            Self::Projects => "projects",
        }
    }
}

/// Where something is stored: a table and a key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The table.
    pub(super) table: Table,
    /// The key. A name has no byte 0x00 and every other key of a table has the same length, so that no key continues
    /// another one with 0x00.
    pub(super) key: Vec<u8>,
}

impl Place {
    /// Where a record is stored.
    pub(super) fn of(key: &Key) -> Self {
        let (table, key) = match key {
            Key::Provider(name) => (Table::Providers, name.as_str().into()),
            Key::Pool(name) => (Table::Pools, name.as_str().into()),
            Key::Network(name) => (Table::Networks, name.as_str().into()),
            Key::Instance(name) => (Table::Instances, name.as_str().into()),
            Key::FloatingIp(address) => (Table::FloatingIps, address.octets().into()),
            Key::Direct(name) => (Table::Directs, name.as_str().into()),
            Key::Project(name) => (Table::Projects, name.as_str().into()),
            Key::DefaultQuota => (Table::Meta, b"default_quota".into()),
            Key::NextEntity => (Table::Meta, b"next_entity".into()),
        };
        Self { table, key }
    }

    /// Where a neighbour's MAC is stored: provider's number and address, both with the high byte first.
    pub(super) fn of_neighbour(neighbour: NeighbourKey) -> Self {
        let mut key = neighbour.provider.0.to_be_bytes().to_vec();
        key.extend(neighbour.address.octets());
        Self { table: Table::Learnt, key }
    }

    /// The neighbour whose MAC is stored here; nothing if this is no such place.
    pub(super) fn neighbour(&self) -> Option<NeighbourKey> {
        let bytes = <[u8; 8]>::try_from(self.key.as_slice()).ok()?;
        let [p0, p1, p2, p3, a0, a1, a2, a3] = bytes;
        (self.table == Table::Learnt).then(|| NeighbourKey {
            provider: EntityId(u32::from_be_bytes([p0, p1, p2, p3])),
            address: [a0, a1, a2, a3].into(),
        })
    }

    /// Where the newest event of an address is stored.
    pub(super) fn of_hook(address: Ipv4Addr) -> Self {
        Self { table: Table::Hooks, key: address.octets().into() }
    }

    /// Where an event is stored: its number, the high byte first.
    pub(super) fn of_event(class: Class, seq: Seq) -> Self {
        let table = match class {
            Class::Change => Table::History,
            Class::Signal => Table::Signals,
        };
        Self { table, key: seq.0.to_be_bytes().into() }
    }

    /// Where the store's own state is kept. It is left out of the tallies that it holds.
    pub(super) fn of_state() -> Self {
        Self { table: Table::Meta, key: b"state".into() }
    }

    /// Where the schema version is kept. It is left out of the tallies.
    pub(super) fn of_schema() -> Self {
        Self { table: Table::Meta, key: b"schema".into() }
    }
}

impl std::fmt::Display for Place {
    /// The table and the key, as an admin knows it where that is possible.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/", self.table.name())?;
        if let Some(neighbour) = self.neighbour() {
            return write!(f, "{}/{}", neighbour.provider, neighbour.address);
        }
        if let (Table::History | Table::Signals, Ok(seq)) = (self.table, <[u8; 8]>::try_from(self.key.as_slice())) {
            return u64::from_be_bytes(seq).fmt(f);
        }
        match (self.table, <[u8; 4]>::try_from(self.key.as_slice())) {
            (Table::FloatingIps | Table::Hooks, Ok(octets)) => Ipv4Addr::from(octets).fmt(f),
            _ => self.key.escape_ascii().fmt(f),
        }
    }
}
