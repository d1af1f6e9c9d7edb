//! The store on real files: what was acknowledged is there, and what is there is what was acknowledged.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says so")]

mod contents;
mod damage;
mod events;
mod journal;
mod kills;
mod power;
mod schema;
mod support;
mod writing;
