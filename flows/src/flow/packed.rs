//! Flows as bytes: the form in which many are kept, compared and sent.

use std::fmt;

use bytes::{Buf, BufMut, BytesMut};

use super::{Flow, Owner};
use crate::openflow::{Cookie, DecodeError, Instruction, Match, TableId};

/// A flow's identity: table, priority and match, as bytes. Equal flows have equal bytes, since a match has one form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey(Box<[u8]>);

/// What a flow does and whose it is, as bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlowBody(Box<[u8]>);

impl Flow {
    /// The flow as bytes.
    pub fn pack(&self) -> (FlowKey, FlowBody) {
        let mut key = Vec::with_capacity(64);
        key.put_u8(self.table.0);
        key.put_u16(self.priority);
        self.matching.encode_oxm(&mut key);
        let mut body = BytesMut::with_capacity(256);
        body.put_u64(self.owner.cookie().0);
        Instruction::encode_list(&self.instructions, &mut body)
            .expect("the pipeline writes whole fields and short lists");
        (FlowKey(key.into()), FlowBody((*body).into()))
    }

    /// The flow that the bytes stand for. They were made by [`Flow::pack`]; other bytes are an error.
    pub fn unpack(key: &FlowKey, body: &FlowBody) -> Result<Self, DecodeError> {
        let (table, priority, matching) = key.parts()?;
        let mut bytes = &*body.0;
        let cookie = Cookie(bytes.try_get_u64().map_err(|_| DecodeError::Short { what: "packed flow" })?);
        let owner =
            Owner::of(cookie).ok_or(DecodeError::BadValue { what: "cookie of a packed flow", value: cookie.0 })?;
        Ok(Self { table, priority, matching, owner, instructions: Instruction::decode_list(bytes)? })
    }
}

impl FlowKey {
    /// Table, priority and match.
    pub fn parts(&self) -> Result<(TableId, u16, Match), DecodeError> {
        let short = |_| DecodeError::Short { what: "packed flow" };
        let mut bytes = &*self.0;
        let table = TableId(bytes.try_get_u8().map_err(short)?);
        let priority = bytes.try_get_u16().map_err(short)?;
        Ok((table, priority, Match::decode_oxm(bytes)?))
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Ok((table, priority, matching)) => write!(f, "table={},priority={priority},{matching:?}", table.0),
            Err(error) => write!(f, "{:02x?} ({error})", self.0),
        }
    }
}

impl fmt::Debug for FlowBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.0)
    }
}
