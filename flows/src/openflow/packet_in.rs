//! A packet that the switch hands to the controller.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::number::{BufferId, Cookie, TableId};
use super::oxm::Match;
use super::wire::{Reader, put_padding};

/// Why the packet was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketInReason {
    /// No flow, or the one at priority 0 without conditions, matched.
    NoMatch,
    /// An action said so.
    Action,
    /// Its time to live was over.
    InvalidTtl,
    /// A reason that later versions brought.
    Other(u8),
}

impl PacketInReason {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::NoMatch => 0,
            Self::Action => 1,
            Self::InvalidTtl => 2,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for PacketInReason {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::NoMatch,
            1 => Self::Action,
            2 => Self::InvalidTtl,
            _ => Self::Other(number),
        }
    }
}

/// A packet that the switch hands to the controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PacketIn {
    /// Where the switch holds the packet; OVS never does.
    pub buffer_id: BufferId,
    /// The packet's length before it was cut.
    pub total_len: u16,
    /// Why it was handed over.
    pub reason: PacketInReason,
    /// The table of the flow that did it.
    pub table: TableId,
    /// That flow's cookie.
    pub cookie: Cookie,
    /// The port that it came in on, and the registers and metadata that are not zero.
    pub matching: Match,
    /// The packet, from its Ethernet header on.
    pub frame: Bytes,
}

impl PacketIn {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(self.buffer_id.0);
        out.put_u16(self.total_len);
        out.put_u8(self.reason.number());
        out.put_u8(self.table.0);
        out.put_u64(self.cookie.0);
        self.matching.put(out)?;
        put_padding(out, 2);
        out.put_slice(&self.frame);
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("packet-in", body);
        let buffer_id = BufferId(reader.u32()?);
        let total_len = reader.u16()?;
        let reason = PacketInReason::from(reader.u8()?);
        let table = TableId(reader.u8()?);
        let cookie = Cookie(reader.u64()?);
        let matching = Match::read(&mut reader)?;
        reader.skip(2)?;
        Ok(Self { buffer_id, total_len, reason, table, cookie, matching, frame: reader.to_bytes() })
    }
}
