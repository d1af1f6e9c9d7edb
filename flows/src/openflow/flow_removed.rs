//! Word that a flow went which had asked for it.

use bytes::{BufMut, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::number::{Cookie, FlowDuration, TableId};
use super::oxm::Match;
use super::wire::Reader;

/// Why a flow went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowRemovedReason {
    /// No packet came for too long.
    IdleTimeout,
    /// Its time was over.
    HardTimeout,
    /// A flow mod deleted it.
    Delete,
    /// Its group went.
    GroupDelete,
    /// A reason that later versions brought.
    Other(u8),
}

impl FlowRemovedReason {
    const fn number(self) -> u8 {
        match self {
            Self::IdleTimeout => 0,
            Self::HardTimeout => 1,
            Self::Delete => 2,
            Self::GroupDelete => 3,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for FlowRemovedReason {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::IdleTimeout,
            1 => Self::HardTimeout,
            2 => Self::Delete,
            3 => Self::GroupDelete,
            _ => Self::Other(number),
        }
    }
}

/// Word that a flow went.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowRemoved {
    /// Its cookie.
    pub cookie: Cookie,
    /// Its priority.
    pub priority: u16,
    /// Why it went.
    pub reason: FlowRemovedReason,
    /// Its table.
    pub table: TableId,
    /// How long it had been there.
    pub duration: FlowDuration,
    /// Its idle timeout.
    pub idle_timeout: u16,
    /// Its hard timeout.
    pub hard_timeout: u16,
    /// The packets that matched.
    pub packet_count: u64,
    /// The bytes in them.
    pub byte_count: u64,
    /// Which packets.
    pub matching: Match,
}

impl FlowRemoved {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u64(self.cookie.0);
        out.put_u16(self.priority);
        out.put_u8(self.reason.number());
        out.put_u8(self.table.0);
        out.put_u32(self.duration.seconds);
        out.put_u32(self.duration.nanoseconds);
        out.put_u16(self.idle_timeout);
        out.put_u16(self.hard_timeout);
        out.put_u64(self.packet_count);
        out.put_u64(self.byte_count);
        self.matching.put(out)
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("flow removed", body);
        Ok(Self {
            cookie: Cookie(reader.u64()?),
            priority: reader.u16()?,
            reason: FlowRemovedReason::from(reader.u8()?),
            table: TableId(reader.u8()?),
            duration: FlowDuration { seconds: reader.u32()?, nanoseconds: reader.u32()? },
            idle_timeout: reader.u16()?,
            hard_timeout: reader.u16()?,
            packet_count: reader.u64()?,
            byte_count: reader.u64()?,
            matching: Match::read(&mut reader)?,
        })
    }
}
