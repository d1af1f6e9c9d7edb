//! One match field as bytes: header, value, mask.

use bytes::{BufMut, Bytes};

use super::field::MatchField;
use super::masked::ones;
use super::spec::FieldSpec;
use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::number::Narrow as _;
use crate::openflow::vendor::ONF;
use crate::openflow::wire::Reader;

const WHAT: &str = "match field";
const CLASS_EXPERIMENTER: u32 = 0xffff;
const NXM_IN_PORT: u32 = 0x0000_0002;
const IN_PORT: u32 = 0x8000_0004;
const HAS_MASK: u32 = 0x100;

impl MatchField {
    /// Writes the field as it stands in a match.
    pub(in crate::openflow) fn put(&self, out: &mut impl BufMut) {
        let Some(parts) = self.parts() else { return self.put_other(out) };
        let exact = parts.is_exact();
        let values = if exact { 1 } else { 2 };
        let experimenter_len = if parts.header >> 16 == CLASS_EXPERIMENTER { 4 } else { 0 };
        let [class_high, class_low, field, _] = parts.header.to_be_bytes();
        out.put_slice(&[
            class_high,
            class_low,
            field | u8::from(!exact),
            len_byte(values * parts.len + experimenter_len),
        ]);
        if experimenter_len > 0 {
            out.put_u32(ONF);
        }
        put_bits(out, parts.value, parts.len);
        if !exact {
            put_bits(out, parts.mask, parts.len);
        }
    }

    /// Writes the field as it stands in a set-field action: the port a packet came in on can only be set by its
    /// older, 16-bit name, so that a port above has no encoding.
    pub(in crate::openflow) fn put_for_action(&self, out: &mut impl BufMut) -> Result<(), EncodeError> {
        match self {
            Self::InPort(port) => {
                let port = port.narrow()?;
                out.put_u32(NXM_IN_PORT);
                out.put_u16(port);
            }
            _ => self.put(out),
        }
        Ok(())
    }

    fn put_other(&self, out: &mut impl BufMut) {
        let Self::Other { header, experimenter, value, mask } = self else { return };
        // The header is made to agree with what follows it.
        let [class_high, class_low, field, _] = header.to_be_bytes();
        let experimenter_len = if experimenter.is_some() { 4 } else { 0 };
        let mask_len = mask.as_ref().map_or(0, Bytes::len);
        let field = field & !1 | u8::from(mask.is_some());
        out.put_slice(&[class_high, class_low, field, len_byte(experimenter_len + value.len() + mask_len)]);
        if let Some(experimenter) = experimenter {
            out.put_u32(*experimenter);
        }
        out.put_slice(value);
        if let Some(mask) = mask {
            out.put_slice(mask);
        }
    }

    /// Reads one field; it is not brought into canonical form.
    pub(in crate::openflow) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header = reader.u32()?;
        let [.., len] = header.to_be_bytes();
        let mut body = Reader::new(WHAT, reader.bytes(len.into())?);
        let masked = header & HAS_MASK != 0;
        let experimenter = if header >> 16 == CLASS_EXPERIMENTER { Some(body.u32()?) } else { None };
        if masked && !body.len().is_multiple_of(2) {
            return Err(DecodeError::BadLength { what: WHAT, len: len.into() });
        }
        let value = body.bytes(if masked { body.len() / 2 } else { body.len() })?;
        let mask = masked.then(|| body.rest());
        if let Some(field) = known(header, experimenter, value, mask) {
            return Ok(field);
        }
        Ok(Self::Other {
            header,
            experimenter,
            value: Bytes::copy_from_slice(value),
            mask: mask.map(Bytes::copy_from_slice),
        })
    }
}

fn known(header: u32, experimenter: Option<u32>, value: &[u8], mask: Option<&[u8]>) -> Option<MatchField> {
    if experimenter.is_some_and(|id| id != ONF) || value.is_empty() {
        return None;
    }
    // The header of an exact match, without the experimenter's bytes.
    let len = u8::try_from(value.len()).ok()?;
    let plain = header & !(HAS_MASK | 0xff) | u32::from(len);
    let mut value = bits(value)?;
    let mask = mask.map_or(Some(ones(value_bits(len))), bits)?;
    if plain == NXM_IN_PORT {
        if mask != ones(16) {
            return None;
        }
        value = wide_port(value);
        return MatchField::build(IN_PORT, value, ones(32));
    }
    let expected = FieldSpec::of(plain).map_or(4, |spec| spec.len);
    (expected == usize::from(len)).then(|| MatchField::build(plain, value, mask))?
}

/// The 32-bit number of a port given in 16: the reserved ones are at the top in both.
const fn wide_port(port: u128) -> u128 {
    if port >= 0xff00 { port | 0xffff_0000 } else { port }
}

const fn value_bits(len: u8) -> usize {
    len as usize * 8
}

/// Up to 16 bytes as a number.
fn bits(bytes: &[u8]) -> Option<u128> {
    (bytes.len() <= 16).then(|| bytes.iter().fold(0, |bits, &byte| bits << 8 | u128::from(byte)))
}

/// The lowest `len` bytes of a number.
pub(in crate::openflow) fn put_bits(out: &mut impl BufMut, bits: u128, len: usize) {
    let bytes = bits.to_be_bytes();
    out.put_slice(bytes.get(bytes.len() - len..).expect("a field's value has at most 16 bytes"));
}

fn len_byte(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}
