//! The actions that Nicira added to OpenFlow, and that only OVS knows.

use buoy_topology::PortNo;
use bytes::{BufMut, Bytes, BytesMut};

use super::{Action, EXPERIMENTER, WHAT};
use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::number::{Narrow as _, TableId};
use crate::openflow::oxm::{FieldId, Subfield};
use crate::openflow::packet_in::PacketInReason;
use crate::openflow::vendor::NICIRA;
use crate::openflow::wire::{Reader, put_padding, put_tlv};

const RESUBMIT: u16 = 1;
const MOVE: u16 = 6;
const LOAD: u16 = 7;
const NOTE: u16 = 8;
const RESUBMIT_TABLE: u16 = 14;
const OUTPUT_REG: u16 = 15;
const CONTROLLER: u16 = 20;

/// The port that the packet came in on, in 16 bits (OFPP_IN_PORT).
pub(super) const IN_PORT: u16 = 0xfff8;

impl Action {
    pub(super) fn encode_nicira(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Move { src, dst } => put(out, MOVE, |out| {
                out.put_u16(dst.bits);
                out.put_u16(src.offset);
                out.put_u16(dst.offset);
                out.put_u32(src.field.canonical().0);
                out.put_u32(dst.field.canonical().0);
                Ok(())
            }),
            Self::Load { dst, value } => put(out, LOAD, |out| {
                if !dst.holds(*value) {
                    return Err(EncodeError::Unencodable { what: "load of a value that does not fit" });
                }
                out.put_u16(offset_and_bits(*dst)?);
                out.put_u32(dst.field.canonical().0);
                out.put_u64(*value);
                Ok(())
            }),
            Self::OutputReg { source, max_len } => put(out, OUTPUT_REG, |out| {
                out.put_u16(offset_and_bits(*source)?);
                out.put_u32(source.field.canonical().0);
                out.put_u16(*max_len);
                put_padding(out, 6);
                Ok(())
            }),
            Self::Resubmit { port, table } => put(out, RESUBMIT_TABLE, |out| {
                out.put_u16(port.map_or(Ok(IN_PORT), PortNo::narrow)?);
                out.put_u8(table.0);
                put_padding(out, 3);
                Ok(())
            }),
            Self::Note(note) => put(out, NOTE, |out| {
                out.put_slice(note);
                Ok(())
            }),
            Self::ControllerExt { max_len, controller_id, reason } => put(out, CONTROLLER, |out| {
                out.put_u16(*max_len);
                out.put_u16(*controller_id);
                out.put_u8(reason.number());
                put_padding(out, 1);
                Ok(())
            }),
            _ => self.encode_extended(out),
        }
    }

    /// Reads a vendor's action; what is not Nicira's, or has a form that OVS never sends, is kept whole.
    pub(super) fn read_nicira(whole: &[u8], mut body: Reader<'_>, depth: u8) -> Result<Self, DecodeError> {
        let other = || Self::Other(Bytes::copy_from_slice(whole));
        if body.u32()? != NICIRA {
            return Ok(other());
        }
        let action = match body.u16()? {
            RESUBMIT => {
                let port = wide_port(body.u16()?);
                Self::Resubmit { port, table: TableId::ALL }
            }
            RESUBMIT_TABLE => {
                let port = wide_port(body.u16()?);
                Self::Resubmit { port, table: TableId(body.u8()?) }
            }
            MOVE => {
                let bits = body.u16()?;
                let (src_offset, dst_offset) = (body.u16()?, body.u16()?);
                let (src, dst) = (FieldId(body.u32()?).canonical(), FieldId(body.u32()?).canonical());
                Self::Move { src: src.part(src_offset, bits), dst: dst.part(dst_offset, bits) }
            }
            LOAD => {
                let (offset, bits) = split_offset_and_bits(body.u16()?);
                let dst = FieldId(body.u32()?).canonical().part(offset, bits);
                Self::Load { dst, value: body.u64()? }
            }
            OUTPUT_REG => {
                let (offset, bits) = split_offset_and_bits(body.u16()?);
                let source = FieldId(body.u32()?).canonical().part(offset, bits);
                Self::OutputReg { source, max_len: body.u16()? }
            }
            NOTE => Self::Note(body.to_bytes()),
            CONTROLLER => {
                let (max_len, controller_id) = (body.u16()?, body.u16()?);
                Self::ControllerExt { max_len, controller_id, reason: PacketInReason::from(body.u8()?) }
            }
            subtype => Self::read_extended(subtype, whole, body, depth).unwrap_or_else(other),
        };
        Ok(match &action {
            // A field's header may be followed by an experimenter's id, which shifts all that follows.
            Self::Move { src, dst } if is_experimenter(src.field) || is_experimenter(dst.field) => other(),
            Self::Load { dst: field, .. } | Self::OutputReg { source: field, .. } if is_experimenter(field.field) => {
                other()
            }
            Self::Load { dst, value } if !dst.holds(*value) => {
                return Err(DecodeError::BadValue { what: "loaded value", value: *value });
            }
            _ => action,
        })
    }
}

pub(super) fn put(
    out: &mut BytesMut,
    subtype: u16,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    put_tlv(out, WHAT, EXPERIMENTER, |out| {
        out.put_u32(NICIRA);
        out.put_u16(subtype);
        body(out)
    })
}

/// Offset and width in one word: ten bits and six, the width less one.
pub(super) fn offset_and_bits(part: Subfield) -> Result<u16, EncodeError> {
    match part {
        Subfield { offset: offset @ 0..0x400, bits: bits @ 1..=64, .. } => Ok(offset << 6 | (bits - 1)),
        _ => Err(EncodeError::Unencodable { what: "part of a field" }),
    }
}

pub(super) const fn split_offset_and_bits(word: u16) -> (u16, u16) {
    (word >> 6, (word & 0x3f) + 1)
}

pub(super) const fn is_experimenter(field: FieldId) -> bool {
    field.0 >> 16 == 0xffff
}

pub(super) fn wide_port(port: u16) -> Option<PortNo> {
    match port {
        IN_PORT => None,
        0xff00.. => Some(PortNo(0xffff_0000 | u32::from(port))),
        _ => Some(PortNo(port.into())),
    }
}
