//! Flows that the switch makes by itself, out of the packets that it sees.

use bytes::{BufMut, Bytes, BytesMut};

use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::number::{Cookie, TableId};
use crate::openflow::oxm::{FieldId, Subfield};
use crate::openflow::wire::{Reader, put_padding};

const FROM_VALUE: u16 = 1 << 13;
const TO_LOAD: u16 = 1 << 11;
const TO_OUTPUT: u16 = 2 << 11;
const TO_MASK: u16 = 3 << 11;
const BITS_MASK: u16 = 0x3ff;

/// Adds a flow made of the packet (NXAST_LEARN and NXAST_LEARN2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Learn {
    /// The flow's idle timeout.
    pub idle_timeout: u16,
    /// The flow's hard timeout.
    pub hard_timeout: u16,
    /// The flow's priority.
    pub priority: u16,
    /// The flow's cookie.
    pub cookie: Cookie,
    /// How the flow behaves.
    pub flags: LearnFlags,
    /// The flow's table.
    pub table: TableId,
    /// The idle timeout after a FIN or RST; 0 for no change.
    pub fin_idle_timeout: u16,
    /// The hard timeout after a FIN or RST; 0 for no change.
    pub fin_hard_timeout: u16,
    /// What the newer form (NXAST_LEARN2) adds; none in the older one.
    pub limit: Option<LearnLimit>,
    /// What the flow matches and does.
    pub specs: Vec<LearnSpec>,
}

/// How a learnt flow behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LearnFlags(pub u16);

impl LearnFlags {
    /// The switch tells when the flow goes.
    pub const SEND_FLOW_REM: Self = Self(1);
    /// The learnt flows go with the flow that learnt them.
    pub const DELETE_LEARNED: Self = Self(1 << 1);
    /// A bit says whether the flow was learnt.
    pub const WRITE_RESULT: Self = Self(1 << 2);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// How many flows may be learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LearnLimit {
    /// The number of flows; 0 for any.
    pub flows: u32,
    /// The bit that says whether the flow was learnt; goes with [`LearnFlags::WRITE_RESULT`].
    pub result: Option<Subfield>,
}

/// One part of a learnt flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LearnSpec {
    /// How many bits it is about, 1 to 1,023.
    pub bits: u16,
    /// Where they come from.
    pub source: LearnSource,
    /// What they become.
    pub target: LearnTarget,
}

/// Where the bits come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnSource {
    /// The packet's field.
    Field(Subfield),
    /// This number, in as many 16-bit words as the bits need.
    Value(Bytes),
}

/// What the bits become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LearnTarget {
    /// A condition of the flow.
    Match(Subfield),
    /// An action that loads them into a field.
    Load(Subfield),
    /// An action that sends the packet to the port of this number.
    Output,
}

impl Learn {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u16(self.idle_timeout);
        out.put_u16(self.hard_timeout);
        out.put_u16(self.priority);
        out.put_u64(self.cookie.0);
        out.put_u16(self.flags.0);
        out.put_u8(self.table.0);
        put_padding(out, 1);
        out.put_u16(self.fin_idle_timeout);
        out.put_u16(self.fin_hard_timeout);
        if let Some(limit) = self.limit {
            out.put_u32(limit.flows);
            out.put_u16(limit.result.map_or(0, |result| result.offset));
            put_padding(out, 2);
        }
        let result = self.limit.and_then(|limit| limit.result);
        if result.is_some() != self.flags.contains(LearnFlags::WRITE_RESULT) {
            return Err(EncodeError::Unencodable { what: "learn with a result but without its flag, or without one" });
        }
        if let Some(result) = result {
            out.put_u32(result.field.canonical().0);
        }
        self.specs.iter().try_for_each(|spec| spec.put(out))
    }

    pub(super) fn read(mut body: Reader<'_>, limited: bool) -> Result<Self, DecodeError> {
        let (idle_timeout, hard_timeout, priority) = (body.u16()?, body.u16()?, body.u16()?);
        let cookie = Cookie(body.u64()?);
        let flags = LearnFlags(body.u16()?);
        let table = TableId(body.u8()?);
        body.skip(1)?;
        let (fin_idle_timeout, fin_hard_timeout) = (body.u16()?, body.u16()?);
        let limit = if limited { Some(LearnLimit::read(&mut body, flags)?) } else { None };
        let mut specs = Vec::new();
        // The end is where the bytes end, or where padding begins.
        while body.rest().iter().any(|&byte| byte != 0) {
            specs.push(LearnSpec::read(&mut body)?);
        }
        Ok(Self {
            idle_timeout,
            hard_timeout,
            priority,
            cookie,
            flags,
            table,
            fin_idle_timeout,
            fin_hard_timeout,
            limit,
            specs,
        })
    }
}

impl LearnLimit {
    fn read(body: &mut Reader<'_>, flags: LearnFlags) -> Result<Self, DecodeError> {
        let (flows, offset) = (body.u32()?, body.u16()?);
        body.skip(2)?;
        let field = if flags.contains(LearnFlags::WRITE_RESULT) { Some(FieldId(body.u32()?)) } else { None };
        Ok(Self { flows, result: field.map(|field| field.canonical().part(offset, 1)) })
    }
}

impl LearnSpec {
    fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        if self.bits == 0 || self.bits > BITS_MASK {
            return Err(EncodeError::Unencodable { what: "learn of no bits or of too many" });
        }
        let from = if matches!(self.source, LearnSource::Value(_)) { FROM_VALUE } else { 0 };
        let to = match self.target {
            LearnTarget::Match(_) => 0,
            LearnTarget::Load(_) => TO_LOAD,
            LearnTarget::Output => TO_OUTPUT,
        };
        out.put_u16(self.bits | from | to);
        match &self.source {
            LearnSource::Field(field) => put_field(out, *field),
            LearnSource::Value(value) if value.len() == value_len(self.bits) => out.put_slice(value),
            LearnSource::Value(_) => return Err(EncodeError::Unencodable { what: "learnt value of another width" }),
        }
        if let LearnTarget::Match(field) | LearnTarget::Load(field) = self.target {
            put_field(out, field);
        }
        Ok(())
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = body.u16()?;
        let bits = head & BITS_MASK;
        let source = if head & FROM_VALUE == 0 {
            LearnSource::Field(read_field(body, bits)?)
        } else {
            LearnSource::Value(Bytes::copy_from_slice(body.bytes(value_len(bits))?))
        };
        let target = match head & TO_MASK {
            0 => LearnTarget::Match(read_field(body, bits)?),
            TO_LOAD => LearnTarget::Load(read_field(body, bits)?),
            TO_OUTPUT => LearnTarget::Output,
            _ => return Err(DecodeError::BadValue { what: "learn target", value: head.into() }),
        };
        Ok(Self { bits, source, target })
    }
}

fn put_field(out: &mut BytesMut, field: Subfield) {
    out.put_u32(field.field.canonical().0);
    out.put_u16(field.offset);
}

fn read_field(body: &mut Reader<'_>, bits: u16) -> Result<Subfield, DecodeError> {
    let field = FieldId(body.u32()?).canonical();
    Ok(field.part(body.u16()?, bits))
}

/// How many bytes a value of so many bits takes: whole words.
fn value_len(bits: u16) -> usize {
    usize::from(bits.div_ceil(16)) * 2
}
