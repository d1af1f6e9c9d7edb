//! The numbers of message types, and what each message is called in logs.

use super::header::VERSION_1_3;
use super::message::Message;

pub(super) const HELLO: u8 = 0;
pub(super) const ERROR: u8 = 1;
pub(super) const ECHO_REQUEST: u8 = 2;
pub(super) const ECHO_REPLY: u8 = 3;
pub(super) const EXPERIMENTER: u8 = 4;
pub(super) const FEATURES_REQUEST: u8 = 5;
pub(super) const FEATURES_REPLY: u8 = 6;
pub(super) const GET_CONFIG_REQUEST: u8 = 7;
pub(super) const GET_CONFIG_REPLY: u8 = 8;
pub(super) const SET_CONFIG: u8 = 9;
pub(super) const PACKET_IN: u8 = 10;
pub(super) const FLOW_REMOVED: u8 = 11;
pub(super) const PORT_STATUS: u8 = 12;
pub(super) const PACKET_OUT: u8 = 13;
pub(super) const FLOW_MOD: u8 = 14;
pub(super) const MULTIPART_REQUEST: u8 = 18;
pub(super) const MULTIPART_REPLY: u8 = 19;
pub(super) const BARRIER_REQUEST: u8 = 20;
pub(super) const BARRIER_REPLY: u8 = 21;
pub(super) const ROLE_REQUEST: u8 = 24;
pub(super) const ROLE_REPLY: u8 = 25;
pub(super) const GET_ASYNC_REQUEST: u8 = 26;
pub(super) const GET_ASYNC_REPLY: u8 = 27;
pub(super) const SET_ASYNC: u8 = 28;
pub(super) const METER_MOD: u8 = 29;

impl Message {
    /// The version and the type in the message's header.
    pub(super) const fn version_and_kind(&self) -> (u8, u8) {
        let kind = match self {
            Self::Hello(hello) => return (hello.version, HELLO),
            Self::Other(other) => return (other.version, other.kind),
            Self::Error(_) => ERROR,
            Self::EchoRequest(_) => ECHO_REQUEST,
            Self::EchoReply(_) => ECHO_REPLY,
            Self::Experimenter(_)
            | Self::BundleControl(_)
            | Self::BundleAdd(_)
            | Self::PacketIn2(_)
            | Self::Resume(_)
            | Self::RoleStatus(_)
            | Self::FlowMonitorControl(_) => EXPERIMENTER,
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
            Self::RoleRequest(_) => ROLE_REQUEST,
            Self::RoleReply(_) => ROLE_REPLY,
            Self::GetAsyncRequest => GET_ASYNC_REQUEST,
            Self::GetAsyncReply(_) => GET_ASYNC_REPLY,
            Self::SetAsync(_) => SET_ASYNC,
            Self::MeterMod(_) => METER_MOD,
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
            Self::PacketIn2(_) => "packet-in of Nicira",
            Self::Resume(_) => "resume",
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
            Self::RoleRequest(_) => "role request",
            Self::RoleReply(_) => "role reply",
            Self::RoleStatus(_) => "role status",
            Self::GetAsyncRequest => "async config request",
            Self::GetAsyncReply(_) => "async config reply",
            Self::SetAsync(_) => "set async config",
            Self::MeterMod(_) => "meter mod",
            Self::FlowMonitorControl(_) => "flow monitor control",
            Self::Other(_) => "other message",
        }
    }
}
