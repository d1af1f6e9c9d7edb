//! What a row of the table of fields is made into.

use super::masked::{FieldValue, Masked};

/// Says how a row's type is read: plain types are matched exactly, [`Masked`] ones in part.
pub(super) trait RowType: Sized {
    const LEN: usize;

    fn parts(&self) -> (u128, u128);

    fn build(value: u128, mask: u128, all: u128) -> Option<Self>;
}

impl<T: FieldValue> RowType for T {
    const LEN: usize = T::LEN;

    fn parts(&self) -> (u128, u128) {
        (self.to_bits(), u128::MAX)
    }

    fn build(value: u128, mask: u128, all: u128) -> Option<Self> {
        (mask == all).then(|| T::from_bits(value))
    }
}

impl<T: FieldValue> RowType for Masked<T> {
    const LEN: usize = T::LEN;

    fn parts(&self) -> (u128, u128) {
        (self.value.to_bits(), self.mask.to_bits())
    }

    fn build(value: u128, mask: u128, all: u128) -> Option<Self> {
        // An exact match has all bits of its type in the mask, whatever the field's own width is.
        let mask = if mask == all { u128::MAX } else { mask };
        Some(Self { value: T::from_bits(value), mask: T::from_bits(mask) })
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident($type:ty): $rank:literal, $oxm:literal, $nxm:literal, $nxm_name:literal,
        $name:literal, $bits:literal;)*) => {
        /// One condition on a packet.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MatchField {
            $($(#[$doc])* $field($type),)*
            /// A register of the pipeline (NXM_NX_REG0 to 15).
            Reg {
                /// 0 to 15.
                index: u8,
                /// What it holds.
                value: Masked<u32>,
            },
            /// A field that has no row here, kept as it is.
            Other {
                /// Class, field, mask bit and length, as on the wire.
                header: u32,
                /// The experimenter, where the class is 0xffff.
                experimenter: Option<u32>,
                /// The value.
                value: Bytes,
                /// The mask, where the header says that there is one.
                mask: Option<Bytes>,
            },
        }

        /// The rows, but for the registers.
        pub(super) static SPECS: &[FieldSpec] = &[
            $(FieldSpec {
                oxm: $oxm,
                nxm: $nxm,
                nxm_name: $nxm_name,
                name: $name,
                bits: $bits,
                len: <$type as RowType>::LEN,
            },)*
        ];

        impl MatchField {
            /// The field's header, value and mask as numbers; none for a field without a row.
            pub(crate) fn parts(&self) -> Option<Parts> {
                let (rank, header, bits, len, (value, mask)) = match self {
                    $(Self::$field(value) => ($rank, $oxm, $bits, <$type as RowType>::LEN, value.parts()),)*
                    Self::Reg { index, value } => {
                        (super::canonical::REGISTER_RANK, 0x0001_0004 | u32::from(*index & 0x0f) << 9, 32, 4, value.parts())
                    }
                    Self::Other { .. } => return None,
                };
                let all = ones(bits);
                let mask = mask & all;
                Some(Parts { rank, header, len, value: value & mask, mask, all })
            }

            /// The field with this header; none where it has no row, or cannot be masked so.
            pub(super) fn build(header: u32, value: u128, mask: u128) -> Option<Self> {
                if let Some(index) = register_index(header) {
                    return Some(Self::Reg { index, value: Masked::build(value & mask, mask, ones(32))? });
                }
                let spec = FieldSpec::of(header)?;
                let all = ones(spec.bits);
                let mask = mask & all;
                let value = value & mask;
                match spec.oxm {
                    $($oxm => <$type as RowType>::build(value, mask, all).map(Self::$field),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use fields;
