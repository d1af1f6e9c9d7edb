//! Direct ports: stations on a provider's bridge that have the provider's addresses themselves.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{EntityId, MacAddr, Name, PortName};

/// A port of a provider's bridge whose station has addresses of the provider itself: a neutron router's `qg-` port, a
/// container with the public address on its NIC. Only its MAC is translated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// Its number.
    pub id: EntityId,
    /// Its name, unique among direct ports.
    pub name: Name,
    /// The provider whose addresses it has.
    pub provider: Name,
    /// The port on the provider's bridge.
    pub port: PortName,
    /// The station's own MAC, which the provider never sees.
    pub mac: MacAddr,
    /// The addresses that the station has.
    pub ips: Vec<Ipv4Addr>,
}
