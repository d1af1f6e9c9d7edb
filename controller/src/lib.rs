//! buoyd and buoyctl.

pub mod store;
