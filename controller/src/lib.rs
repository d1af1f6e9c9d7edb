//! buoyd and buoyctl.
//!
//! Read in this order: [`api`] (what can be asked), [`core`] (who decides), [`reconcile`] (what switches should have and
//! have), [`switch`] (how they are spoken to), [`store`] (what is kept), [`rpc`] (the socket), [`daemon`] and [`cli`] (the
//! two programs).

pub mod api;
pub mod cli;
pub mod core;
pub mod daemon;
pub mod reconcile;
pub mod rpc;
pub mod store;
pub mod switch;
