//! What we say to a 1.0 switch.

use bytes::{Bytes, BytesMut};

use super::flow_mod::FlowMod;
use super::packet_out::PacketOut;
use super::{adapter, flow_stats};
use crate::openflow::{self, EncodeError, MultipartRequestBody, Xid};

/// A message for a 1.0 switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// That we speak 1.0.
    Hello,
    /// Asks whether the switch is there.
    EchoRequest(Bytes),
    /// We are, and send back what came with the question.
    EchoReply(Bytes),
    /// Asks the switch who it is, and for its ports.
    FeaturesRequest,
    /// Asks to finish all that was sent before.
    BarrierRequest,
    /// A packet for the switch.
    PacketOut(PacketOut),
    /// Adds, changes or deletes flows.
    FlowMod(FlowMod),
    /// Asks for all flows.
    FlowStatsRequest,
}

impl Request {
    /// Appends the message to `out`; where it fails, `out` is as before.
    pub fn encode(&self, xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Hello => adapter::hello(xid, out),
            Self::EchoRequest(payload) => adapter::echo_request(xid, payload, out),
            Self::EchoReply(payload) => adapter::echo_reply(xid, payload, out),
            Self::FeaturesRequest => adapter::features_request(xid, out),
            Self::BarrierRequest => adapter::barrier_request(xid, out),
            Self::PacketOut(packet) => adapter::packet_out(xid, packet, out),
            Self::FlowMod(flow_mod) => adapter::flow_mod(xid, flow_mod, out),
            Self::FlowStatsRequest => flow_stats::request(xid, out),
        }
    }
}

impl TryFrom<&openflow::Message> for Request {
    type Error = EncodeError;

    /// The same in 1.0's words. It cannot ask for some flows only: a switch tells all.
    fn try_from(message: &openflow::Message) -> Result<Self, EncodeError> {
        Ok(match message {
            openflow::Message::Hello(_) => Self::Hello,
            openflow::Message::EchoRequest(payload) => Self::EchoRequest(payload.clone()),
            openflow::Message::EchoReply(payload) => Self::EchoReply(payload.clone()),
            openflow::Message::FeaturesRequest => Self::FeaturesRequest,
            openflow::Message::BarrierRequest => Self::BarrierRequest,
            openflow::Message::PacketOut(packet) => Self::PacketOut(packet.try_into()?),
            openflow::Message::FlowMod(flow_mod) => Self::FlowMod(flow_mod.try_into()?),
            openflow::Message::MultipartRequest(request) if matches!(request.body, MultipartRequestBody::Flow(_)) => {
                Self::FlowStatsRequest
            }
            other => return Err(EncodeError::Unencodable { what: other.name() }),
        })
    }
}
