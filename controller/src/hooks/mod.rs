//! Hooks of providers: programs that are told what happened to an address.
//!
//! ```text
//!   core: queue ──Run──> runner ──spawn──> one task per program, at most 4
//!           ^                                   │
//!           └───────────────Ended───────────────┘
//! ```
//!
//! The core decides what is due ([`queue`], pure) and keeps it in the store; here programs are only run ([`process`]). A
//! program may be run again for an event that it has seen: when the daemon ended before the result was stored. What an
//! earlier daemon left running is ended first ([`orphans`]), so that the events of an address stay in order.

mod orphans;
pub(crate) mod process;
pub(crate) mod queue;

use std::net::Ipv4Addr;
use std::path::Path;

use buoy_topology::{Generation, HookCommand, HookEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A program to run.
#[derive(Debug)]
pub struct Run {
    pub(crate) command: HookCommand,
    pub(crate) event: HookEvent,
}

/// A program that has ended: of which event, and how.
#[derive(Debug)]
pub struct Ended {
    pub(crate) address: Ipv4Addr,
    pub(crate) generation: Generation,
    pub(crate) result: Result<(), String>,
}

/// The core's ends of the channels.
#[derive(Debug)]
pub struct Line {
    pub(crate) runs: mpsc::Sender<Run>,
    pub(crate) ended: mpsc::Receiver<Ended>,
}

/// Starts the runner for the daemon that uses this state directory. It ends, and all that it runs, with the line.
pub fn start(state_dir: &Path) -> Line {
    let mark = std::fs::canonicalize(state_dir).unwrap_or_else(|_| state_dir.to_owned()).display().to_string();
    orphans::end(&mark);
    // The core starts no more than this many at once.
    let (runs, mut to_run) = mpsc::channel::<Run>(queue::MOST_RUNNING);
    let (told, ended) = mpsc::channel(queue::MOST_RUNNING);
    tokio::spawn(async move {
        let mut running = JoinSet::new();
        while let Some(Run { command, event }) = to_run.recv().await {
            let (told, mark) = (told.clone(), mark.clone());
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                let result = process::run(&command, &event, &mark, process::LONGEST).await;
                // A core that is gone needs no result.
                let _ = told.send(Ended { address: event.address, generation: event.generation, result }).await;
            });
        }
    });
    Line { runs, ended }
}
