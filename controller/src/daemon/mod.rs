//! The daemon from its arguments to its end.

pub mod config;
mod restore;

use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

pub use config::{Args, Config, Task};
pub use restore::restore;

use crate::core::{self, Settings, State};
use crate::events::Log;
use crate::{hooks, metrics, rpc, store, switch};

/// Runs the daemon until SIGTERM or SIGINT.
pub async fn run(config: Config) -> Result<()> {
    // From here on a signal is heard, also before the daemon is ready.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (state, log) = open(&config.state_dir)?;
    let (stop, stopped) = watch::channel(false);
    let (asks, asked) = mpsc::channel(ASKS);
    let (reports, reported) = mpsc::channel(REPORTS);
    // Before the socket, whose being there says that all is.
    let figures = match &config.metrics {
        Some(endpoint) => Some(metrics::Server::bind(endpoint).await?),
        None => None,
    };
    let (socket, file) = rpc::bind(&config.socket, config.socket_group)?;
    let mut files = vec![file];
    let places = switch::Places::default();
    for endpoint in config.openflow {
        files.extend(switch::listen(endpoint, places.clone(), reports.clone()).await?);
    }
    let settings = Settings { integration: config.integration_bridge, primary: config.primary, log: log.clone() };
    let core = core::run(state, settings, asked, reported, hooks::start(&config.state_dir), stopped.clone());
    // A thread of its own: while it computes, no connection has to wait for it.
    let runtime = Handle::current();
    let mut core = tokio::task::spawn_blocking(move || runtime.block_on(core));
    if let Some(figures) = figures {
        tokio::spawn(figures.run(asks.clone(), stopped.clone()));
    }
    tokio::spawn(log.clone().keep_packed());
    let server = tokio::spawn(rpc::serve(socket, config.grants, asks, log, stopped));
    info!(socket = %config.socket.display(), "ready");
    // Where no service manager listens there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut core => return ended.context("the core ended in a panic"),
    }
    info!("stopping");
    drop(files);
    // The tasks hold the other ends.
    let _ = stop.send(true);
    core.await.context("the core ended in a panic")?;
    server.await.context("the socket server ended in a panic")?;
    Ok(())
}

/// Opens the store, and the log that was in it. A store that is refused leads to safe mode; a state directory that another daemon uses is an error.
fn open(dir: &Path) -> Result<(State, Log)> {
    match store::open(dir) {
        Ok((store, mut loaded)) => {
            let log = Log::load(std::mem::take(&mut loaded.events));
            Ok((State::Open(store, loaded), log))
        }
        Err(refused @ store::StoreError::Locked { .. }) => Err(refused.into()),
        Err(refused) => {
            error!(error = %refused, "safe mode: no installed flow is touched");
            let log = Log::closed(&format!("the daemon is in safe mode: {refused}"));
            Ok((State::Safe(refused), log))
        }
    }
}

/// Requests that wait while a commit is under way.
const ASKS: usize = 1024;
/// Reports of switches that wait for the core: beyond these, switches wait. One may hold 64 KiB of a dump.
const REPORTS: usize = 32;
