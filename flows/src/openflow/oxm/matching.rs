//! A flow's match in its one canonical form.

use bytes::{BufMut, BytesMut};

use super::field::MatchField;
use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::wire::{Reader, padding_to_8, patch_len, put_padding};

const TYPE_OXM: u16 = 1;

/// The conditions of a flow: each field at most once, in a fixed order, in canonical form.
///
/// The order is the one in which OVS writes fields, so that a flow comes back from a dump with the bytes that it was
/// sent with, and so that what a field presupposes (its Ethernet type, its protocol) stands before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    fields: Vec<MatchField>,
}

impl Match {
    /// Every packet.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// The match with this condition too; one on the same field gives way to it.
    #[must_use]
    pub fn with(mut self, field: MatchField) -> Self {
        self.set(field);
        self
    }

    /// Adds a condition; one on the same field gives way to it. A condition on no bit at all removes it.
    pub fn set(&mut self, field: MatchField) {
        let place = field.place();
        let found = self.fields.binary_search_by_key(&place, MatchField::place);
        match (found, field.canonical()) {
            (Ok(index), Some(field)) => {
                if let Some(old) = self.fields.get_mut(index) {
                    *old = field;
                }
            }
            (Ok(index), None) => drop(self.fields.remove(index)),
            (Err(index), Some(field)) => self.fields.insert(index, field),
            (Err(_), None) => {}
        }
    }

    /// The conditions in canonical order.
    pub fn fields(&self) -> &[MatchField] {
        &self.fields
    }

    /// Whether some packet may match both. Where fields without a row differ, one is supposed to.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.fields.iter().all(|field| {
            let same = other.fields.binary_search_by_key(&field.place(), MatchField::place).ok();
            let parts = same.and_then(|index| Some((field.parts()?, other.fields.get(index)?.parts()?)));
            parts.is_none_or(|(one, two)| (one.value ^ two.value) & one.mask & two.mask == 0)
        })
    }

    /// Whether every packet matches.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Writes the fields one after the other, without the header that a message puts around them.
    pub fn encode_oxm(&self, out: &mut impl BufMut) {
        for field in &self.fields {
            field.put(out);
        }
    }

    /// Reads fields up to the end of the bytes; fails where one is cut short or stands there twice.
    pub fn decode_oxm(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("match", bytes);
        let mut fields = Vec::new();
        while !reader.is_empty() {
            fields.push(MatchField::read(&mut reader)?);
        }
        if !fields.is_sorted_by_key(MatchField::place) {
            fields.sort_by_cached_key(MatchField::place);
        }
        let twice = fields.windows(2).find_map(|pair| match pair {
            [one, next] if one.place() == next.place() => Some(one.place()),
            _ => None,
        });
        if let Some((_, header, _)) = twice {
            return Err(DecodeError::BadValue { what: "repeated match field", value: header.into() });
        }
        Ok(Self { fields: fields.into_iter().filter_map(MatchField::canonical).collect() })
    }

    /// Writes the match as it stands in a message: type, length, fields, padding that the length does not count.
    pub(in crate::openflow) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        Self::put_around(out, |out| self.encode_oxm(out))
    }

    /// The same around fields that are bytes already.
    pub(in crate::openflow) fn put_oxm(oxm: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
        Self::put_around(out, |out| out.put_slice(oxm))
    }

    fn put_around(out: &mut BytesMut, fields: impl FnOnce(&mut BytesMut)) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_u16(TYPE_OXM);
        out.put_u16(0);
        fields(out);
        let len = out.len() - start;
        patch_len(out, "match", start + 2, len)?;
        put_padding(out, padding_to_8(len));
        Ok(())
    }

    /// Reads the match as it stands in a message.
    pub(in crate::openflow) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, whole, fields) = reader.tlv("match")?;
        if kind != TYPE_OXM {
            return Err(DecodeError::BadValue { what: "match type", value: kind.into() });
        }
        reader.skip(padding_to_8(whole.len()))?;
        Self::decode_oxm(fields.rest())
    }
}

impl FromIterator<MatchField> for Match {
    fn from_iter<T: IntoIterator<Item = MatchField>>(fields: T) -> Self {
        fields.into_iter().fold(Self::new(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openflow::Masked;

    fn to(address: [u8; 4], length: u32) -> Match {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        let value = Masked { value: address.into(), mask: std::net::Ipv4Addr::from_bits(mask) };
        Match::new().with(MatchField::EthType(0x0800)).with(MatchField::Ipv4Dst(value))
    }

    #[test]
    fn matches_overlap_where_no_field_sets_them_apart() {
        let arp = Match::new().with(MatchField::EthType(0x0806));
        let net = to([203, 0, 113, 0], 24);
        for (one, two, overlap) in [
            (Match::new(), net.clone(), true),
            (to([203, 0, 113, 7], 32), net.clone(), true),
            (to([198, 51, 100, 7], 32), net.clone(), false),
            (arp, net.clone(), false),
            (net.clone().with(MatchField::InPort(buoy_topology::PortNo(1))), net.clone(), true),
        ] {
            assert_eq!((one.overlaps(&two), two.overlaps(&one)), (overlap, overlap), "{one} and {two}");
        }
    }
}
