//! Switch connections.
//!
//! ```text
//!   listener ──accept──> driver (a task per connection) <──Command── core
//!                          │   ▲
//!                 bytes    │   │ Session (pure): decides
//!                          ▼   │
//!                         switch ──Report──> core
//! ```
//!
//! The driver moves bytes and decides nothing; [`session`] decides and does no I/O. Commands and reports go through
//! bounded channels; the core never waits for a driver.

pub mod driver;
pub mod listener;
mod places;
pub mod session;

pub use driver::{Connection, ConnectionId, Report};
pub use listener::{Endpoint, listen};
pub use places::Places;
pub use session::{BundleOutcome, CloseReason, Command, Event, FenceEnd, FlowMods, Ready, Refusal};
