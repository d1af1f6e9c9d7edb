//! Adds, changes and deletes flows.

use std::ops::BitOr;

use buoy_topology::PortNo;
use bytes::{BufMut, BytesMut};

use super::bundle::{BundleFlags, BundleId, put_add};
use super::codec_error::{DecodeError, EncodeError};
use super::header::{VERSION_1_3, Xid};
use super::instruction::Instruction;
use super::kind;
use super::message::put_framed;
use super::number::{ANY_GROUP, BufferId, Cookie, TableId};
use super::oxm::Match;
use super::wire::{Reader, put_padding};

/// What is done to the flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowModCommand {
    /// Adds the flow; one with the same table, priority and match gives way to it.
    #[default]
    Add,
    /// Gives new instructions to all flows that match.
    Modify,
    /// Gives new instructions to the flow with this priority and match.
    ModifyStrict,
    /// Deletes all flows that match.
    Delete,
    /// Deletes the flow with this priority and match.
    DeleteStrict,
}

impl FlowModCommand {
    const fn number(self) -> u8 {
        match self {
            Self::Add => 0,
            Self::Modify => 1,
            Self::ModifyStrict => 2,
            Self::Delete => 3,
            Self::DeleteStrict => 4,
        }
    }

    fn read(number: u8) -> Result<Self, DecodeError> {
        Ok(match number {
            0 => Self::Add,
            1 => Self::Modify,
            2 => Self::ModifyStrict,
            3 => Self::Delete,
            4 => Self::DeleteStrict,
            _ => return Err(DecodeError::BadValue { what: "flow mod command", value: number.into() }),
        })
    }
}

/// How a flow behaves beside its match and instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowModFlags(pub u16);

impl FlowModFlags {
    /// Nothing of the kind.
    pub const NONE: Self = Self(0);
    /// The switch tells when the flow goes.
    pub const SEND_FLOW_REM: Self = Self(1);
    /// The flow is refused where one of its priority overlaps it.
    pub const CHECK_OVERLAP: Self = Self(1 << 1);
    /// Counters begin anew.
    pub const RESET_COUNTS: Self = Self(1 << 2);
    /// Packets are not counted.
    pub const NO_PACKET_COUNTS: Self = Self(1 << 3);
    /// Bytes are not counted.
    pub const NO_BYTE_COUNTS: Self = Self(1 << 4);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for FlowModFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Adds, changes or deletes flows; by default adds one with an empty match to table 0, without instructions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowMod {
    /// The flow's cookie, or what the cookies of the changed and deleted ones must be under the mask.
    pub cookie: Cookie,
    /// Which bits of the cookie restrict a change or a delete.
    pub cookie_mask: Cookie,
    /// The table; [`TableId::ALL`] deletes in every one.
    pub table: TableId,
    /// What is done.
    pub command: FlowModCommand,
    /// The flow goes after so many seconds without a packet; 0 for never.
    pub idle_timeout: u16,
    /// The flow goes after so many seconds; 0 for never.
    pub hard_timeout: u16,
    /// Higher ones are looked at first.
    pub priority: u16,
    /// A held packet that goes through the new flow.
    pub buffer_id: BufferId,
    /// Restricts a delete to flows that output to this port.
    pub out_port: PortNo,
    /// Restricts a delete to flows that output to this group.
    pub out_group: u32,
    /// How the flow behaves.
    pub flags: FlowModFlags,
    /// Which packets.
    pub matching: Match,
    /// What is done with them.
    pub instructions: Vec<Instruction>,
}

impl Default for FlowMod {
    fn default() -> Self {
        Self {
            cookie: Cookie(0),
            cookie_mask: Cookie(0),
            table: TableId(0),
            command: FlowModCommand::Add,
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 0x8000,
            buffer_id: BufferId::NONE,
            out_port: PortNo::ANY,
            out_group: ANY_GROUP,
            flags: FlowModFlags::NONE,
            matching: Match::new(),
            instructions: Vec::new(),
        }
    }
}

impl FlowMod {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.put_head(out);
        self.matching.put(out)?;
        Instruction::encode_list(&self.instructions, out)
    }

    /// Appends the flow mod as a message of an open bundle, with the match and the instructions from these bytes.
    pub(crate) fn put_in_bundle(
        &self,
        (oxm, instructions): (&[u8], &[u8]),
        (bundle, flags, xid): (BundleId, BundleFlags, Xid),
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        put_add(out, (bundle, flags, xid), |out| {
            put_framed(out, "flow mod", (VERSION_1_3, kind::FLOW_MOD, xid), |out| {
                self.put_head(out);
                Match::put_oxm(oxm, out)?;
                out.put_slice(instructions);
                Ok(())
            })
        })
    }

    /// What stands before the match.
    fn put_head(&self, out: &mut BytesMut) {
        out.put_u64(self.cookie.0);
        out.put_u64(self.cookie_mask.0);
        out.put_u8(self.table.0);
        out.put_u8(self.command.number());
        out.put_u16(self.idle_timeout);
        out.put_u16(self.hard_timeout);
        out.put_u16(self.priority);
        out.put_u32(self.buffer_id.0);
        out.put_u32(self.out_port.0);
        out.put_u32(self.out_group);
        out.put_u16(self.flags.0);
        put_padding(out, 2);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("flow mod", body);
        let cookie = Cookie(reader.u64()?);
        let cookie_mask = Cookie(reader.u64()?);
        let table = TableId(reader.u8()?);
        let command = FlowModCommand::read(reader.u8()?)?;
        let idle_timeout = reader.u16()?;
        let hard_timeout = reader.u16()?;
        let priority = reader.u16()?;
        let buffer_id = BufferId(reader.u32()?);
        let out_port = PortNo(reader.u32()?);
        let out_group = reader.u32()?;
        let flags = FlowModFlags(reader.u16()?);
        reader.skip(2)?;
        let matching = Match::read(&mut reader)?;
        let instructions = Instruction::decode_list(reader.rest())?;
        Ok(Self {
            cookie,
            cookie_mask,
            table,
            command,
            idle_timeout,
            hard_timeout,
            priority,
            buffer_id,
            out_port,
            out_group,
            flags,
            matching,
            instructions,
        })
    }
}
