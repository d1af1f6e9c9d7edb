//! buoyd and buoyctl.

pub mod api;
pub mod core;
pub mod daemon;
pub mod reconcile;
pub mod rpc;
pub mod store;
pub mod switch;
