//! What is different in OpenFlow 1.0: the switch tells its ports with its features, there is no flow monitor, no role and
//! no meter, and a dump tells every flow.

use std::time::Instant;

use buoy_flows::flow::Owner;
use buoy_flows::legacy;
use buoy_flows::openflow::{EncodeError, Features, FlowStats, Message, Port, TableId, VERSION_1_0, Xid};
use buoy_topology::Dialect;
use bytes::{Bytes, BytesMut};

use super::{CloseReason, Command, Event, Job, Ready, Session, State};

/// Whether 1.0 has words for what the core asks. Of a bundle that shows flow by flow, and of packets one by one.
pub(super) fn can(command: &Command) -> bool {
    match command {
        Command::Dump(_) | Command::Bundle(_) | Command::Packets(_) => true,
        Command::Meter(_) | Command::ClaimPrimary | Command::Fence { .. } => false,
        Command::Prepare(_) | Command::Commit | Command::Discard => false,
    }
}

/// Whether 1.0 can say a message.
pub(super) fn has_words_for(message: &Message) -> bool {
    encode(message, Xid(0), &mut BytesMut::new()).is_ok()
}

/// Appends a message in 1.0's words.
pub(super) fn encode(message: &Message, xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
    legacy::Request::try_from(message)?.encode(xid, out)
}

impl Session {
    /// Takes in one frame of a peer that speaks 1.0.
    pub(super) fn receive_legacy(&mut self, frame: &Bytes, now: Instant) -> Result<(), CloseReason> {
        let (xid, message) =
            legacy::Message::decode(frame).map_err(|error| CloseReason::BadMessage(error.to_string()))?;
        match message {
            legacy::Message::EchoRequest(payload) => self.on_echo(xid, payload)?,
            legacy::Message::Error(error) => self.on_legacy_error(xid, &error)?,
            legacy::Message::FeaturesReply(features, ports) => self.on_legacy_features(features, ports),
            legacy::Message::PortStatus(status) => self.on_port_status(status)?,
            legacy::Message::PacketIn(packet) if self.is_ready() => self.on_packet_in(packet, now),
            legacy::Message::FlowStats { flows, more } => {
                if flows.iter().any(is_of_pipeline) {
                    return Err(CloseReason::OtherDialect);
                }
                self.on_flows(xid, in_reach(flows), more);
            }
            legacy::Message::BarrierReply => self.on_phase_barrier(xid),
            legacy::Message::Other(other) if other.version != VERSION_1_0 => {
                let text = format!("a message of version {:#04x} and type {}", other.version, other.kind);
                return Err(CloseReason::BadMessage(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_legacy_features(&mut self, features: Features, ports: Vec<Port>) {
        if matches!(self.state, State::Features) {
            self.state = State::Ready;
            let dialect = Dialect::OpenFlow10;
            self.events.push_back(Event::Ready(Ready { features, ports, dialect, meters: false, measures: false }));
            self.events.push_back(Event::Unwatched { is_over: false });
        }
    }

    fn on_legacy_error(&mut self, xid: Xid, error: &legacy::ErrorMsg) -> Result<(), CloseReason> {
        if matches!(self.job, Some(Job::Dump { xid: own }) if own == xid) {
            return Err(CloseReason::NoDump { error: error.to_string() });
        }
        if !self.on_phase_error(xid, error) {
            tracing::warn!(%error, xid = xid.0, "a switch refused a message");
        }
        Ok(())
    }
}

/// Whether the bridge spoke 1.3 before and still has the pipeline. 1.0 can name neither its tables nor, in OVS, those of
/// its flows that ask for packets without a tag: beside them the one table would not mean what it says.
fn is_of_pipeline(flow: &FlowStats) -> bool {
    flow.table != TableId(0) && Owner::is_ours(flow.cookie)
}

/// Flows of others in further tables are theirs to lead to.
fn in_reach(mut flows: Vec<FlowStats>) -> Vec<FlowStats> {
    flows.retain(|flow| flow.table == TableId(0));
    flows
}
