//! `buoyd` and `buoyctl` as scripts meet them.

#![expect(clippy::indexing_slicing, reason = "a test that fails says so")]

mod access;
mod api;
mod backup;
mod careless;
mod coming_from;
mod completion;
mod crowd;
mod described;
mod exits;
mod history;
mod hooks;
mod import;
mod life;
mod metrics;
mod model;
mod projects;
mod rpc;
mod seen;
mod sharing;
mod site;
mod snat;
mod store;
mod support;
mod trace;
mod watch;
