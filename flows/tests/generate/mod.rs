//! Flow mods that OVS accepts, generated.
//!
//! Read in this order: `fields`, `actions`, `flows`.

pub(crate) mod actions;
pub(crate) mod fields;
pub(crate) mod flows;

use buoy_flows::openflow::{FieldValue, Masked};
use buoy_topology::MacAddr;
use bytes::Bytes;
use proptest::prelude::*;

/// Any value with a mask: exact, a prefix, or any bits at all, of the lowest `bits`.
pub(crate) fn masked<T: FieldValue + std::fmt::Debug>(bits: u32) -> impl Strategy<Value = Masked<T>> + Clone {
    let all = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    let mask = prop_oneof![
        3 => Just(u128::MAX),
        1 => (1..=bits).prop_map(move |prefix| all & !(all.checked_shr(prefix).unwrap_or(0))),
        1 => any::<u128>().prop_map(move |mask| (mask & all).max(1)),
    ];
    (value(), mask).prop_map(|(value, mask)| {
        if mask == u128::MAX {
            Masked::from(T::from_bits(value))
        } else {
            Masked::new(T::from_bits(value), T::from_bits(mask))
        }
    })
}

/// A number that is small, large or zero more often than not.
pub(crate) fn value() -> impl Strategy<Value = u128> + Clone {
    prop_oneof![1 => Just(0), 2 => 1..=300_u128, 1 => Just(u128::MAX), 4 => any::<u128>()]
}

/// A locally administered address.
pub(crate) fn mac() -> impl Strategy<Value = MacAddr> + Clone {
    any::<[u8; 5]>().prop_map(|[a, b, c, d, e]| MacAddr::new([2, a, b, c, d, e]))
}

/// So many bytes.
pub(crate) fn bytes(len: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Bytes> + Clone {
    proptest::collection::vec(any::<u8>(), len).prop_map(Bytes::from)
}
