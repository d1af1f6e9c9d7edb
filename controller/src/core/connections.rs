//! The switches that are connected, and those of a name or of a host without a walk over all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;

use buoy_topology::{Bridge, HostName, PortName};

use super::switches::Switch;
use crate::switch::ConnectionId;

/// All switches by connection. Reading goes through the map itself.
#[derive(Debug, Default)]
pub(super) struct Switches {
    all: BTreeMap<ConnectionId, Switch>,
    named: HashMap<PortName, BTreeSet<ConnectionId>>,
    hosts: HashMap<HostName, BTreeSet<ConnectionId>>,
}

impl Switches {
    pub(super) fn insert(&mut self, switch: Switch) {
        let id = switch.connection.id;
        self.hosts.entry(switch.connection.host.clone()).or_default().insert(id);
        self.all.insert(id, switch);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Switch> {
        let switch = self.all.remove(&id)?;
        take_out(&mut self.hosts, &switch.connection.host, id);
        if let Some(bridge) = &switch.bridge {
            take_out(&mut self.named, &bridge.name, id);
        }
        Some(switch)
    }

    /// Notes which bridge a switch is. It keeps its name as long as it is connected.
    pub(super) fn know(&mut self, id: ConnectionId, bridge: Bridge) {
        if let Some(switch) = self.all.get_mut(&id) {
            self.named.entry(bridge.name.clone()).or_default().insert(id);
            switch.bridge = Some(bridge);
        }
    }

    pub(super) fn get_mut(&mut self, id: &ConnectionId) -> Option<&mut Switch> {
        self.all.get_mut(id)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Switch> {
        self.all.values_mut()
    }

    /// The switches that are bridges of this name, of whatever host.
    pub(super) fn named(&self, name: &PortName) -> impl Iterator<Item = (&Switch, &Bridge)> {
        let ids = self.named.get(name).into_iter().flatten();
        ids.filter_map(|id| self.all.get(id)).filter_map(|switch| Some((switch, switch.bridge.as_ref()?)))
    }

    /// The first of the bridges of this name.
    pub(super) fn bridge(&self, name: &PortName) -> Option<&Bridge> {
        self.named(name).map(|(_, bridge)| bridge).next()
    }

    /// The connections of a host, in the order in which they began.
    pub(super) fn of_host(&self, host: &HostName) -> impl Iterator<Item = ConnectionId> {
        self.hosts.get(host).into_iter().flatten().copied()
    }
}

impl Deref for Switches {
    type Target = BTreeMap<ConnectionId, Switch>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

fn take_out<K: std::hash::Hash + Eq>(sets: &mut HashMap<K, BTreeSet<ConnectionId>>, key: &K, id: ConnectionId) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(&id);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
