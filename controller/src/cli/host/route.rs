//! A route: what `ip -j -d route` shows of it, and the words that put it on another interface.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::Address;
use super::names::InterfaceName;

/// A route. What is not known by name is kept apart, so that it can be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Route {
    #[serde(default)]
    v6: bool,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    pub(super) dst: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gateway: Option<String>,
    /// A next hop of the other family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dev: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    nexthops: Vec<NextHop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nhid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefsrc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tos: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pref: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Via {
    family: String,
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct NextHop {
    #[serde(default)]
    dev: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Route {
    /// The same, as one of IPv6.
    pub(super) fn of_v6(self) -> Self {
        Self { v6: true, ..self }
    }

    /// Whether it leads out of this interface, also as one of several.
    pub(super) fn leads_by(&self, interface: &InterfaceName) -> bool {
        let is_it = |dev: &Option<String>| dev.as_deref() == Some(interface.as_str());
        is_it(&self.dev) || self.nexthops.iter().any(|hop| is_it(&hop.dev))
    }

    /// Whether it has several next hops, or one that is an object of its own.
    pub(super) fn is_compound(&self) -> bool {
        !self.nexthops.is_empty() || self.nhid.is_some()
    }

    /// Whether the kernel makes it by itself from these addresses.
    pub(super) fn is_automatic(&self, addresses: &[Address]) -> bool {
        if self.protocol.as_deref() != Some("kernel") {
            return false;
        }
        let is_link_local = self.v6 && (self.dst == "fe80::/64" || self.dst == "ff00::/8");
        let is_local = self.table.as_deref() == Some("local");
        let made = |net: IpNet| addresses.iter().any(|own| own.makes_route_to(net));
        is_local || is_link_local || self.gateway.is_none() && self.network().is_some_and(made)
    }

    /// Whether its next hop is behind another route, which has to be there first.
    pub(super) fn needs_another(&self) -> bool {
        (self.gateway.is_some() || self.via.is_some()) && !self.is_onlink()
    }

    /// The line of `ip -batch` that makes it, or puts it in the place of one with the same destination.
    pub(super) fn replace(&self, to: &InterfaceName) -> String {
        let mut words = vec!["route replace".to_owned()];
        words.extend(self.kind.clone().filter(|kind| kind != "unicast"));
        words.push(match (&*self.dst, self.v6) {
            ("default", true) => "::/0".to_owned(),

            (other, _) => other.to_owned(),
        });
        words.extend(self.from.as_ref().map(|from| format!("from {from}")));
        words.extend(self.tos.as_ref().map(|tos| format!("tos {tos}")));
        words.extend(self.gateway.as_ref().map(|gateway| format!("via {gateway}")));
        words.extend(self.via.as_ref().map(|via| format!("via {} {}", via.family, via.host)));
        words.push(format!("dev {to}"));
        words.extend(self.is_onlink().then(|| "onlink".to_owned()));
        words.extend(self.table.as_ref().filter(|table| *table != "main").map(|table| format!("table {table}")));
        words.extend(self.protocol.as_ref().map(|protocol| format!("proto {protocol}")));
        // IPv6 has none, although it is shown.
        words.extend(self.scope.as_ref().filter(|_| !self.v6).map(|scope| format!("scope {scope}")));
        words.extend(self.prefsrc.as_ref().map(|source| format!("src {source}")));
        words.extend(self.metric.map(|metric| format!("metric {metric}")));
        words.extend(self.known_metrics().map(|(name, value)| format!("{name} {}", plain(value))));
        words.extend(self.pref.as_ref().map(|pref| format!("pref {pref}")));
        words.extend(self.expires.filter(|seconds| *seconds > 0).map(|seconds| format!("expires {seconds}")));
        words.join(" ")
    }

    /// The same line without what runs out by itself.
    pub(super) fn lasting(&self, to: &InterfaceName) -> String {
        Self { expires: None, ..self.clone() }.replace(to)
    }

    /// What of it is not carried over.
    pub(super) fn unknown(&self) -> Vec<&str> {
        let metrics = self.metrics.iter().flat_map(|metrics| metrics.keys());
        let metrics = metrics.map(String::as_str).filter(|name| !METRICS.contains(name));
        self.other.keys().map(String::as_str).filter(|name| !UNTOLD.contains(name)).chain(metrics).collect()
    }

    fn network(&self) -> Option<IpNet> {
        self.dst.parse().ok().or_else(|| self.dst.parse().ok().map(|own: std::net::IpAddr| own.into()))
    }

    fn is_onlink(&self) -> bool {
        self.flags.iter().any(|flag| flag == "onlink")
    }

    fn known_metrics(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.metrics.iter().flatten().filter(|(name, _)| METRICS.contains(&name.as_str()))
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Metrics whose value is written as it is shown.
const METRICS: [&str; 10] =
    ["mtu", "advmss", "window", "hoplimit", "initcwnd", "initrwnd", "quickack", "reordering", "ssthresh", "congctl"];

/// What the kernel says by itself of a route, and nobody gives it.
const UNTOLD: [&str; 4] = ["uid", "cache", "error", "age"];
