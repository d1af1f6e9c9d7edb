//! What the store holds, and changes to it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Direct, FloatingIp, Instance, Name, Network, Pool, Project, Provider, Quota};

/// One stored thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A provider.
    Provider(Arc<Provider>),
    /// A pool.
    Pool(Arc<Pool>),
    /// A network.
    Network(Arc<Network>),
    /// An instance.
    Instance(Arc<Instance>),
    /// A floating IP.
    FloatingIp(FloatingIp),
    /// A direct port.
    Direct(Arc<Direct>),
    /// A project.
    Project(Arc<Project>),
    /// How many floating IPs a project may have where it does not say.
    DefaultQuota(Quota),
    /// The number that the next entity gets.
    NextEntity(u32),
}

impl Record {
    /// What the record is found by.
    pub fn key(&self) -> Key {
        match self {
            Self::Provider(provider) => Key::Provider(provider.name.clone()),
            Self::Pool(pool) => Key::Pool(pool.name.clone()),
            Self::Network(network) => Key::Network(network.name.clone()),
            Self::Instance(instance) => Key::Instance(instance.name.clone()),
            Self::FloatingIp(fip) => Key::FloatingIp(fip.address),
            Self::Direct(direct) => Key::Direct(direct.name.clone()),
            Self::Project(project) => Key::Project(project.name.clone()),
            Self::DefaultQuota(_) => Key::DefaultQuota,
            Self::NextEntity(_) => Key::NextEntity,
        }
    }
}

/// What a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A provider's name.
    Provider(Name),
    /// A pool's name.
    Pool(Name),
    /// A network's name.
    Network(Name),
    /// An instance's name.
    Instance(Name),
    /// A floating IP's address.
    FloatingIp(Ipv4Addr),
    /// A direct port's name.
    Direct(Name),
    /// A project's name.
    Project(Name),
    /// The quota of projects that have none of their own.
    DefaultQuota,
    /// The counter of entity numbers.
    NextEntity,
}

impl Key {
    /// What the thing is called; a counter has no name.
    pub fn name(&self) -> String {
        match self {
            Self::FloatingIp(address) => address.to_string(),
            Self::Provider(name) | Self::Pool(name) | Self::Network(name) | Self::Instance(name) => name.to_string(),
            Self::Direct(name) | Self::Project(name) => name.to_string(),
            Self::DefaultQuota => "default quota".to_owned(),
            Self::NextEntity => String::new(),
        }
    }
}

/// Records to write and to remove, all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change(Vec<Write>);

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The record is stored, in place of what had its key.
    Put(Record),
    /// Nothing has this key any more.
    Remove(Key),
}

impl Write {
    /// The key that is written.
    pub fn key(&self) -> Key {
        match self {
            Self::Put(record) => record.key(),
            Self::Remove(key) => key.clone(),
        }
    }
}

impl Change {
    /// Adds a record to write.
    pub fn put(&mut self, record: Record) {
        self.0.push(Write::Put(record));
    }

    /// Adds a key to remove.
    pub fn remove(&mut self, key: Key) {
        self.0.push(Write::Remove(key));
    }

    /// Adds all of another change, to be done after this one.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The steps in order.
    pub fn writes(&self) -> &[Write] {
        &self.0
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Write> for Change {
    fn from_iter<I: IntoIterator<Item = Write>>(writes: I) -> Self {
        Self(writes.into_iter().collect())
    }
}
