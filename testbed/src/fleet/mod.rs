//! A simulated fleet: switches that speak OpenFlow for real over loopback and keep their flow tables, and the real daemon
//! beside them. It shows how the daemon holds out where one machine has no room for so many Open vSwitches.
//!
//! Read [`layout`] (what each host has), [`table`], [`canary`] and [`bridge`] (what a switch does with a message), [`peer`] (its
//! connection), [`talk`] (what it says unasked), [`crew`] (all of them), [`controller`] and [`client`] (the daemon, and how it is asked), then [`stages`]
//! (what is done one after the other, in [`power`], [`check`] and [`fairness`]) and [`report`] (what is said of it).

pub mod bridge;
pub mod canary;
pub mod check;
pub mod client;
pub mod controller;
pub mod crew;
pub mod fairness;
pub mod layout;
pub mod peer;
pub mod power;
pub mod progress;
pub mod report;
pub mod spread;
pub mod stages;
pub mod table;
pub mod talk;

pub use layout::Layout;
pub use report::Report;
pub use stages::{Effort, run};
