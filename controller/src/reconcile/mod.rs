//! What each bridge should have, what it has, and the bundles that bring the two together. Pure.
//!
//! [`FlowTable`] is one bridge; [`order`] says which of its changes wait for the host's other bridge,
//! `shadow` which flows of others stand before ours.

pub mod flow_table;
pub mod order;
mod shadow;

pub use flow_table::{Batch, FlowTable};
pub use order::Lane;
