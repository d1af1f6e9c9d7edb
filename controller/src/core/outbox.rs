//! The packets that the controller itself sends. They leave when the core has done what it is at: one command for each
//! switch, however many packets, so that its task wakes once and writes once.

use std::collections::BTreeMap;

use buoy_flows::openflow::{Action, BufferId, PacketOut};
use buoy_flows::pipeline::registers;
use buoy_flows::pipeline::tables::external as tables;
use buoy_topology::{Dialect, EntityId, PortNo};
use bytes::Bytes;

use super::Core;
use crate::switch::{Command, ConnectionId};

/// Packets by the connection that they leave by, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Outbox(BTreeMap<ConnectionId, Vec<PacketOut>>);

impl Outbox {
    fn add(&mut self, id: ConnectionId, actions: Vec<Action>, frame: Bytes) {
        let packets = self.0.entry(id).or_default();
        if packets.len() < MOST_AT_ONCE {
            let (buffer_id, in_port) = (BufferId::NONE, PortNo::CONTROLLER);
            packets.push(PacketOut { buffer_id, in_port, actions, frame });
        }
    }
}

impl Core {
    /// Sends a packet by one switch.
    pub(super) fn send_packet(&mut self, id: ConnectionId, actions: Vec<Action>, frame: Bytes) {
        self.outbox.add(id, actions, frame);
    }

    /// A packet of the controller's own leaves like any other: by the guard, and never by an output to an uplink.
    pub(super) fn send_through_guard(&mut self, provider: EntityId, action: Option<Action>, frame: &Bytes) {
        let Some(provider) = self.site.provider_by_id(provider) else { return };
        for (switch, bridge) in self.switches.named(&provider.bridge) {
            let (mark, out) = match bridge.dialect {
                Dialect::OpenFlow13 => {
                    let guard = Action::Resubmit { port: None, table: tables::GUARD };
                    (Some(registers::PROVIDER.set(provider.id.0)), guard)
                }
                // The guard is in the one table: it takes what comes from the controller.
                Dialect::OpenFlow10 => (None, Action::output(PortNo::TABLE)),
            };
            let actions = mark.into_iter().chain(action.clone()).chain([out]).collect();
            self.outbox.add(switch.connection.id, actions, frame.clone());
        }
    }

    /// Hands over what was to be sent. A switch whose queue is full loses it, as a wire would.
    pub(super) fn empty_outbox(&mut self) {
        while let Some((id, packets)) = self.outbox.0.pop_first() {
            let Some(switch) = self.switches.get(&id) else { continue };
            let commands = &switch.connection.commands;
            if commands.capacity() > KEPT_FOR_JOBS {
                let _ = commands.try_send(Command::Packets(packets));
            }
        }
    }
}

/// Packets of one command: as many as wait for a switch that does not read.
const MOST_AT_ONCE: usize = 256;
/// Places in a switch's queue that packets leave to jobs.
const KEPT_FOR_JOBS: usize = 16;
