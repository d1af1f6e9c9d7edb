//! Each field has one form, and one place among the others.

use super::field::MatchField;
use super::spec::FieldSpec;
use super::untyped;

/// The registers' place in the canonical order.
pub(super) const REGISTER_RANK: u8 = 76;
/// Unknown fields come last, so that whatever they presuppose has been said.
const UNKNOWN_RANK: u8 = 255;

/// Which register the header (without its mask bit) names.
pub(super) const fn register_index(header: u32) -> Option<u8> {
    let [class_high, class_low, field, len] = header.to_be_bytes();
    let index = field >> 1;
    if class_high == 0 && class_low == 1 && field & 1 == 0 && len == 4 && index < 16 { Some(index) } else { None }
}

impl MatchField {
    /// The field in its one form: bits outside the mask cleared, a full mask said as exact; none where no bit counts.
    pub fn canonical(self) -> Option<Self> {
        match self.parts() {
            Some(parts) if parts.mask == 0 => None,
            Some(parts) => Self::build(parts.header, parts.value, parts.mask),
            None => self.canonical_other(),
        }
    }

    fn canonical_other(self) -> Option<Self> {
        let Self::Other { header, experimenter, value, mask: Some(mask) } = self else { return Some(self) };
        if mask.iter().all(|&byte| byte == 0) {
            return None;
        }
        if mask.iter().all(|&byte| byte == 0xff) {
            let [a, b, field, _] = header.to_be_bytes();
            let experimenter_len = if experimenter.is_some() { 4 } else { 0 };
            let len = u8::try_from(value.len() + experimenter_len).unwrap_or(u8::MAX);
            let header = u32::from_be_bytes([a, b, field & !1, len]);
            return Some(Self::Other { header, experimenter, value, mask: None });
        }
        let value = value.iter().zip(&mask).map(|(value, mask)| value & mask).collect();
        Some(Self::Other { header, experimenter, value, mask: Some(mask) })
    }

    /// Whether every bit of the field counts.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Other { mask, .. } => mask.is_none(),
            _ => self.parts().is_some_and(|parts| parts.is_exact()),
        }
    }

    /// The name in ovs-ofctl's language; empty for registers and for fields without a row.
    pub(crate) fn name(&self) -> &'static str {
        self.parts().and_then(|parts| FieldSpec::of(parts.header)).map_or("", |spec| spec.name)
    }

    /// Where the field stands in a match: two fields with the same place are the same field.
    pub(super) fn place(&self) -> (u8, u32, Option<u32>) {
        match (self.parts(), self) {
            (Some(parts), _) => (parts.rank, parts.header, None),
            (None, Self::Other { header, experimenter, .. }) => {
                let rank = untyped::find(*header, *experimenter).map_or(UNKNOWN_RANK, |field| field.rank);
                (rank, header >> 9, *experimenter)
            }
            (None, _) => (UNKNOWN_RANK, 0, None),
        }
    }
}
