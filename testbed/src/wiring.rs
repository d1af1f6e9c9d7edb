//! From a description to commands: text for `ip -batch` and arguments for `ovs-vsctl`. Pure.

use std::fmt::Write as _;

use crate::datapath::Datapath;
use crate::spec::{BridgeSpec, LabSpec, LinkEnd, Place, RouteSpec};
use crate::tools::OVS_DIR;

/// Creates the namespaces.
pub(crate) fn namespaces(lab: &LabSpec) -> String {
    lab.namespaces().map(|name| format!("netns add {name}\n")).collect()
}

/// Creates the veth pairs, each end where it belongs; run in the host.
pub(crate) fn links(lab: &LabSpec, datapath: Datapath) -> String {
    let mut batch = String::from("link set lo up\n");
    for (index, link) in (FIRST_INTERFACE_INDEX..).zip(&lab.links) {
        let end = |end: &LinkEnd| {
            let mut words = format!("name {}", end.name);
            if let Some(mac) = end.mac {
                let _ = write!(words, " address {mac}");
            }
            if !matches!(lab.place(&end.at), Some(Place::Bridge | Place::Host)) {
                let _ = write!(words, " netns {}", end.at);
            }
            words
        };
        let _ = writeln!(batch, "link add {} index {index} type veth peer {}", end(&link.a), end(&link.b));
    }
    for name in ports(lab).chain(bare(lab).map(|end| end.name.as_str())) {
        let _ = writeln!(batch, "link set {name} up");
    }
    for bridge in lab.bridges.iter().filter(|bridge| is_wired(bridge, datapath)) {
        let BridgeSpec { name, mac, .. } = bridge;
        let _ = writeln!(batch, "link add name {name} address {mac} type veth peer name {name}.wire");
        let _ = writeln!(batch, "link set {name}.wire up");
    }
    batch
}

/// Brings LOCAL of each bridge up with the host's addresses; run in the host, after Open vSwitch made them.
pub(crate) fn host_addresses(lab: &LabSpec) -> String {
    let mut batch = String::new();
    for end in bare(lab) {
        for address in &end.addresses {
            let _ = writeln!(batch, "address add {address} dev {}", end.name);
        }
    }
    let mut tables = FIRST_TABLE..;
    for route in &lab.routes {
        push_route(&mut batch, route, &mut tables);
    }
    // LOCAL of the others stays down, as neutron leaves it: up, it would answer ARP for the host with its own MAC.
    for bridge in lab.bridges.iter().filter(|bridge| !bridge.addresses.is_empty()) {
        let name = &bridge.name;
        let _ = writeln!(batch, "link set {name} up");
        for address in &bridge.addresses {
            let _ = writeln!(batch, "address add {address} dev {name}");
        }
        for route in &bridge.routes {
            push_route(&mut batch, route, &mut tables);
        }
    }
    batch
}

/// Interfaces, addresses and routes of one namespace; run inside it.
pub(crate) fn inside(lab: &LabSpec, namespace: &str) -> String {
    let mut batch = String::from("link set lo up\n");
    let is_switch = lab.place(namespace) == Some(Place::Switch);
    if is_switch {
        batch.push_str("link add name br0 type bridge mcast_snooping 0\nlink set br0 up\n");
    }
    for end in lab.ends().filter(|end| end.at == namespace) {
        for address in &end.addresses {
            let _ = writeln!(batch, "address add {address} dev {}", end.name);
        }
        let master = if is_switch { " master br0" } else { "" };
        let _ = writeln!(batch, "link set {}{master} up", end.name);
    }
    let mut tables = FIRST_TABLE..;
    for route in lab.nodes.iter().filter(|node| node.name == namespace).flat_map(|node| &node.routes) {
        push_route(&mut batch, route, &mut tables);
    }
    batch
}

/// Names of the host's interfaces that are ports of its bridges.
pub(crate) fn ports(lab: &LabSpec) -> impl Iterator<Item = &str> {
    lab.ends().filter(|end| lab.place(&end.at) == Some(Place::Bridge)).map(|end| end.name.as_str())
}

/// The host's interfaces that are in no bridge.
pub(crate) fn bare(lab: &LabSpec) -> impl Iterator<Item = &LinkEnd> {
    lab.ends().filter(|end| lab.place(&end.at) == Some(Place::Host))
}

/// One `ovs-vsctl` transaction that makes all bridges and ports.
pub(crate) fn bridges(lab: &LabSpec, datapath: Datapath) -> Vec<String> {
    let kind = datapath.as_str();
    let mut words = String::from("--no-syslog");
    for bridge in &lab.bridges {
        let BridgeSpec { name, datapath_id, mac, .. } = bridge;
        let _ = write!(
            words,
            " -- add-br {name} -- set bridge {name} datapath_type={kind} \
             other_config:datapath-id={datapath_id} other_config:hwaddr=\"{mac}\""
        );
        if is_wired(bridge, datapath) {
            let socket = format!("{OVS_DIR}/{name}.local");
            let _ = write!(
                words,
                " -- set interface {name} options:pstream=punix:{socket} \
                 -- add-br {name}.w -- set bridge {name}.w datapath_type={kind} -- add-port {name}.w {name}.wire \
                 -- add-port {name}.w {name}.sock \
                 -- set interface {name}.sock type=dummy options:stream=unix:{socket}"
            );
        }
    }
    for patch in &lab.patches {
        for (end, peer) in [(&patch.a, &patch.b), (&patch.b, &patch.a)] {
            let _ = write!(
                words,
                " -- add-port {} {} -- set interface {} type=patch options:peer={}",
                end.bridge, end.port, end.port, peer.port
            );
        }
    }
    for end in lab.ends().filter(|end| lab.place(&end.at) == Some(Place::Bridge)) {
        let _ = write!(words, " -- add-port {} {}", end.at, end.name);
    }
    words.split_whitespace().map(str::to_owned).collect()
}

/// Whether LOCAL of this bridge needs a veth in its place.
fn is_wired(bridge: &BridgeSpec, datapath: Datapath) -> bool {
    datapath == Datapath::Dummy && !bridge.addresses.is_empty()
}

/// A route that only some packets take gets a table of its own; where it has no way for them the next table is asked.
fn push_route(batch: &mut String, route: &RouteSpec, tables: &mut impl Iterator<Item = u32>) {
    let table = route.from.and_then(|from| Some((from, tables.next()?)));
    if let Some((from, table)) = table {
        let _ = writeln!(batch, "rule add from {from} table {table}");
    }
    let _ = write!(batch, "route add {}", route.to);
    if let Some(via) = route.via {
        let _ = write!(batch, " via {via}");
    }
    if let Some(dev) = &route.dev {
        let _ = write!(batch, " dev {dev}");
    }
    if let Some((_, table)) = table {
        let _ = write!(batch, " table {table}");
    }
    batch.push_str(if route.onlink { " onlink\n" } else { "\n" });
}

/// Interface index of the first link's end `a`, higher than any that the kernel gives by itself.
///
/// Where both ends of a pair have the same index, the kernel takes them for a device without a lower one and reports
/// the carrier up to a second late, and a bridge port stays shut until then.
const FIRST_INTERFACE_INDEX: u32 = 1_001;

/// The first routing table for routes that only some packets take.
const FIRST_TABLE: u32 = 100;
