//! Packets on their way to the controller and back.

use std::fmt;

use super::action::{Actions, Dotted};
use super::{Hex, Kept, Reason};
use crate::openflow::number::BufferId;
use crate::openflow::packet_in::PacketIn;
use crate::openflow::packet_in2::PacketIn2;
use crate::openflow::packet_out::PacketOut;

/// What a packet-in says.
pub(super) struct In<'a>(pub(super) &'a PacketIn);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PacketIn { buffer_id, total_len, reason, table, cookie, matching, frame } = self.0;
        if table.0 != 0 {
            write!(f, " table_id={table}")?;
        }
        if cookie.0 != u64::MAX {
            write!(f, " cookie={cookie}")?;
        }
        write!(f, " total_len={total_len} {matching} (via {}) data_len={}", Reason(*reason), frame.len())?;
        match *buffer_id {
            BufferId::NONE => f.write_str(" (unbuffered)")?,
            BufferId(number) => write!(f, " buffer={number:#010x}")?,
        }
        write!(f, "{}", Kept(frame))
    }
}

/// What a packet-out says.
pub(super) struct Out<'a>(pub(super) &'a PacketOut);

impl fmt::Display for Out<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PacketOut { buffer_id, in_port, actions, frame } = self.0;
        write!(f, " in_port={in_port} actions={}", Actions(actions))?;
        match *buffer_id {
            BufferId::NONE => write!(f, " data_len={}{}", frame.len(), Kept(frame)),
            BufferId(number) => write!(f, " buffer={number:#010x}"),
        }
    }
}

/// What a packet-in of Nicira says.
pub(super) struct In2<'a>(pub(super) &'a PacketIn2);

impl fmt::Display for In2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PacketIn2 { frame, full_len, table, cookie, reason, metadata, continuation, userdata } = self.0;
        if let Some(table) = table.filter(|table| table.0 != 0) {
            write!(f, " table_id={table}")?;
        }
        if let Some(cookie) = cookie {
            write!(f, " cookie={cookie}")?;
        }
        let total_len = full_len.map_or(frame.len().to_string(), |len| len.to_string());
        write!(f, " total_len={total_len} {metadata}")?;
        if let Some(reason) = reason {
            write!(f, " (via {})", Reason(*reason))?;
        }
        write!(f, " data_len={} (unbuffered)", frame.len())?;
        if let Some(userdata) = userdata {
            write!(f, "\n userdata={}", Dotted(userdata))?;
        }
        if let Some(continuation) = continuation {
            write!(f, "\n continuation={}", Hex(continuation))?;
        }
        write!(f, "{}", Kept(frame))
    }
}
