//! Every OpenFlow message that Buoy sends or understands.

use bytes::{BufMut, Bytes, BytesMut};

use super::async_config::AsyncConfig;
use super::bundle::{self, BundleAdd, BundleControl};
use super::codec_error::{DecodeError, EncodeError};
use super::config::SwitchConfig;
use super::error::ErrorMsg;
use super::experimenter::Experimenter;
use super::features::Features;
use super::flow_mod::FlowMod;
use super::flow_monitor::FlowMonitorControl;
use super::flow_removed::FlowRemoved;
use super::header::{Header, VERSION_1_3, Xid};
use super::hello::Hello;
use super::kind;
use super::meter_mod::MeterMod;
use super::multipart::{MultipartReply, MultipartRequest};
use super::packet_in::PacketIn;
use super::packet_in2::{self, PacketIn2};
use super::packet_out::PacketOut;
use super::port::PortStatus;
use super::role::{self, Role, RoleStatus};
use super::vendor::{NICIRA, ONF};
use super::wire::{Reader, patch_len};

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
    /// A packet for the controller, in Nicira's form.
    PacketIn2(PacketIn2),
    /// Lets a packet go on that waits in the switch.
    Resume(PacketIn2),
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
    /// Asks for a role, or what it is.
    RoleRequest(Role),
    /// The role that this controller has.
    RoleReply(Role),
    /// Another controller changed this one's role.
    RoleStatus(RoleStatus),
    /// Asks which messages the switch sends unasked.
    GetAsyncRequest,
    /// Which messages the switch sends unasked.
    GetAsyncReply(AsyncConfig),
    /// Says which messages the switch is to send unasked.
    SetAsync(AsyncConfig),
    /// Adds, changes or deletes a meter.
    MeterMod(MeterMod),
    /// Ends a flow monitor, or tells that it paused or resumed.
    FlowMonitorControl(FlowMonitorControl),
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
        let (version, kind) = self.version_and_kind();
        put_framed(out, self.name(), (version, kind, xid), |out| self.encode_body(xid, out))
    }

    /// Reads one whole message, header included.
    pub fn decode(frame: &[u8]) -> Result<(Xid, Self), DecodeError> {
        let (header, body) = split(frame)?;
        if header.length != frame.len() {
            return Err(DecodeError::BadLength { what: "message", len: header.length });
        }
        let message = match (header.version, header.kind, vendor(body)) {
            (VERSION_1_3, kind::EXPERIMENTER, Some((ONF, bundle::ADD, rest))) => {
                Self::BundleAdd(BundleAdd::decode_rest(header.xid, rest)?)
            }
            _ => Self::decode_body(header, body)?,
        };
        Ok((header.xid, message))
    }

    /// Reads the message at the front of these bytes; what is a bundle message in it is kept whole, so that depth is
    /// bounded, and so that it can be written again.
    pub(super) fn decode_in_bundle(bytes: &[u8]) -> Result<(Xid, Self), DecodeError> {
        let (header, body) = split(bytes)?;
        let message = match (header.version, header.kind, vendor(body)) {
            (VERSION_1_3, kind::EXPERIMENTER, Some((ONF, bundle::CONTROL | bundle::ADD, _))) => {
                Self::Experimenter(Experimenter::decode_body(body)?)
            }
            _ => Self::decode_body(header, body)?,
        };
        Ok((header.xid, message))
    }

    fn decode_body(header: Header, body: &[u8]) -> Result<Self, DecodeError> {
        // The error's body is the same in all versions, and so is what a hello can hold.
        match header.kind {
            kind::HELLO => return Hello::decode_body(header.version, body).map(Self::Hello),
            kind::ERROR => return ErrorMsg::decode_body(body).map(Self::Error),
            _ => {}
        }
        let other =
            || Self::Other(Other { version: header.version, kind: header.kind, body: Bytes::copy_from_slice(body) });
        if header.version != VERSION_1_3 {
            return Ok(other());
        }
        Ok(match header.kind {
            kind::ECHO_REQUEST => Self::EchoRequest(Bytes::copy_from_slice(body)),
            kind::ECHO_REPLY => Self::EchoReply(Bytes::copy_from_slice(body)),
            kind::EXPERIMENTER => Self::decode_experimenter(body)?,
            kind::FEATURES_REQUEST => Self::FeaturesRequest,
            kind::FEATURES_REPLY => Self::FeaturesReply(Features::decode_body(body)?),
            kind::GET_CONFIG_REQUEST => Self::GetConfigRequest,
            kind::GET_CONFIG_REPLY => Self::GetConfigReply(SwitchConfig::decode_body(body)?),
            kind::SET_CONFIG => Self::SetConfig(SwitchConfig::decode_body(body)?),
            kind::PACKET_IN => Self::PacketIn(PacketIn::decode_body(body)?),
            kind::FLOW_REMOVED => Self::FlowRemoved(FlowRemoved::decode_body(body)?),
            kind::PORT_STATUS => Self::PortStatus(PortStatus::decode_body(body)?),
            kind::PACKET_OUT => Self::PacketOut(PacketOut::decode_body(body)?),
            kind::FLOW_MOD => Self::FlowMod(FlowMod::decode_body(body)?),
            kind::MULTIPART_REQUEST => Self::MultipartRequest(MultipartRequest::decode_body(body)?),
            kind::MULTIPART_REPLY => Self::MultipartReply(MultipartReply::decode_body(body)?),
            kind::BARRIER_REQUEST => Self::BarrierRequest,
            kind::BARRIER_REPLY => Self::BarrierReply,
            kind::ROLE_REQUEST => Self::RoleRequest(Role::decode_body(body)?),
            kind::ROLE_REPLY => Self::RoleReply(Role::decode_body(body)?),
            kind::GET_ASYNC_REQUEST => Self::GetAsyncRequest,
            kind::GET_ASYNC_REPLY => Self::GetAsyncReply(AsyncConfig::decode_body(body)?),
            kind::SET_ASYNC => Self::SetAsync(AsyncConfig::decode_body(body)?),
            kind::METER_MOD => Self::MeterMod(MeterMod::decode_body(body)?),
            _ => other(),
        })
    }

    fn decode_experimenter(body: &[u8]) -> Result<Self, DecodeError> {
        let nicira = match vendor(body) {
            Some((NICIRA, packet_in2::PACKET_IN2, rest)) => PacketIn2::decode_rest(rest).map(Self::PacketIn2),
            Some((NICIRA, packet_in2::RESUME, rest)) => PacketIn2::decode_rest(rest).map(Self::Resume),
            _ => None,
        };
        if let Some(message) = nicira {
            return Ok(message);
        }
        if let Some((ONF, kind, rest)) = vendor(body) {
            match kind {
                bundle::CONTROL => return BundleControl::decode_rest(rest).map(Self::BundleControl),
                role::ROLE_STATUS => return RoleStatus::decode_rest(rest).map(Self::RoleStatus),
                _ => {}
            }
            if let Some(control) = FlowMonitorControl::decode_rest(kind, rest) {
                return control.map(Self::FlowMonitorControl);
            }
        }
        Experimenter::decode_body(body).map(Self::Experimenter)
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
            Self::PacketIn2(packet_in) => packet_in.encode_body(packet_in2::PACKET_IN2, out)?,
            Self::Resume(packet_in) => packet_in.encode_body(packet_in2::RESUME, out)?,
            Self::FlowRemoved(removed) => removed.encode_body(out)?,
            Self::PortStatus(status) => status.encode_body(out),
            Self::PacketOut(packet_out) => packet_out.encode_body(out)?,
            Self::FlowMod(flow_mod) => flow_mod.encode_body(out)?,
            Self::MultipartRequest(request) => request.encode_body(out)?,
            Self::MultipartReply(reply) => reply.encode_body(out)?,
            Self::BundleControl(control) => control.encode_body(out),
            Self::BundleAdd(add) => add.encode_body(xid, out)?,
            Self::RoleRequest(role) | Self::RoleReply(role) => role.encode_body(out),
            Self::RoleStatus(status) => status.encode_body(out),
            Self::GetAsyncReply(config) | Self::SetAsync(config) => config.encode_body(out),
            Self::MeterMod(meter) => meter.encode_body(out)?,
            Self::FlowMonitorControl(control) => control.encode_body(out),
            Self::Other(other) => out.put_slice(&other.body),
            Self::FeaturesRequest
            | Self::GetConfigRequest
            | Self::GetAsyncRequest
            | Self::BarrierRequest
            | Self::BarrierReply => {}
        }
        Ok(())
    }
}

/// Appends a header with this version, type and xid, and the body behind it; where that fails, `out` is as before.
pub(super) fn put_framed(
    out: &mut BytesMut,
    what: &'static str,
    (version, kind, xid): (u8, u8, Xid),
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u8(version);
    out.put_u8(kind);
    out.put_u16(0);
    out.put_u32(xid.0);
    let result = body(out).and_then(|()| {
        let len = out.len() - start;
        patch_len(out, what, start + 2, len)
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
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
