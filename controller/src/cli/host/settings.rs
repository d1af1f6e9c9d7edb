//! Settings of an interface in `/proc/sys` that decide what the host takes in and answers.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::names::InterfaceName;

/// A file of `/proc/sys` and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setting {
    pub(super) family: String,
    pub(super) name: String,
    /// What the uplink has.
    pub(super) value: String,
    /// What the bridge has, or what a new interface gets.
    pub(super) was: String,
}

impl Setting {
    /// The file of this setting for an interface.
    pub(super) fn path(&self, interface: &InterfaceName) -> String {
        format!("/proc/sys/net/{}/conf/{interface}/{}", self.family, self.name)
    }
}

/// The settings in which the uplink differs from the bridge, or from what a new bridge gets.
pub(super) fn differing(root: &Path, uplink: &InterfaceName, bridge: &InterfaceName) -> Vec<Setting> {
    let settings = CARRIED.into_iter().filter_map(|(family, name)| read(root, family, name, uplink, bridge));
    settings.filter(|own| own.value != own.was).collect()
}

/// The one that must be loose while frames come in by the bridge and answers leave by the uplink.
pub(super) fn rp_filter(root: &Path, uplink: &InterfaceName, bridge: &InterfaceName) -> Option<Setting> {
    read(root, "ipv4", "rp_filter", uplink, bridge)
}

fn read(root: &Path, family: &str, name: &str, uplink: &InterfaceName, bridge: &InterfaceName) -> Option<Setting> {
    let read = |interface: &str| {
        let path = root.join(format!("proc/sys/net/{family}/conf/{interface}/{name}"));
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let (value, was) = (read(uplink.as_str())?, read(bridge.as_str()).or_else(|| read("default"))?);
    Some(Setting { family: family.to_owned(), name: name.to_owned(), value, was })
}

/// `rp_filter` that asks only whether there is an answer at all; the higher one of this and of `all` counts.
pub(super) const LOOSE: &str = "2";

/// In the order in which they are written: `forwarding` changes what `accept_ra` means.
const CARRIED: [(&str, &str); 13] = [
    ("ipv4", "arp_ignore"),
    ("ipv4", "arp_announce"),
    ("ipv4", "arp_filter"),
    ("ipv4", "proxy_arp"),
    ("ipv4", "forwarding"),
    ("ipv4", "accept_redirects"),
    ("ipv4", "send_redirects"),
    ("ipv6", "disable_ipv6"),
    ("ipv6", "forwarding"),
    ("ipv6", "accept_ra"),
    ("ipv6", "autoconf"),
    ("ipv6", "use_tempaddr"),
    ("ipv6", "proxy_ndp"),
];
