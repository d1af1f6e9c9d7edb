//! JSON-RPC 2.0 over a Unix socket, one JSON object per line.
//!
//! ```text
//!   accept ──> connection task: line ─> parse ─> Ask ──> core
//!                        ^                        │
//!                        └──────── answer <───────┘
//! ```
//!
//! A connection may send further requests before the first is answered; answers come in the order of the requests.
//! Read [`protocol`] (text to call), [`server`] (connections), [`socket`] (the file).

mod protocol;
mod server;
mod socket;

pub use server::{Ask, Peer, serve};
pub use socket::{BindError, bind};
