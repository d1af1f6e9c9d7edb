//! The names that Open vSwitch gives messages, by the numbers that stand in their bytes.

use super::bundle;
use super::flow_monitor::FLOW_MONITOR;
use super::header::{VERSION_1_0, VERSION_1_3};
use super::message::Message;
use super::multipart::{EXPERIMENTER as MULTIPART_EXPERIMENTER, MultipartReplyBody, MultipartRequestBody};
use super::packet_in2;
use super::role;
use super::vendor::{NICIRA, ONF};

impl Message {
    /// The name that OVS gives the message, like `OFPT_GROUP_MOD` or `OFPST_PORT reply`; none where it has none.
    pub fn openflow_name(&self) -> Option<&'static str> {
        match self {
            Self::Experimenter(message) => vendor_message(message.experimenter, message.kind),
            Self::PacketIn2(_) => vendor_message(NICIRA, packet_in2::PACKET_IN2),
            Self::Resume(_) => vendor_message(NICIRA, packet_in2::RESUME),
            Self::BundleControl(_) => vendor_message(ONF, bundle::CONTROL),
            Self::BundleAdd(_) => vendor_message(ONF, bundle::ADD),
            Self::RoleStatus(_) => vendor_message(ONF, role::ROLE_STATUS),
            Self::FlowMonitorControl(control) => vendor_message(ONF, control.kind()),
            Self::MultipartRequest(request) => multipart(request.body.kind(), vendor_of(&request.body), |both| both.0),
            Self::MultipartReply(reply) => multipart(reply.body.kind(), vendor_of_reply(&reply.body), |both| both.1),
            _ => {
                let (version, kind) = self.version_and_kind();
                message(version, kind)
            }
        }
    }
}

fn vendor_of(body: &MultipartRequestBody) -> Option<(u32, u32)> {
    match body {
        MultipartRequestBody::FlowMonitor(_) => Some((ONF, FLOW_MONITOR)),
        MultipartRequestBody::Other { kind: MULTIPART_EXPERIMENTER, body } => ids(body),
        _ => None,
    }
}

fn vendor_of_reply(body: &MultipartReplyBody) -> Option<(u32, u32)> {
    match body {
        MultipartReplyBody::FlowMonitor(_) => Some((ONF, FLOW_MONITOR)),
        MultipartReplyBody::Other { kind: MULTIPART_EXPERIMENTER, body } => ids(body),
        _ => None,
    }
}

/// Vendor and type, which begin the body of a vendor's multipart message.
fn ids(body: &[u8]) -> Option<(u32, u32)> {
    let (vendor, rest) = body.split_first_chunk()?;
    Some((u32::from_be_bytes(*vendor), u32::from_be_bytes(*rest.first_chunk()?)))
}

fn message(version: u8, kind: u8) -> Option<&'static str> {
    let table: &[_] = match version {
        // Up to the packet-in the numbers are those of every version.
        VERSION_1_0 => TYPES_1_0,
        VERSION_1_3 => TYPES_1_3,
        _ => COMMON_TYPES,
    };
    table.get(usize::from(kind)).copied()
}

fn vendor_message(vendor: u32, kind: u32) -> Option<&'static str> {
    VENDOR_MESSAGES.iter().find(|(own, number, _)| (*own, *number) == (vendor, kind)).map(|(.., name)| *name)
}

fn multipart(kind: u16, vendor: Option<(u32, u32)>, pick: fn(&Both) -> &'static str) -> Option<&'static str> {
    match (kind, vendor) {
        (MULTIPART_EXPERIMENTER, Some(ids)) => {
            VENDOR_MULTIPARTS.iter().find(|(vendor, kind, _)| (*vendor, *kind) == ids).map(|(.., both)| pick(both))
        }
        _ => MULTIPARTS.get(usize::from(kind)).map(pick),
    }
}

/// The names of a question and of its answer.
type Both = (&'static str, &'static str);

macro_rules! both {
    ($name:literal) => {
        (concat!($name, " request"), concat!($name, " reply"))
    };
}

const TYPES_1_3: &[&str] = &[
    "OFPT_HELLO",
    "OFPT_ERROR",
    "OFPT_ECHO_REQUEST",
    "OFPT_ECHO_REPLY",
    "OFPT_EXPERIMENTER",
    "OFPT_FEATURES_REQUEST",
    "OFPT_FEATURES_REPLY",
    "OFPT_GET_CONFIG_REQUEST",
    "OFPT_GET_CONFIG_REPLY",
    "OFPT_SET_CONFIG",
    "OFPT_PACKET_IN",
    "OFPT_FLOW_REMOVED",
    "OFPT_PORT_STATUS",
    "OFPT_PACKET_OUT",
    "OFPT_FLOW_MOD",
    "OFPT_GROUP_MOD",
    "OFPT_PORT_MOD",
    "OFPT_TABLE_MOD",
    "OFPT_MULTIPART_REQUEST",
    "OFPT_MULTIPART_REPLY",
    "OFPT_BARRIER_REQUEST",
    "OFPT_BARRIER_REPLY",
    "OFPT_QUEUE_GET_CONFIG_REQUEST",
    "OFPT_QUEUE_GET_CONFIG_REPLY",
    "OFPT_ROLE_REQUEST",
    "OFPT_ROLE_REPLY",
    "OFPT_GET_ASYNC_REQUEST",
    "OFPT_GET_ASYNC_REPLY",
    "OFPT_SET_ASYNC",
    "OFPT_METER_MOD",
];

const TYPES_1_0: &[&str] = &[
    "OFPT_HELLO",
    "OFPT_ERROR",
    "OFPT_ECHO_REQUEST",
    "OFPT_ECHO_REPLY",
    "OFPT_VENDOR",
    "OFPT_FEATURES_REQUEST",
    "OFPT_FEATURES_REPLY",
    "OFPT_GET_CONFIG_REQUEST",
    "OFPT_GET_CONFIG_REPLY",
    "OFPT_SET_CONFIG",
    "OFPT_PACKET_IN",
    "OFPT_FLOW_REMOVED",
    "OFPT_PORT_STATUS",
    "OFPT_PACKET_OUT",
    "OFPT_FLOW_MOD",
    "OFPT_PORT_MOD",
    "OFPT_STATS_REQUEST",
    "OFPT_STATS_REPLY",
    "OFPT_BARRIER_REQUEST",
    "OFPT_BARRIER_REPLY",
    "OFPT_QUEUE_GET_CONFIG_REQUEST",
    "OFPT_QUEUE_GET_CONFIG_REPLY",
];

/// The types whose numbers no version changes.
const COMMON_TYPES: &[&str] = &["OFPT_HELLO", "OFPT_ERROR", "OFPT_ECHO_REQUEST", "OFPT_ECHO_REPLY"];

const MULTIPARTS: &[Both] = &[
    both!("OFPST_DESC"),
    both!("OFPST_FLOW"),
    both!("OFPST_AGGREGATE"),
    both!("OFPST_TABLE"),
    both!("OFPST_PORT"),
    both!("OFPST_QUEUE"),
    both!("OFPST_GROUP"),
    both!("OFPST_GROUP_DESC"),
    both!("OFPST_GROUP_FEATURES"),
    both!("OFPST_METER"),
    both!("OFPST_METER_CONFIG"),
    both!("OFPST_METER_FEATURES"),
    both!("OFPST_TABLE_FEATURES"),
    both!("OFPST_PORT_DESC"),
];

const VENDOR_MESSAGES: &[(u32, u32, &str)] = &[
    (ONF, 1_870, "ONFT_FLOW_MONITOR_CANCEL"),
    (ONF, 1_871, "ONFT_FLOW_MONITOR_PAUSED"),
    (ONF, 1_872, "ONFT_FLOW_MONITOR_RESUMED"),
    (ONF, 1_911, "ONFT_ROLE_STATUS"),
    (ONF, 2_300, "ONFT_BUNDLE_CONTROL"),
    (ONF, 2_301, "ONFT_BUNDLE_ADD_MESSAGE"),
    (ONF, 2_350, "ONFT_REQUESTFORWARD"),
    (NICIRA, 10, "NXT_ROLE_REQUEST"),
    (NICIRA, 11, "NXT_ROLE_REPLY"),
    (NICIRA, 12, "NXT_SET_FLOW_FORMAT"),
    (NICIRA, 13, "NXT_FLOW_MOD"),
    (NICIRA, 14, "NXT_FLOW_REMOVED"),
    (NICIRA, 15, "NXT_FLOW_MOD_TABLE_ID"),
    (NICIRA, 16, "NXT_SET_PACKET_IN_FORMAT"),
    (NICIRA, 17, "NXT_PACKET_IN"),
    (NICIRA, 18, "NXT_FLOW_AGE"),
    (NICIRA, 19, "NXT_SET_ASYNC_CONFIG"),
    (NICIRA, 20, "NXT_SET_CONTROLLER_ID"),
    (NICIRA, 21, "NXT_FLOW_MONITOR_CANCEL"),
    (NICIRA, 22, "NXT_FLOW_MONITOR_PAUSED"),
    (NICIRA, 23, "NXT_FLOW_MONITOR_RESUMED"),
    (NICIRA, 24, "NXT_TLV_TABLE_MOD"),
    (NICIRA, 25, "NXT_TLV_TABLE_REQUEST"),
    (NICIRA, 26, "NXT_TLV_TABLE_REPLY"),
    (NICIRA, 27, "NXT_SET_ASYNC_CONFIG2"),
    (NICIRA, 28, "NXT_RESUME"),
    (NICIRA, 29, "NXT_CT_FLUSH_ZONE"),
    (NICIRA, 30, "NXT_PACKET_IN2"),
    (NICIRA, 31, "NXT_GROUP_MOD"),
    (NICIRA, 32, "NXT_CT_FLUSH"),
    (NICIRA, 132, "NXT_REQUESTFORWARD"),
];

const VENDOR_MULTIPARTS: &[(u32, u32, Both)] = &[
    (ONF, 1870, both!("ONFST_FLOW_MONITOR")),
    (NICIRA, 0, both!("NXST_FLOW")),
    (NICIRA, 1, both!("NXST_AGGREGATE")),
    (NICIRA, 2, both!("NXST_FLOW_MONITOR")),
    (NICIRA, 3, both!("NXST_IPFIX_BRIDGE")),
    (NICIRA, 4, both!("NXST_IPFIX_FLOW")),
    (NICIRA, 7, both!("NXST_GROUP")),
    (NICIRA, 8, both!("NXST_GROUP_DESC")),
    (NICIRA, 9, both!("NXST_GROUP_FEATURES")),
];
