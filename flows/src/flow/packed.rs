//! Flows as bytes: the form in which many are kept, compared and sent.

use std::fmt;

use bytes::{Buf, BufMut, BytesMut};
use triomphe::ThinArc;

use super::owner::Feature;
use super::{Flow, Owner};
use crate::openflow::{
    Cookie, DecodeError, EncodeError, FlowChange, FlowModFlags, FlowStats, Instruction, Match, TableId,
};

/// A flow's identity: table, priority and match, as bytes. Equal flows have equal bytes, since a match has one
/// form. Cloning shares the bytes; there are millions of these, so that the pointer knows no length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey(ThinArc<(), u8>);

/// What a flow does and whose it is, as bytes. Cloning shares them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlowBody(ThinArc<(), u8>);

impl Flow {
    /// The flow as bytes.
    pub fn pack(&self) -> (FlowKey, FlowBody) {
        let key = FlowKey::of(self.table, self.priority, &self.matching);
        let body = FlowBody::of(self.owner.cookie(), &self.instructions);
        (key, body.expect(FlowBody::IS_SHORT))
    }

    /// The flow that the bytes stand for. They were made by [`Flow::pack`]; other bytes are an error.
    pub fn unpack(key: &FlowKey, body: &FlowBody) -> Result<Self, DecodeError> {
        let (table, priority, matching) = key.parts()?;
        let mut bytes = body.bytes();
        let cookie = Cookie(bytes.try_get_u64().map_err(|_| DecodeError::Short { what: "packed flow" })?);
        let owner =
            Owner::of(cookie).ok_or(DecodeError::BadValue { what: "cookie of a packed flow", value: cookie.0 })?;
        Ok(Self { table, priority, matching, owner, instructions: Instruction::decode_list(bytes)? })
    }
}

impl FlowKey {
    /// The identity of a flow.
    pub fn of(table: TableId, priority: u16, matching: &Match) -> Self {
        let mut key = Vec::with_capacity(64);
        Self::put(table, priority, matching, &mut key);
        Self::from_bytes(&key)
    }

    /// Writes the bytes of an identity.
    pub(super) fn put(table: TableId, priority: u16, matching: &Match, out: &mut impl BufMut) {
        out.put_u8(table.0);
        out.put_u16(priority);
        matching.encode_oxm(out);
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice((), bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.slice
    }

    /// Table and priority, which are there to be seen without decoding.
    pub fn place(&self) -> (TableId, u16) {
        match self.0.slice {
            [table, high, low, ..] => (TableId(table), u16::from_be_bytes([high, low])),
            _ => (TableId(0), 0),
        }
    }

    /// The match, as the bytes of its fields.
    pub(super) fn oxm(&self) -> &[u8] {
        self.0.slice.get(3..).unwrap_or_default()
    }

    /// Table, priority and match.
    pub fn parts(&self) -> Result<(TableId, u16, Match), DecodeError> {
        let short = |_| DecodeError::Short { what: "packed flow" };
        let mut bytes = &self.0.slice;
        let table = TableId(bytes.try_get_u8().map_err(short)?);
        let priority = bytes.try_get_u16().map_err(short)?;
        Ok((table, priority, Match::decode_oxm(bytes)?))
    }
}

impl FlowBody {
    /// The body of a flow with this cookie, whoever made it.
    pub fn of(cookie: Cookie, instructions: &[Instruction]) -> Result<Self, EncodeError> {
        let mut body = BytesMut::with_capacity(256);
        Self::put(cookie, instructions, &mut body)?;
        Ok(Self::from_bytes(&body))
    }

    /// Writes the bytes of a body.
    pub(super) fn put(cookie: Cookie, instructions: &[Instruction], out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u64(cookie.0);
        Instruction::encode_list(instructions, out)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice((), bytes))
    }

    /// The body of a flow that a switch reports. Timeouts and flags make it differ from all that the pipeline writes.
    pub fn reported(stats: &FlowStats) -> Result<Self, EncodeError> {
        let is_plain = stats.idle_timeout == 0 && stats.hard_timeout == 0 && stats.flags == FlowModFlags::NONE;
        Self::of(stats.cookie, &stats.instructions).map(|body| if is_plain { body } else { body.strange() })
    }

    /// The body of a flow that somebody else added or changed, as a flow monitor tells it.
    pub fn changed(change: &FlowChange) -> Result<Self, EncodeError> {
        let is_plain = change.idle_timeout == 0 && change.hard_timeout == 0;
        Self::of(change.cookie, &change.instructions).map(|body| if is_plain { body } else { body.strange() })
    }

    /// The number of the entity that the flow was made for; none for drops and for what a bridge has in any case.
    pub fn entity(&self) -> Option<u32> {
        let cookie = self.bytes().first_chunk().map(|bytes| Cookie(u64::from_be_bytes(*bytes)))?;
        let owner = Owner::of(cookie).filter(|owner| owner.feature != Feature::Drop)?;
        Some(owner.entity).filter(|entity| *entity != 0)
    }

    /// Cookie, and the instructions as bytes.
    pub(super) fn split(&self) -> (Cookie, &[u8]) {
        match self.bytes().split_first_chunk() {
            Some((cookie, instructions)) => (Cookie(u64::from_be_bytes(*cookie)), instructions),
            None => (Cookie(0), &[]),
        }
    }

    /// A body that differs from all that the pipeline writes.
    fn strange(self) -> Self {
        Self(ThinArc::from_header_and_slice((), &[self.bytes(), b"?"].concat()))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.slice
    }

    pub(super) const IS_SHORT: &str = "the pipeline writes whole fields and short lists";
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Ok((table, priority, matching)) => write!(f, "table={},priority={priority},{matching}", table.0),
            Err(error) => write!(f, "{:02x?} ({error})", &self.0.slice),
        }
    }
}

impl fmt::Debug for FlowBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.bytes())
    }
}
