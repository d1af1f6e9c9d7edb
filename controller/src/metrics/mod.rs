//! Figures for those who collect them: the text that Prometheus reads ([`text`]), and who serves it ([`server`]). What the
//! figures are the core says (`core/metrics.rs`), each time anew.

mod server;
mod text;

pub use server::{MetricsError, Server};
pub(crate) use text::{Kind, Page};
