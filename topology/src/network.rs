//! Networks: internal L2 segments.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{EntityId, MacAddr, Name};

/// An internal L2 segment with its CIDR and the address of its virtual gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its number.
    pub id: EntityId,
    /// Its name, unique among networks.
    pub name: Name,
    /// The fixed addresses of its instances lie in here.
    pub cidr: Ipv4Net,
    /// The address that instances use as their router; the switch answers for it.
    pub gateway: Ipv4Addr,
    /// The MAC that the switch answers with.
    pub gateway_mac: MacAddr,
    /// The project whose instances may be in it; any where none is said.
    #[serde(default)]
    pub project: Option<Name>,
    /// The pool that each new instance gets a floating IP from.
    #[serde(default)]
    pub auto_assign: Option<Name>,
    /// Whether its instances without a floating IP leave by a provider's shared address, where there is one.
    #[serde(default = "yes")]
    pub snat: bool,
}

/// A network that was stored before it could say so.
fn yes() -> bool {
    true
}
