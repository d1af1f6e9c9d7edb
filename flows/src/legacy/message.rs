//! What a 1.0 switch says.

use bytes::Bytes;

use super::error::ErrorMsg;
use super::{features, flow_removed, flow_stats, packet_in, port};
use crate::openflow::wire::Reader;
use crate::openflow::{
    DecodeError, Features, FlowRemoved, FlowStats, Header, Hello, Other, PacketIn, Port, PortStatus, VERSION_1_0, Xid,
};

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const FEATURES_REPLY: u8 = 6;
const PACKET_IN: u8 = 10;
const FLOW_REMOVED: u8 = 11;
const PORT_STATUS: u8 = 12;
const STATS_REPLY: u8 = 17;
const BARRIER_REPLY: u8 = 19;

/// OFPSF_REPLY_MORE: another message of the same answer follows.
const MORE: u16 = 1;

/// One message of a 1.0 switch, in the types that the rest of the crate has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Which versions it speaks.
    Hello(Hello),
    /// What was wrong with an earlier message.
    Error(ErrorMsg),
    /// Asks whether we are there.
    EchoRequest(Bytes),
    /// It is there.
    EchoReply(Bytes),
    /// Who it is, and its ports.
    FeaturesReply(Features, Vec<Port>),
    /// A packet for the controller.
    PacketIn(PacketIn),
    /// A flow went.
    FlowRemoved(FlowRemoved),
    /// A port came, went or changed.
    PortStatus(PortStatus),
    /// Flows that it has.
    FlowStats {
        /// Some of them.
        flows: Vec<FlowStats>,
        /// Whether more follow.
        more: bool,
    },
    /// All that was sent before is finished.
    BarrierReply,
    /// Any other message, a vendor's or one of another version too.
    Other(Other),
}

impl Message {
    /// Reads one whole message, header included.
    pub fn decode(frame: &[u8]) -> Result<(Xid, Self), DecodeError> {
        let mut reader = Reader::new("message", frame);
        let Header { version, kind, length, xid } = Header::parse(reader.array()?);
        if length != frame.len() {
            return Err(DecodeError::BadLength { what: "message", len: length });
        }
        let other = Other { version, kind, body: reader.to_bytes() };
        let message = match (version, kind) {
            (_, HELLO) => Self::Hello(Hello::decode_body(version, reader.rest())?),
            (VERSION_1_0, _) => Self::of(other)?,
            _ => Self::Other(other),
        };
        Ok((xid, message))
    }

    fn of(other: Other) -> Result<Self, DecodeError> {
        let Other { kind, body, .. } = &other;
        Ok(match *kind {
            ERROR => Self::Error(ErrorMsg::read(body)?),
            ECHO_REQUEST => Self::EchoRequest(body.clone()),
            ECHO_REPLY => Self::EchoReply(body.clone()),
            FEATURES_REPLY => {
                let (features, ports) = features::read(body)?;
                Self::FeaturesReply(features, ports)
            }
            PACKET_IN => Self::PacketIn(packet_in::read(body)?),
            FLOW_REMOVED => Self::FlowRemoved(flow_removed::read(body)?),
            PORT_STATUS => Self::PortStatus(port::read_status(body)?),
            STATS_REPLY => {
                let mut reader = Reader::new("statistics reply", body);
                match (reader.u16()?, reader.u16()?) {
                    (flow_stats::KIND, flags) => {
                        Self::FlowStats { flows: flow_stats::read_all(reader.rest())?, more: flags & MORE != 0 }
                    }
                    _ => Self::Other(other),
                }
            }
            BARRIER_REPLY => Self::BarrierReply,
            _ => Self::Other(other),
        })
    }

    /// What the message is, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Error(_) => "error",
            Self::EchoRequest(_) => "echo request",
            Self::EchoReply(_) => "echo reply",
            Self::FeaturesReply(..) => "features reply",
            Self::PacketIn(_) => "packet-in",
            Self::FlowRemoved(_) => "flow removed",
            Self::PortStatus(_) => "port status",
            Self::FlowStats { .. } => "flow statistics",
            Self::BarrierReply => "barrier reply",
            Self::Other(_) => "other message",
        }
    }
}
