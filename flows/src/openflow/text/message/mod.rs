//! Messages as `ovs-ofctl ofp-print` prints them: name, version and xid, then what they say.

#[cfg(test)]
mod tests;

use std::fmt;

use super::flow::{Condition, Modification};
use super::meter::Metered;
use super::multipart::{Reply, Request};
use super::packet::{In, In2, Out};
use super::port::{Details, Status};
use super::role::{ChangedRole, InRole, Unasked};
use super::{Bits, Hex, Kept, Removal};
use crate::openflow::bundle::{BundleAdd, BundleControl, BundleFlags};
use crate::openflow::config::SwitchConfig;
use crate::openflow::error::ErrorMsg;
use crate::openflow::features::Features;
use crate::openflow::flow_monitor::FlowMonitorControl;
use crate::openflow::flow_removed::FlowRemoved;
use crate::openflow::header::{VERSION_1_0, Xid};
use crate::openflow::hello::Hello;
use crate::openflow::message::Message;

impl Message {
    /// The message as text, with the xid that it came or goes under.
    pub const fn with_xid(&self, xid: Xid) -> Printed<'_> {
        Printed { message: self, xid: Some(xid), quotes: true }
    }
}

/// The message as text, without an xid.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printed { message: self, xid: None, quotes: true })
    }
}

/// A message as text; see [`Message::with_xid`].
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    message: &'a Message,
    xid: Option<Xid>,
    /// Whether the message that an error quotes is printed as a message too; in a quoted message it is not.
    quotes: bool,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, kind) = self.message.version_and_kind();
        match (self.message.openflow_name(), self.message) {
            (Some(name), _) => f.write_str(name)?,
            (None, Message::Experimenter(vendor)) => {
                write!(f, "message {} of experimenter {:#010x}", vendor.kind, vendor.experimenter)?;
            }
            (None, Message::MultipartRequest(request)) => write!(f, "multipart {} request", request.body.kind())?,
            (None, Message::MultipartReply(reply)) => write!(f, "multipart {} reply", reply.body.kind())?,
            (None, _) => write!(f, "message type {kind}")?,
        }
        match version {
            VERSION_1_0 => {}
            2..=6 => write!(f, " (OF1.{})", version - 1)?,
            _ => write!(f, " (OF {version:#04x})")?,
        }
        match self.xid {
            Some(Xid(xid)) => write!(f, " (xid={xid:#x}):")?,
            None => f.write_str(":")?,
        }
        self.content(f)
    }
}

impl Printed<'_> {
    fn content(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Message::Hello(hello) => say_hello(f, hello),
            Message::Error(error) => self.error(f, error),
            Message::EchoRequest(payload) | Message::EchoReply(payload) => {
                write!(f, " {} bytes of payload{}", payload.len(), Kept(payload))
            }
            Message::FeaturesReply(features) => say_features(f, features),
            Message::GetConfigReply(config) | Message::SetConfig(config) => say_config(f, *config),
            Message::PacketIn(packet) => write!(f, "{}", In(packet)),
            Message::PacketIn2(packet) | Message::Resume(packet) => write!(f, "{}", In2(packet)),
            Message::FlowRemoved(removed) => say_removed(f, removed),
            Message::PortStatus(status) => write!(f, " {}: {}", Status(status.reason), Details(&status.port)),
            Message::PacketOut(packet) => write!(f, "{}", Out(packet)),
            Message::FlowMod(flow_mod) => write!(f, " {}", Modification(flow_mod)),
            Message::MultipartRequest(request) => write!(f, "{}", Request(request)),
            Message::MultipartReply(reply) => write!(f, "{}", Reply(reply)),
            Message::BundleControl(control) => say_control(f, control),
            Message::BundleAdd(add) => self.add(f, add),
            Message::RoleRequest(role) | Message::RoleReply(role) => write!(f, " {}", InRole(*role)),
            Message::RoleStatus(status) => write!(f, " {}", ChangedRole(status)),
            Message::GetAsyncReply(config) | Message::SetAsync(config) => write!(f, "{}", Unasked(config)),
            Message::MeterMod(meter_mod) => write!(f, " {}", Metered(meter_mod)),
            Message::FlowMonitorControl(FlowMonitorControl::Cancel(id)) => write!(f, " id={id}"),
            Message::Experimenter(vendor) => write!(f, "{}", Kept(&vendor.body)),
            Message::Other(other) => write!(f, "{}", Kept(&other.body)),
            Message::FeaturesRequest
            | Message::GetAsyncRequest
            | Message::FlowMonitorControl(_)
            | Message::GetConfigRequest
            | Message::BarrierRequest
            | Message::BarrierReply => Ok(()),
        }
    }

    fn error(&self, f: &mut fmt::Formatter<'_>, error: &ErrorMsg) -> fmt::Result {
        write!(f, " {error}")?;
        let failed = error.failed_message();
        match Message::decode(failed) {
            Ok((xid, message)) if self.quotes => {
                write!(f, "\n{}", Printed { message: &message, xid: Some(xid), quotes: false })
            }
            _ => write!(f, "{}", Kept(failed)),
        }
    }

    fn add(&self, f: &mut fmt::Formatter<'_>, add: &BundleAdd) -> fmt::Result {
        write!(f, "\n bundle_id={:#x} flags={}", add.id.0, bundle_flags(add.flags))?;
        write!(f, "\n{}", Printed { message: &add.message, ..*self })
    }
}

fn say_hello(f: &mut fmt::Formatter<'_>, hello: &Hello) -> fmt::Result {
    f.write_str("\n version bitmap: ")?;
    let mut separator = "";
    (0..=u8::MAX).filter(|&version| hello.supports(version)).try_for_each(|version| {
        write!(f, "{separator}{version:#04x}")?;
        separator = ", ";
        Ok(())
    })
}

fn say_features(f: &mut fmt::Formatter<'_>, features: &Features) -> fmt::Result {
    writeln!(f, " dpid:{:016x}", features.datapath_id.0)?;
    write!(f, "n_tables:{}, n_buffers:{}", features.n_tables, features.n_buffers)?;
    if features.auxiliary_id != 0 {
        write!(f, ", auxiliary_id:{}", features.auxiliary_id)?;
    }
    write!(f, "\ncapabilities: {}", Bits(features.capabilities, &CAPABILITIES))
}

fn say_config(f: &mut fmt::Formatter<'_>, config: SwitchConfig) -> fmt::Result {
    match config.flags & 3 {
        0 => f.write_str(" frags=normal")?,
        1 => f.write_str(" frags=drop")?,
        2 => f.write_str(" frags=reassemble")?,
        _ => f.write_str(" frags=nx-match")?,
    }
    write!(f, " miss_send_len={}", config.miss_send_len)
}

fn say_removed(f: &mut fmt::Formatter<'_>, removed: &FlowRemoved) -> fmt::Result {
    let condition = Condition { priority: removed.priority, matching: &removed.matching };
    write!(f, " {condition} reason={}", Removal(removed.reason))?;
    write!(f, " table_id={}", removed.table)?;
    if removed.cookie.0 != 0 {
        write!(f, " cookie:{}", removed.cookie)?;
    }
    write!(f, " duration{} idle{}", removed.duration, removed.idle_timeout)?;
    if removed.hard_timeout != 0 {
        write!(f, " hard{}", removed.hard_timeout)?;
    }
    write!(f, " pkts{} bytes{}", removed.packet_count, removed.byte_count)
}

fn say_control(f: &mut fmt::Formatter<'_>, control: &BundleControl) -> fmt::Result {
    let flags = bundle_flags(control.flags);
    write!(f, "\n bundle_id={:#x} type={} flags={flags}", control.id.0, control.kind.name())?;
    if control.properties.is_empty() { Ok(()) } else { write!(f, " properties={}", Hex(&control.properties)) }
}

const fn bundle_flags(flags: BundleFlags) -> Bits {
    Bits(flags.0 as u32, &[(1, "atomic"), (2, "ordered")])
}

const CAPABILITIES: [(u32, &str); 7] = [
    (1, "FLOW_STATS"),
    (1 << 1, "TABLE_STATS"),
    (1 << 2, "PORT_STATS"),
    (1 << 3, "GROUP_STATS"),
    (1 << 5, "IP_REASM"),
    (1 << 6, "QUEUE_STATS"),
    (1 << 8, "PORT_BLOCKED"),
];
