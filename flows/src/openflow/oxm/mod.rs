//! What a flow matches on: OXM fields, and the older NXM ones where OVS still uses them.
//!
//! Read in this order: [`masked`], [`field`] (the table of fields), `tlv`, [`matching`], [`field_id`].

mod field;
mod field_id;
mod masked;
mod matching;
mod spec;
mod tlv;

pub use field::MatchField;
pub use field_id::{FieldId, Subfield};
pub use masked::{FieldValue, Masked};
pub use matching::Match;
