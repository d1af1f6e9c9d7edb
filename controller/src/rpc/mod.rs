//! JSON-RPC 2.0 over a Unix socket, one JSON object per line.
//!
//! ```text
//!   accept ──> connection task: line ─> parse ─> Ask ──> core
//!                        ^                        │
//!                        └──────── answer <───────┘
//! ```
//!
//! A connection may send further requests before the first is answered; answers come in the order of the requests.
//! Read [`protocol`] (text to call), [`lines`] (bytes to text), [`parts`] (what is too long for a line), [`connection`]
//! (one client), [`writer`] (what it is answered), [`watch`] and [`history`] (what it is told out of the log),
//! [`server`] (all clients), [`users`] (who they are), [`access`] (who may), [`socket`] (the file).

mod access;
mod connection;
mod history;
mod lines;
mod parts;
mod protocol;
mod server;
mod socket;
mod users;
mod watch;
mod writer;

pub use access::{Grant, Grants, May};
pub(crate) use history::MOST_SHOWN;
pub(crate) use lines::MAX_LINE;
pub use server::{Answer, Ask, Exported, Peer, serve};
pub use socket::{BindError, SocketFile, bind};
