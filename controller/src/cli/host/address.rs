//! An address of an interface: what `ip -j address` shows of it, and the words that give it to another.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names::InterfaceName;

/// An address. What is not known by name is kept apart, so that it can be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) local: IpAddr,
    pub(super) prefixlen: u8,
    /// The other end of a link with two ends.
    #[serde(rename = "address", default, skip_serializing_if = "Option::is_none")]
    pub(super) peer: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broadcast: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<u32>,
    #[serde(default)]
    pub(super) noprefixroute: bool,
    #[serde(default)]
    mngtmpaddr: bool,
    /// It has a lifetime: DHCP or a router advertisement gave it.
    #[serde(default)]
    pub(super) dynamic: bool,
    #[serde(default)]
    tentative: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_life_time: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preferred_life_time: Option<u32>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Address {
    /// The network that it is in.
    pub(super) fn network(&self) -> Option<IpNet> {
        IpNet::new(self.peer.unwrap_or(self.local), self.prefixlen).ok().map(|net| net.trunc())
    }

    /// Whether the kernel makes a route to its network.
    pub(super) fn makes_route_to(&self, destination: IpNet) -> bool {
        !self.noprefixroute && self.network() == Some(destination)
    }

    /// Whether it is of one link only, as `fe80::/10` is.
    pub(super) fn is_link_local(&self) -> bool {
        matches!(self.local, IpAddr::V6(own) if own.is_unicast_link_local())
    }

    /// Whether the kernel still asks if somebody else has it.
    pub(super) fn is_tentative(&self) -> bool {
        self.tentative
    }

    /// The line of `ip -batch` that gives it to an interface, where it may be already. `from` is where it was read.
    pub(super) fn replace(&self, from: &InterfaceName, to: &InterfaceName) -> String {
        let mut words = vec!["address replace".to_owned(), self.on_the_wire()];
        if let Some(broadcast) = self.broadcast {
            words.push(format!("broadcast {broadcast}"));
        }
        if let Some(label) = self.label.as_deref().and_then(|label| relabelled(label, from, to)) {
            words.push(format!("label {label}"));
        }
        words.extend(self.scope.as_ref().filter(|scope| *scope != "global").map(|scope| format!("scope {scope}")));
        words.extend(self.metric.map(|metric| format!("metric {metric}")));
        words.extend(self.noprefixroute.then(|| "noprefixroute".to_owned()));
        words.extend(self.mngtmpaddr.then(|| "mngtmpaddr".to_owned()));
        // The station had the address a moment ago: nobody else does.
        words.extend(self.local.is_ipv6().then(|| "nodad".to_owned()));
        for (word, seconds) in [("valid_lft", self.valid_life_time), ("preferred_lft", self.preferred_life_time)] {
            words.extend(seconds.filter(|own| *own != FOREVER).map(|own| format!("{word} {own}")));
        }
        words.push(format!("dev {to}"));
        words.join(" ")
    }

    /// The line of `ip -batch` that takes it from an interface.
    pub(super) fn delete(&self, from: &InterfaceName) -> String {
        format!("address delete {} dev {from}", self.on_the_wire())
    }

    /// What of it is not carried over.
    pub(super) fn unknown(&self) -> Vec<&str> {
        let known = |name: &str| UNTOLD.contains(&name);
        self.other.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }

    fn on_the_wire(&self) -> String {
        match self.peer {
            Some(peer) => format!("{} peer {peer}/{}", self.local, self.prefixlen),
            None => format!("{}/{}", self.local, self.prefixlen),
        }
    }
}

/// A label of its own, which begins with the name of the interface that carries it.
fn relabelled(label: &str, from: &InterfaceName, to: &InterfaceName) -> Option<String> {
    let rest = label.strip_prefix(from.as_str()).filter(|rest| rest.starts_with(':'))?;
    let label = format!("{to}{rest}");
    (label.len() <= 15).then_some(label)
}

const FOREVER: u32 = u32::MAX;

/// What the kernel says by itself of an address, and nobody gives it.
const UNTOLD: [&str; 9] = [
    "family",
    "secondary",
    "temporary",
    "deprecated",
    "nodad",
    "dadfailed",
    "optimistic",
    "stable-privacy",
    "protocol",
];
