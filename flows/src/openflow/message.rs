//! Every OpenFlow message that Buoy sends or understands.

use bytes::{BufMut, Bytes, BytesMut};

use super::bundle::{self, BundleAdd, BundleControl};
use super::codec_error::{DecodeError, EncodeError};
use super::config::SwitchConfig;
use super::error::ErrorMsg;
use super::experimenter::Experimenter;
use super::features::Features;
use super::flow_mod::FlowMod;
use super::flow_removed::FlowRemoved;
use super::header::{Header, VERSION_1_3, Xid};
use super::hello::Hello;
use super::multipart::{MultipartReply, MultipartRequest};
use super::packet_in::PacketIn;
use super::packet_out::PacketOut;
use super::port::PortStatus;
use super::wire::{Reader, patch_len};

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const EXPERIMENTER: u8 = 4;
const FEATURES_REQUEST: u8 = 5;
const FEATURES_REPLY: u8 = 6;
const GET_CONFIG_REQUEST: u8 = 7;
const GET_CONFIG_REPLY: u8 = 8;
const SET_CONFIG: u8 = 9;
const PACKET_IN: u8 = 10;
const FLOW_REMOVED: u8 = 11;
const PORT_STATUS: u8 = 12;
const PACKET_OUT: u8 = 13;
const FLOW_MOD: u8 = 14;
const MULTIPART_REQUEST: u8 = 18;
const MULTIPART_REPLY: u8 = 19;
const BARRIER_REQUEST: u8 = 20;
const BARRIER_REPLY: u8 = 21;

/// One OpenFlow message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Which versions the sender speaks.
    Hello(Hello),
    /// What was wrong with an earlier message.
    Error(ErrorMsg),
    /// Asks whether the other side is there.
    EchoRequest(Bytes),
    /// It is, and sends back what came with the question.
    EchoReply(Bytes),
    /// A vendor's message that has no variant here.
    Experimenter(Experimenter),
    /// Asks the switch who it is.
    FeaturesRequest,
    /// Who the switch is.
    FeaturesReply(Features),
    /// Asks for the configuration.
    GetConfigRequest,
    /// The configuration.
    GetConfigReply(SwitchConfig),
    /// Sets the configuration.
    SetConfig(SwitchConfig),
    /// A packet for the controller.
    PacketIn(PacketIn),
    /// A flow went.
    FlowRemoved(FlowRemoved),
    /// A port came, went or changed.
    PortStatus(PortStatus),
    /// A packet for the switch.
    PacketOut(PacketOut),
    /// Adds, changes or deletes flows.
    FlowMod(FlowMod),
    /// A question whose answer may take several messages.
    MultipartRequest(MultipartRequest),
    /// One message of such an answer.
    MultipartReply(MultipartReply),
    /// Asks to finish all that was sent before.
    BarrierRequest,
    /// All of it is finished.
    BarrierReply,
    /// Opens, closes, commits or discards a bundle.
    BundleControl(BundleControl),
    /// Puts a message into a bundle.
    BundleAdd(BundleAdd),
    /// Any other message, also one of another version.
    Other(Other),
}

/// A message that is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Other {
    /// The version in its header.
    pub version: u8,
    /// The type in its header.
    pub kind: u8,
    /// What follows the header.
    pub body: Bytes,
}

impl Message {
    /// Appends the message to `out`; where it fails, `out` is as before.
    pub fn encode(&self, xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        let (version, kind) = self.version_and_kind();
        out.put_u8(version);
        out.put_u8(kind);
        out.put_u16(0);
        out.put_u32(xid.0);
        let result = self.encode_body(xid, out).and_then(|()| {
            let len = out.len() - start;
            patch_len(out, self.name(), start + 2, len)
        });
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Reads one whole message, header included.
    pub fn decode(frame: &[u8]) -> Result<(Xid, Self), DecodeError> {
        let (header, body) = split(frame)?;
        if header.length != frame.len() {
            return Err(DecodeError::BadLength { what: "message", len: header.length });
        }
        let message = match (header.version, header.kind, vendor(body)) {
            (VERSION_1_3, EXPERIMENTER, Some((bundle::ONF, bundle::ADD, rest))) => {
                Self::BundleAdd(BundleAdd::decode_rest(header.xid, rest)?)
            }
            _ => Self::decode_body(header, body)?,
        };
        Ok((header.xid, message))
    }

    /// Reads the message at the front of these bytes; a bundle add in it is not looked into, so that depth is bounded.
    pub(super) fn decode_in_bundle(bytes: &[u8]) -> Result<(Xid, Self), DecodeError> {
        let (header, body) = split(bytes)?;
        Ok((header.xid, Self::decode_body(header, body)?))
    }

    fn decode_body(header: Header, body: &[u8]) -> Result<Self, DecodeError> {
        // The error's body is the same in all versions, and so is what a hello can hold.
        match header.kind {
            HELLO => return Hello::decode_body(header.version, body).map(Self::Hello),
            ERROR => return ErrorMsg::decode_body(body).map(Self::Error),
            _ => {}
        }
        let other =
            || Self::Other(Other { version: header.version, kind: header.kind, body: Bytes::copy_from_slice(body) });
        if header.version != VERSION_1_3 {
            return Ok(other());
        }
        Ok(match header.kind {
            ECHO_REQUEST => Self::EchoRequest(Bytes::copy_from_slice(body)),
            ECHO_REPLY => Self::EchoReply(Bytes::copy_from_slice(body)),
            EXPERIMENTER => match vendor(body) {
                Some((bundle::ONF, bundle::CONTROL, rest)) => Self::BundleControl(BundleControl::decode_rest(rest)?),
                _ => Self::Experimenter(Experimenter::decode_body(body)?),
            },
            FEATURES_REQUEST => Self::FeaturesRequest,
            FEATURES_REPLY => Self::FeaturesReply(Features::decode_body(body)?),
            GET_CONFIG_REQUEST => Self::GetConfigRequest,
            GET_CONFIG_REPLY => Self::GetConfigReply(SwitchConfig::decode_body(body)?),
            SET_CONFIG => Self::SetConfig(SwitchConfig::decode_body(body)?),
            PACKET_IN => Self::PacketIn(PacketIn::decode_body(body)?),
            FLOW_REMOVED => Self::FlowRemoved(FlowRemoved::decode_body(body)?),
            PORT_STATUS => Self::PortStatus(PortStatus::decode_body(body)?),
            PACKET_OUT => Self::PacketOut(PacketOut::decode_body(body)?),
            FLOW_MOD => Self::FlowMod(FlowMod::decode_body(body)?),
            MULTIPART_REQUEST => Self::MultipartRequest(MultipartRequest::decode_body(body)?),
            MULTIPART_REPLY => Self::MultipartReply(MultipartReply::decode_body(body)?),
            BARRIER_REQUEST => Self::BarrierRequest,
            BARRIER_REPLY => Self::BarrierReply,
            _ => other(),
        })
    }

    fn encode_body(&self, xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Hello(hello) => hello.encode_body(out)?,
            Self::Error(error) => error.encode_body(out),
            Self::EchoRequest(body) | Self::EchoReply(body) => out.put_slice(body),
            Self::Experimenter(message) => message.encode_body(out),
            Self::FeaturesReply(features) => features.encode_body(out),
            Self::GetConfigReply(config) | Self::SetConfig(config) => config.encode_body(out),
            Self::PacketIn(packet_in) => packet_in.encode_body(out)?,
            Self::FlowRemoved(removed) => removed.encode_body(out)?,
            Self::PortStatus(status) => status.encode_body(out),
            Self::PacketOut(packet_out) => packet_out.encode_body(out)?,
            Self::FlowMod(flow_mod) => flow_mod.encode_body(out)?,
            Self::MultipartRequest(request) => request.encode_body(out)?,
            Self::MultipartReply(reply) => reply.encode_body(out)?,
            Self::BundleControl(control) => control.encode_body(out),
            Self::BundleAdd(add) => add.encode_body(xid, out)?,
            Self::Other(other) => out.put_slice(&other.body),
            Self::FeaturesRequest | Self::GetConfigRequest | Self::BarrierRequest | Self::BarrierReply => {}
        }
        Ok(())
    }

    const fn version_and_kind(&self) -> (u8, u8) {
        let kind = match self {
            Self::Hello(hello) => return (hello.version, HELLO),
            Self::Other(other) => return (other.version, other.kind),
            Self::Error(_) => ERROR,
            Self::EchoRequest(_) => ECHO_REQUEST,
            Self::EchoReply(_) => ECHO_REPLY,
            Self::Experimenter(_) | Self::BundleControl(_) | Self::BundleAdd(_) => EXPERIMENTER,
            Self::FeaturesRequest => FEATURES_REQUEST,
            Self::FeaturesReply(_) => FEATURES_REPLY,
            Self::GetConfigRequest => GET_CONFIG_REQUEST,
            Self::GetConfigReply(_) => GET_CONFIG_REPLY,
            Self::SetConfig(_) => SET_CONFIG,
            Self::PacketIn(_) => PACKET_IN,
            Self::FlowRemoved(_) => FLOW_REMOVED,
            Self::PortStatus(_) => PORT_STATUS,
            Self::PacketOut(_) => PACKET_OUT,
            Self::FlowMod(_) => FLOW_MOD,
            Self::MultipartRequest(_) => MULTIPART_REQUEST,
            Self::MultipartReply(_) => MULTIPART_REPLY,
            Self::BarrierRequest => BARRIER_REQUEST,
            Self::BarrierReply => BARRIER_REPLY,
        };
        (VERSION_1_3, kind)
    }

    /// What the message is, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Error(_) => "error",
            Self::EchoRequest(_) => "echo request",
            Self::EchoReply(_) => "echo reply",
            Self::Experimenter(_) => "experimenter message",
            Self::FeaturesRequest => "features request",
            Self::FeaturesReply(_) => "features reply",
            Self::GetConfigRequest => "config request",
            Self::GetConfigReply(_) => "config reply",
            Self::SetConfig(_) => "set config",
            Self::PacketIn(_) => "packet-in",
            Self::FlowRemoved(_) => "flow removed",
            Self::PortStatus(_) => "port status",
            Self::PacketOut(_) => "packet-out",
            Self::FlowMod(_) => "flow mod",
            Self::MultipartRequest(_) => "multipart request",
            Self::MultipartReply(_) => "multipart reply",
            Self::BarrierRequest => "barrier request",
            Self::BarrierReply => "barrier reply",
            Self::BundleControl(_) => "bundle control",
            Self::BundleAdd(_) => "bundle add",
            Self::Other(_) => "other message",
        }
    }
}

/// Header and body of the message at the front of these bytes.
fn split(bytes: &[u8]) -> Result<(Header, &[u8]), DecodeError> {
    let mut reader = Reader::new("message", bytes);
    let header = Header::parse(reader.array()?);
    let body_len =
        header.length.checked_sub(Header::LEN).ok_or(DecodeError::BadLength { what: "message", len: header.length })?;
    Ok((header, reader.bytes(body_len)?))
}

/// Vendor, message type and the rest of an experimenter message.
fn vendor(body: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut reader = Reader::new("experimenter message", body);
    Some((reader.u32().ok()?, reader.u32().ok()?, reader.rest()))
}
