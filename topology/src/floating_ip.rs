//! Floating IPs: what is stored about an address of a pool once somebody has touched it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EntityId, Generation, Labels, MacAddr, Name, Note, PortName, Time};

/// An address of a pool. One that nobody has touched has no record and is available.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIp {
    /// Its number.
    pub id: EntityId,
    /// The address.
    pub address: Ipv4Addr,
    /// The MAC that the provider bound it to (policy `vmac`).
    pub mac: Option<MacAddr>,
    /// What the admin wrote beside it. It stays with the address, whoever has it.
    #[serde(default)]
    pub note: Option<Note>,
    /// What its project sorts it by. They go when it is released.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The project that it is allocated to.
    pub project: Option<Name>,
    /// What it is bound to.
    pub association: Option<Association>,
    /// How often it was associated.
    #[serde(default)]
    pub associations: u64,
    /// How it became free, where somebody had it before.
    #[serde(default)]
    pub released: Option<Released>,
    /// The commit that last changed what switches do with it.
    pub changed: Generation,
    /// The bridges that served it until then, and no longer have to.
    #[serde(default)]
    pub left: BTreeSet<PortName>,
}

impl FloatingIp {
    /// An address that nobody has touched yet.
    pub fn new(id: EntityId, address: Ipv4Addr) -> Self {
        Self {
            id,
            address,
            mac: None,
            note: None,
            labels: Labels::default(),
            project: None,
            association: None,
            associations: 0,
            released: None,
            changed: Generation::default(),
            left: BTreeSet::new(),
        }
    }

    /// What stays known of it when it is taken out of its pool: who had it last, and which bridges may still hold it. One
    /// that nobody ever had leaves nothing behind.
    pub fn left_behind(&self) -> Option<Self> {
        let Self { id, address, associations, released, changed, left, .. } = self.clone();
        let was_used = released.is_some() || !left.is_empty();
        was_used.then(|| Self { associations, released, changed, left, ..Self::new(id, address) })
    }

    /// The name of its association: no other one has had it, whatever the address.
    pub fn association_id(&self) -> Option<String> {
        self.association.as_ref().map(|_| format!("{}-{}", self.id, self.associations))
    }

    /// Whether there is anything to tell of it: a project, a MAC or a note.
    pub fn is_told(&self) -> bool {
        self.project.is_some() || self.mac.is_some() || self.note.is_some()
    }

    /// What an admin sees of it.
    pub fn state(&self) -> FloatingIpState {
        match (&self.project, &self.association) {
            (_, Some(_)) => FloatingIpState::Associated,
            (Some(_), None) => FloatingIpState::Allocated,
            (None, None) => FloatingIpState::Available,
        }
    }
}

/// How an address became free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Who had it.
    pub by: Name,
    /// When.
    pub at: Time,
    /// The commit that did it.
    pub generation: Generation,
}

/// A floating IP bound 1:1 to a fixed IP of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The instance.
    pub instance: Name,
    /// One of its fixed IPs.
    pub fixed_ip: Ipv4Addr,
}

/// The states of a floating IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FloatingIpState {
    /// Free to be allocated.
    Available,
    /// Belongs to a project.
    Allocated,
    /// Bound to an instance.
    Associated,
}

impl FloatingIpState {
    /// The word that the command line uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Allocated => "allocated",
            Self::Associated => "associated",
        }
    }
}
