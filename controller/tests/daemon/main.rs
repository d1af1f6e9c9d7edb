//! `buoyd` and `buoyctl` as scripts meet them.

#![expect(clippy::indexing_slicing, reason = "a test that fails says so")]

mod backup;
mod careless;
mod completion;
mod described;
mod exits;
mod hooks;
mod import;
mod life;
mod rpc;
mod sharing;
mod site;
mod store;
mod support;
