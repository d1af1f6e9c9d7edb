//! What the codec knows about each field, and a field's value as numbers.

use super::field::SPECS;

/// One row of the table of fields.
pub(in crate::openflow) struct FieldSpec {
    /// The header in a match, without mask bit.
    pub(super) oxm: u32,
    /// The header in move and load actions.
    pub(super) nxm: u32,
    /// The name of the latter.
    pub(super) nxm_name: &'static str,
    /// The name in ovs-ofctl's language.
    pub(in crate::openflow) name: &'static str,
    /// How many bits count.
    pub(super) bits: usize,
    /// How many bytes the value has.
    pub(super) len: usize,
}

impl FieldSpec {
    /// The row of a field, by either of its headers (without mask bit).
    pub(in crate::openflow) fn of(header: u32) -> Option<&'static Self> {
        SPECS.iter().find(|spec| spec.oxm == header || spec.nxm == header)
    }
}

/// A field as numbers: bits outside the mask are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(super) rank: u8,
    /// The header in a match, without mask bit.
    pub(crate) header: u32,
    pub(super) len: usize,
    pub(crate) value: u128,
    pub(crate) mask: u128,
    /// The mask of an exact match.
    pub(crate) all: u128,
}

impl Parts {
    pub(in crate::openflow) fn is_exact(&self) -> bool {
        self.mask == self.all
    }
}
