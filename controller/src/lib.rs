//! buoyd and buoyctl.
//!
//! Read in this order: [`api`] (what can be asked), [`core`] (who decides), [`events`] (what happened), [`reconcile`] (what switches should have and
//! have), [`switch`] (how they are spoken to), [`store`] (what is kept), [`rpc`] (the socket), [`hooks`] (programs that are told), [`metrics`] (figures), [`daemon`] and [`cli`] (the
//! two programs), whose arguments go through [`arguments`]; [`spelling`] is what both say of words that they do not know.

pub mod api;
pub mod arguments;
pub mod cli;
pub mod core;
pub mod daemon;
pub mod events;
pub mod hooks;
pub mod metrics;
pub mod reconcile;
pub mod rpc;
mod spelling;
pub mod store;
pub mod switch;
