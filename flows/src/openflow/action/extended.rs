//! Nicira's actions that Buoy reads in the form that OVS sends, and keeps whole in any other.

use buoy_topology::PortNo;
use bytes::{BufMut, BytesMut};

use super::nicira::{IN_PORT, is_experimenter, put, wide_port};
use super::{Action, Controller, Ct, DEPTH, Learn, Nat, WHAT};
use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::number::{Narrow as _, TableId};
use crate::openflow::oxm::{FieldId, Subfield};
use crate::openflow::wire::{Reader, put_padding};

const POP_QUEUE: u16 = 5;
const LEARN: u16 = 16;
const EXIT: u16 = 17;
const FIN_TIMEOUT: u16 = 19;
const DEC_TTL_IDS: u16 = 21;
const STACK_PUSH: u16 = 27;
const STACK_POP: u16 = 28;
const CONJUNCTION: u16 = 34;
const CT: u16 = 35;
const NAT: u16 = 36;
const CONTROLLER2: u16 = 37;
const OUTPUT_TRUNC: u16 = 39;
const CLONE: u16 = 42;
const CT_CLEAR: u16 = 43;
const RESUBMIT_CT: u16 = 44;
const LEARN2: u16 = 45;
const CHECK_PKT_LARGER: u16 = 49;

impl Action {
    pub(super) fn encode_extended(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::PopQueue => put(out, POP_QUEUE, nothing),
            Self::Exit => put(out, EXIT, nothing),
            Self::CtClear => put(out, CT_CLEAR, nothing),
            Self::Learn(learn) => put(out, if learn.limit.is_some() { LEARN2 } else { LEARN }, |out| learn.put(out)),
            Self::Ct(ct) => put(out, CT, |out| ct.put(out)),
            Self::Nat(nat) => put(out, NAT, |out| nat.put(out)),
            Self::Controller(controller) => put(out, CONTROLLER2, |out| controller.put(out)),
            Self::FinTimeout { idle, hard } => put(out, FIN_TIMEOUT, |out| {
                out.put_u16(*idle);
                out.put_u16(*hard);
                Ok(())
            }),
            Self::DecTtlIds(ids) => put(out, DEC_TTL_IDS, |out| {
                let count =
                    u16::try_from(ids.len()).map_err(|_| EncodeError::TooLong { what: WHAT, len: ids.len() })?;
                out.put_u16(count);
                put_padding(out, 4);
                ids.iter().for_each(|&id| out.put_u16(id));
                Ok(())
            }),
            Self::StackPush(field) => put(out, STACK_PUSH, |out| put_stack(out, *field)),
            Self::StackPop(field) => put(out, STACK_POP, |out| put_stack(out, *field)),
            Self::Conjunction { id, clause, clauses } => put(out, CONJUNCTION, |out| {
                out.put_u8(*clause);
                out.put_u8(*clauses);
                out.put_u32(*id);
                Ok(())
            }),
            Self::OutputTrunc { port, max_len } => put(out, OUTPUT_TRUNC, |out| {
                out.put_u16(port.narrow()?);
                out.put_u32(*max_len);
                Ok(())
            }),
            Self::Clone(actions) => put(out, CLONE, |out| {
                put_padding(out, 6);
                Self::encode_list(actions, out)
            }),
            Self::ResubmitCt { port, table } => put(out, RESUBMIT_CT, |out| {
                out.put_u16(port.map_or(Ok(IN_PORT), PortNo::narrow)?);
                out.put_u8(table.0);
                Ok(())
            }),
            Self::CheckPktLarger { len, dst } => put(out, CHECK_PKT_LARGER, |out| {
                out.put_u16(*len);
                out.put_u16(dst.offset);
                out.put_u32(dst.field.canonical().0);
                put_padding(out, 6);
                Ok(())
            }),
            _ => Err(EncodeError::Unencodable { what: WHAT }),
        }
    }

    /// Reads an action of this subtype; none where it is not in the form in which it would be written.
    pub(super) fn read_extended(subtype: u16, whole: &[u8], body: Reader<'_>, depth: u8) -> Option<Self> {
        if depth >= DEPTH && matches!(subtype, CT | CLONE) {
            return None;
        }
        let action = Self::read_typed(subtype, body, depth + 1).ok()??;
        let mut again = BytesMut::with_capacity(whole.len());
        action.encode_extended(&mut again).ok()?;
        (again == whole).then_some(action)
    }

    fn read_typed(subtype: u16, mut body: Reader<'_>, depth: u8) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match subtype {
            POP_QUEUE => Self::PopQueue,
            EXIT => Self::Exit,
            CT_CLEAR => Self::CtClear,
            LEARN | LEARN2 => Self::Learn(Learn::read(body, subtype == LEARN2)?),
            CT => Self::Ct(Ct::read(body, depth)?),
            NAT => Self::Nat(Nat::read(body)?),
            CONTROLLER2 => Self::Controller(Controller::read(body)?),
            FIN_TIMEOUT => Self::FinTimeout { idle: body.u16()?, hard: body.u16()? },
            DEC_TTL_IDS => {
                let count = body.u16()?;
                body.skip(4)?;
                Self::DecTtlIds((0..count).map(|_| body.u16()).collect::<Result<_, _>>()?)
            }
            STACK_PUSH => Self::StackPush(read_stack(&mut body)?),
            STACK_POP => Self::StackPop(read_stack(&mut body)?),
            CONJUNCTION => {
                let (clause, clauses) = (body.u8()?, body.u8()?);
                Self::Conjunction { id: body.u32()?, clause, clauses }
            }
            OUTPUT_TRUNC => {
                let port = wide_port(body.u16()?).unwrap_or(PortNo::IN_PORT);
                Self::OutputTrunc { port, max_len: body.u32()? }
            }
            CLONE => {
                body.skip(6)?;
                Self::Clone(Self::decode_nested(body.rest(), depth)?)
            }
            RESUBMIT_CT => {
                let port = wide_port(body.u16()?);
                Self::ResubmitCt { port, table: TableId(body.u8()?) }
            }
            CHECK_PKT_LARGER => {
                let (len, offset) = (body.u16()?, body.u16()?);
                let dst = read_field(&mut body)?.part(offset, 1);
                Self::CheckPktLarger { len, dst }
            }
            _ => return Ok(None),
        }))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where others can fail")]
const fn nothing(_: &mut BytesMut) -> Result<(), EncodeError> {
    Ok(())
}

fn put_stack(out: &mut BytesMut, field: Subfield) -> Result<(), EncodeError> {
    if is_experimenter(field.field) {
        return Err(EncodeError::Unencodable { what: "experimenter field on the stack" });
    }
    out.put_u16(field.offset);
    out.put_u32(field.field.canonical().0);
    out.put_u16(field.bits);
    put_padding(out, 6);
    Ok(())
}

fn read_stack(body: &mut Reader<'_>) -> Result<Subfield, DecodeError> {
    let offset = body.u16()?;
    let field = read_field(body)?;
    Ok(field.part(offset, body.u16()?))
}

/// Reads a field's header; an experimenter's is longer, and is left to be kept whole.
fn read_field(body: &mut Reader<'_>) -> Result<FieldId, DecodeError> {
    let field = FieldId(body.u32()?);
    if is_experimenter(field) {
        return Err(DecodeError::BadValue { what: "field of an action", value: field.0.into() });
    }
    Ok(field.canonical())
}
