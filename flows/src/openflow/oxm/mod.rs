//! What a flow matches on: OXM fields, and the older NXM ones where OVS still uses them.
//!
//! Read in this order: [`masked`], [`field`] (the table of fields, made by `row`), `untyped`, `canonical`, `tlv`,
//! [`matching`], [`field_id`].

mod canonical;
mod field;
mod field_id;
mod masked;
mod matching;
mod row;
mod spec;
mod tlv;
pub(super) mod untyped;

pub use field::MatchField;
pub use field_id::{FieldId, Subfield};
pub use masked::{FieldValue, Masked};
pub use matching::Match;
