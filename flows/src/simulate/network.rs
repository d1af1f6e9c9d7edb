//! Bridges with their flows and ports, joined by patch ports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buoy_topology::{PortName, PortNo};

use super::connections::Connections;
use super::entry::Entry;
use super::headers::Headers;
use super::run::Run;
use super::trace::Trace;
use crate::openflow::TableId;

/// Bridges, by name.
#[derive(Clone, Debug, Default)]
pub struct Network {
    switches: BTreeMap<PortName, Switch>,
}

/// A bridge: its flows, and where its ports lead.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    tables: BTreeMap<TableId, Vec<Arc<Entry>>>,
    ports: BTreeSet<PortNo>,
    patches: BTreeMap<PortNo, (PortName, PortNo)>,
}

impl Network {
    /// Adds a bridge; one of its name gives way to it.
    pub fn add(&mut self, name: PortName, switch: Switch) {
        self.switches.insert(name, switch);
    }

    /// The bridge with this name.
    pub fn switch(&self, name: &PortName) -> Option<&Switch> {
        self.switches.get(name)
    }

    /// Joins two bridges by a pair of patch ports, each given by bridge and number.
    pub fn join(&mut self, one: (&PortName, PortNo), other: (&PortName, PortNo)) {
        for ((bridge, port), (peer, peer_port)) in [(one, other), (other, one)] {
            if let Some(switch) = self.switches.get_mut(bridge) {
                switch.ports.insert(port);
                switch.patches.insert(port, (peer.clone(), peer_port));
            }
        }
    }

    /// What happens to a frame that comes in on a port of a bridge. A frame shorter than an Ethernet header, and one at a
    /// bridge that is not there, meets nothing. No connection is known before it.
    pub fn send(&self, bridge: &PortName, port: PortNo, frame: &[u8]) -> Trace {
        self.send_after(&mut Connections::default(), bridge, port, frame)
    }

    /// The same where these connections are known; the frame may begin one, or answer one.
    pub fn send_after(&self, known: &mut Connections, bridge: &PortName, port: PortNo, frame: &[u8]) -> Trace {
        match (self.switches.get_key_value(bridge), Headers::of(port, frame)) {
            (Some((name, switch)), Some(headers)) => Run::new(self, known, frame, headers).of(name, switch),
            _ => Trace::default(),
        }
    }
}

impl Switch {
    /// A bridge with these flows and ports. Of flows with one priority that take the same packet the first wins.
    pub fn new(flows: impl IntoIterator<Item = Entry>, ports: impl IntoIterator<Item = PortNo>) -> Self {
        let mut tables: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for flow in flows {
            tables.entry(flow.table).or_default().push(Arc::new(flow));
        }
        for flows in tables.values_mut() {
            flows.sort_by_key(|flow| std::cmp::Reverse(flow.priority));
        }
        Self { tables, ports: ports.into_iter().collect(), patches: BTreeMap::new() }
    }

    /// The ports, but for LOCAL where it was not given.
    pub fn ports(&self) -> impl Iterator<Item = PortNo> {
        self.ports.iter().copied()
    }

    pub(super) fn has_port(&self, port: PortNo) -> bool {
        self.ports.contains(&port)
    }

    pub(super) fn peer(&self, port: PortNo) -> Option<&(PortName, PortNo)> {
        self.patches.get(&port)
    }

    /// The flow of a table that takes the packet.
    pub(super) fn look_up(&self, table: TableId, headers: &Headers) -> Option<&Arc<Entry>> {
        self.tables.get(&table)?.iter().find(|flow| flow.takes(headers))
    }
}
