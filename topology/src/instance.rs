//! Instances: named guests with their interfaces.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{EntityId, Labels, MacAddr, Name, Note, PortName};

/// A named guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name, unique among instances.
    pub name: Name,
    /// The project that owns it.
    pub project: Name,
    /// The bridge that its ports are on (br-int).
    pub bridge: PortName,
    /// Its interfaces; there is at least one.
    pub interfaces: Vec<Interface>,
    /// What its project sorts it by.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// A line for whoever reads the list.
    #[serde(default)]
    pub note: Option<Note>,
}

impl Instance {
    /// The interface with this fixed IP.
    pub fn interface(&self, fixed_ip: Ipv4Addr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.ip == fixed_ip)
    }
}

/// One interface of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its number.
    pub id: EntityId,
    /// The network that it is in.
    pub network: Name,
    /// The OVS port that leads to it.
    pub port: PortName,
    /// The VLAN that it is tagged with where the port is a trunk.
    pub vlan: Option<VlanId>,
    /// Its MAC.
    pub mac: MacAddr,
    /// Its fixed IP.
    pub ip: Ipv4Addr,
}

/// An IEEE 802.1Q VLAN id, 1 to 4094.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

impl VlanId {
    /// The number.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = VlanError;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        if (1..=4094).contains(&number) { Ok(Self(number)) } else { Err(VlanError { number: number.to_string() }) }
    }
}

impl std::str::FromStr for VlanId {
    type Err = VlanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse::<u16>().map_err(|_| VlanError { number: text.to_owned() })?;
        number.try_into()
    }
}

impl From<VlanId> for u16 {
    fn from(vlan: VlanId) -> Self {
        vlan.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number is no VLAN id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{number} is not a VLAN id: use 1 to 4094")]
pub struct VlanError {
    number: String,
}
