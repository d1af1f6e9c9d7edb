//! What happened, in one order: the log behind `buoyctl watch` and `buoyctl history`.
//!
//! ```text
//!   core: drafts ──numbered──> store thread ──durable──> log ──read in pieces──> connections
//! ```
//!
//! Nothing is shown before it is durable, so that no number is ever given twice or lost. The core adds to the log and never
//! waits for a reader: a reader takes a piece at a time and remembers how far it is. Read [`event`] (one line of the log),
//! [`log`] (all of them, in memory), [`filter`] (which of them somebody wants), [`burst`] (what happens too often to tell
//! each time), [`time`].

pub mod burst;
pub mod event;
pub mod filter;
pub mod log;
mod part;
pub mod time;

pub use burst::Bursts;
pub use event::{By, Class, Detail, Event, Kind, Seq};
pub use filter::Filter;
pub use log::{Entries, Log, Missing};
