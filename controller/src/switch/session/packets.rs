//! Packets, both ways. Those that a switch brings have a budget, and wait for the core together; those for the switch are lost
//! where it does not read, as on a wire.

use std::time::Instant;

use buoy_flows::openflow::{Message, PacketIn, PacketOut};
use buoy_flows::pipeline::fence::is_canarys;
use buoy_topology::Dialect;

use super::budget::Budget;
use super::{Event, OUTGOING, Session, legacy};

/// How many packets the switch may still bring.
#[derive(Debug)]
pub(super) struct Packets {
    budget: Budget,
    /// Those beyond it since that was last told.
    pub(super) dropped: u64,
}

impl Packets {
    pub(super) fn new(now: Instant) -> Self {
        Self { budget: Budget::new(PACKETS, now), dropped: 0 }
    }
}

impl Session {
    /// Whether what comes next may wait for the core together with what does so already: packets join packets.
    pub fn takes_more(&self) -> bool {
        match (self.events.front(), self.events.len()) {
            (None, _) => true,
            (Some(Event::Packets(packets)), 1) => packets.len() < MOST_AT_ONCE,
            _ => false,
        }
    }

    pub(super) fn on_packet_in(&mut self, packet: PacketIn, now: Instant) {
        if self.on_fence_answer(&packet, now) {
            return;
        }
        if !self.packets.budget.take(now) {
            self.packets.dropped += 1;
            return;
        }
        // An answer to a fence that nobody asked for costs as much as any other packet, and tells nothing.
        if is_canarys(&packet) {
            return;
        }
        match self.events.back_mut() {
            Some(Event::Packets(packets)) if packets.len() < MOST_AT_ONCE => packets.push(packet),
            _ => self.events.push_back(Event::Packets(vec![packet])),
        }
    }

    pub(super) fn send_packet(&mut self, packet: PacketOut) {
        let message = Message::PacketOut(packet);
        if self.dialect == Dialect::OpenFlow10 && !legacy::has_words_for(&message) {
            tracing::warn!(?message, "OpenFlow 1.0 has no words for this");
        } else if self.outgoing.len() < OUTGOING {
            // A switch that does not read loses packets, as a wire would.
            self.send(message);
        }
    }

    pub(super) fn tell_dropped_packets(&mut self) {
        if self.packets.dropped > 0 {
            tracing::warn!(
                packets = self.packets.dropped,
                limit = PACKETS,
                "a switch sends too many packets: some were dropped"
            );
            self.packets.dropped = 0;
        }
    }
}

/// Packets a second that a switch may bring: more than all its meters let through.
pub(super) const PACKETS: u32 = 4_000;
/// Packets that the core is told of at once: others' come in between.
pub(super) const MOST_AT_ONCE: usize = 32;
