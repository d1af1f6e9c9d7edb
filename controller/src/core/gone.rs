//! Switches that are not connected any more, and peers that never came to be one, with the reason.

use std::collections::BTreeMap;

use buoy_flows::pipeline::Role;
use buoy_topology::{Bridge, DatapathId, HostName, PortName};

use super::switches::Switch;
use crate::switch::CloseReason;

/// What `switch list` remembers.
#[derive(Debug, Default)]
pub(super) struct GoneSwitches(BTreeMap<GoneKey, Gone>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GoneKey {
    Switch(DatapathId),
    /// Of each host only the last peer that did not become a switch: ports change with every attempt.
    Stranger(HostName),
}

/// A switch that is not connected any more, or a peer that did not become one.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) datapath_id: Option<DatapathId>,
    pub(super) bridge: Option<PortName>,
    pub(super) role: Option<Role>,
    pub(super) host: HostName,
    pub(super) address: String,
    pub(super) reason: String,
}

impl GoneSwitches {
    /// Remembers a connection that ended.
    pub(super) fn add(&mut self, switch: &Switch, reason: &CloseReason) {
        let host = switch.connection.host.clone();
        let bridge = switch.bridge.as_ref();
        // Whoever connects and hangs up without a word has nothing wrong with it.
        if bridge.is_none() && matches!(reason, CloseReason::Eof | CloseReason::Shutdown) {
            return;
        }
        let key = match bridge {
            Some(bridge) if !matches!(reason, CloseReason::SameDatapath { .. }) => GoneKey::Switch(bridge.datapath_id),
            _ => GoneKey::Stranger(host.clone()),
        };
        let gone = Gone {
            datapath_id: bridge.map(|bridge| bridge.datapath_id),
            bridge: bridge.map(|bridge| bridge.name.clone()),
            role: bridge.map(|_| switch.role),
            host,
            address: switch.connection.address.clone(),
            reason: reason.to_string(),
        };
        self.0.insert(key, gone);
        while self.0.len() > MOST_GONE {
            self.0.pop_first();
        }
    }

    /// Forgets what a bridge that is connected now was before, also under another datapath id.
    pub(super) fn forget(&mut self, bridge: &Bridge) {
        self.0.remove(&GoneKey::Switch(bridge.datapath_id));
        self.0.retain(|key, gone| {
            let is_stranger = matches!(key, GoneKey::Stranger(host) if *host == bridge.host);
            let is_same = gone.host == bridge.host && gone.bridge.as_ref() == Some(&bridge.name);
            !(is_same || is_stranger && gone.bridge.is_none())
        });
    }

    /// Forgets all bridges of this name.
    pub(super) fn forget_named(&mut self, bridge: &PortName) {
        self.0.retain(|_, gone| gone.bridge.as_ref() != Some(bridge));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Gone> {
        self.0.values()
    }
}

/// Switches that are remembered after they went.
const MOST_GONE: usize = 1024;
