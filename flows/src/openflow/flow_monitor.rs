//! The flow monitor: the switch tells of every flow that comes, goes or changes (ONF extension 187 for 1.3).
//!
//! OVS answers the question with the flows that are there, where that was asked for, and from then on sends further
//! replies under xid 0. Changes that this connection itself makes are abbreviated to the xid that made them, unless
//! [`FlowMonitorFlags::OWN`] was asked for. A switch whose updates pile up pauses: see [`FlowMonitorControl`].

use std::ops::BitOr;

use buoy_topology::PortNo;
use bytes::{BufMut, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::header::Xid;
use super::instruction::Instruction;
use super::number::{Cookie, TableId};
use super::oxm::Match;
use super::vendor::ONF;
use super::wire::{Reader, patch_len, put_padding};

/// The type of the multipart message, after the ONF's id.
pub(super) const FLOW_MONITOR: u32 = 1870;

pub(super) const CANCEL: u32 = 1870;
pub(super) const PAUSED: u32 = 1871;
pub(super) const RESUMED: u32 = 1872;

const ADDED: u16 = 0;
const DELETED: u16 = 1;
const MODIFIED: u16 = 2;
const ABBREVIATED: u16 = 3;

/// Of an update, before its match.
const UPDATE_HEAD: usize = 24;

const UPDATE: &str = "flow update";

/// Which changes a monitor tells of, and how much of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowMonitorFlags(pub u16);

impl FlowMonitorFlags {
    /// The flows that are there.
    pub const INITIAL: Self = Self(1);
    /// Flows that are added.
    pub const ADD: Self = Self(1 << 1);
    /// Flows that go.
    pub const DELETE: Self = Self(1 << 2);
    /// Flows that change.
    pub const MODIFY: Self = Self(1 << 3);
    /// What they do, too.
    pub const ACTIONS: Self = Self(1 << 4);
    /// Changes of this connection in full, too.
    pub const OWN: Self = Self(1 << 5);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for FlowMonitorFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Asks to be told of changes to the flows that pass every filter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowMonitorRequest {
    /// Names the monitor on its connection.
    pub id: u32,
    /// Which changes.
    pub flags: FlowMonitorFlags,
    /// Flows that output to this port; [`PortNo::ANY`] for all.
    pub out_port: PortNo,
    /// The table; [`TableId::ALL`] for every one.
    pub table: TableId,
    /// Flows that match at least this.
    pub matching: Match,
}

impl FlowMonitorRequest {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(self.id);
        out.put_u16(self.flags.0);
        let len_at = out.len();
        out.put_u16(0);
        out.put_u32(self.out_port.0);
        out.put_u8(self.table.0);
        put_padding(out, 3);
        put_match(&self.matching, len_at, out)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = reader.u32()?;
        let flags = FlowMonitorFlags(reader.u16()?);
        reader.skip(2)?;
        let out_port = PortNo(reader.u32()?);
        let table = TableId(reader.u8()?);
        reader.skip(3)?;
        Ok(Self { id, flags, out_port, table, matching: Match::read(reader)? })
    }
}

/// What happened to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowEvent {
    /// It came, or was there when the monitor began.
    Added,
    /// It went; the reason is that of a flow-removed message.
    Deleted {
        /// The reason's number (OFPRR_*).
        reason: u16,
    },
    /// It does something else now, or another cookie is on it.
    Modified,
}

/// One change that a monitor tells of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FlowUpdate {
    /// A flow, in full.
    Full(FlowChange),
    /// Whatever the message with this xid changed.
    Abbreviated(Xid),
}

/// A flow that came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowChange {
    /// What happened.
    pub event: FlowEvent,
    /// The flow's table.
    pub table: TableId,
    /// Its priority.
    pub priority: u16,
    /// It goes after so many seconds without a packet; 0 for never.
    pub idle_timeout: u16,
    /// It goes after so many seconds; 0 for never.
    pub hard_timeout: u16,
    /// Its cookie.
    pub cookie: Cookie,
    /// Which packets.
    pub matching: Match,
    /// What is done with them; empty where the flow went, or actions were not asked for.
    pub instructions: Vec<Instruction>,
}

impl FlowUpdate {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Full(change) => change.put(out),
            Self::Abbreviated(xid) => {
                out.put_u16(8);
                out.put_u16(ABBREVIATED);
                out.put_u32(xid.0);
                Ok(())
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::from(Reader::new(UPDATE, reader.rest()).u16()?);
        if len < 8 || !len.is_multiple_of(8) {
            return Err(DecodeError::BadLength { what: UPDATE, len });
        }
        let mut update = Reader::new(UPDATE, reader.bytes(len)?);
        update.skip(2)?;
        match update.u16()? {
            ABBREVIATED => Ok(Self::Abbreviated(Xid(update.u32()?))),
            event => FlowChange::read(event, update).map(Self::Full),
        }
    }
}

impl FlowChange {
    fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        let (event, reason) = match self.event {
            FlowEvent::Added => (ADDED, 0),
            FlowEvent::Deleted { reason } => (DELETED, reason),
            FlowEvent::Modified => (MODIFIED, 0),
        };
        out.put_u16(0);
        out.put_u16(event);
        out.put_u16(reason);
        out.put_u16(self.priority);
        out.put_u16(self.idle_timeout);
        out.put_u16(self.hard_timeout);
        out.put_u16(0);
        out.put_u8(self.table.0);
        put_padding(out, 1);
        out.put_u64(self.cookie.0);
        put_match(&self.matching, start + UPDATE_HEAD - 12, out)?;
        Instruction::encode_list(&self.instructions, out)?;
        let len = out.len() - start;
        patch_len(out, UPDATE, start, len)
    }

    /// Reads what follows length and event.
    fn read(event: u16, mut update: Reader<'_>) -> Result<Self, DecodeError> {
        let reason = update.u16()?;
        let event = match event {
            ADDED => FlowEvent::Added,
            DELETED => FlowEvent::Deleted { reason },
            MODIFIED => FlowEvent::Modified,
            _ => return Err(DecodeError::BadValue { what: "flow update event", value: event.into() }),
        };
        let priority = update.u16()?;
        let (idle_timeout, hard_timeout) = (update.u16()?, update.u16()?);
        update.skip(2)?;
        let table = TableId(update.u8()?);
        update.skip(1)?;
        let cookie = Cookie(update.u64()?);
        let matching = Match::read(&mut update)?;
        let instructions = Instruction::decode_list(update.rest())?;
        Ok(Self { event, table, priority, idle_timeout, hard_timeout, cookie, matching, instructions })
    }
}

/// Writes the match, and over the two bytes at `len_at` its length without padding.
fn put_match(matching: &Match, len_at: usize, out: &mut BytesMut) -> Result<(), EncodeError> {
    let start = out.len();
    matching.put(out)?;
    let len =
        Reader::new("match", out.get(start..).unwrap_or_default()).tlv("match").map_or(0, |(_, whole, _)| whole.len());
    patch_len(out, "match", len_at, len)
}

/// Ends a monitor, or tells that it paused or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowMonitorControl {
    /// Asks to end the monitor with this id.
    Cancel(u32),
    /// Updates pile up: until it resumes the switch tells only of flows that go.
    Paused,
    /// All that was added or changed meanwhile has been told.
    Resumed,
}

impl FlowMonitorControl {
    pub(super) fn encode_body(self, out: &mut BytesMut) {
        out.put_u32(ONF);
        out.put_u32(self.kind());
        if let Self::Cancel(id) = self {
            out.put_u32(id);
        }
    }

    /// The ONF's number of the message.
    pub(super) const fn kind(self) -> u32 {
        match self {
            Self::Cancel(_) => CANCEL,
            Self::Paused => PAUSED,
            Self::Resumed => RESUMED,
        }
    }

    /// Reads what follows vendor and message type; none for another type.
    pub(super) fn decode_rest(kind: u32, rest: &[u8]) -> Option<Result<Self, DecodeError>> {
        match kind {
            CANCEL => Some(Reader::new("flow monitor cancel", rest).u32().map(Self::Cancel)),
            PAUSED => Some(Ok(Self::Paused)),
            RESUMED => Some(Ok(Self::Resumed)),
            _ => None,
        }
    }
}

/// The body of an experimenter's multipart message that is a flow monitor's; none where it is not.
pub(super) fn body_of(body: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader::new("flow monitor", body);
    let ids = (reader.u32().ok()?, reader.u32().ok()?);
    (ids == (ONF, FLOW_MONITOR)).then_some(reader)
}

pub(super) fn put_ids(out: &mut BytesMut) {
    out.put_u32(ONF);
    out.put_u32(FLOW_MONITOR);
}
