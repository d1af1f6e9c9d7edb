//! The daemon from its arguments to its end.

pub mod config;

use std::path::Path;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

pub use config::{Args, Config};

use crate::core::{self, State};
use crate::{rpc, store, switch};

/// Runs the daemon until SIGTERM or SIGINT.
pub async fn run(config: Config) -> Result<()> {
    let state = open(&config.state_dir)?;
    let (stop, stopped) = watch::channel(false);
    let (asks, asked) = mpsc::channel(ASKS);
    let (reports, reported) = mpsc::channel(REPORTS);
    let socket = rpc::bind(&config.socket)?;
    for endpoint in config.openflow {
        switch::listen(endpoint, reports.clone()).await?;
    }
    let core = tokio::spawn(core::run(state, config.integration_bridge, asked, reported, stopped.clone()));
    let server = tokio::spawn(rpc::serve(socket, asks, stopped));
    info!(socket = %config.socket.display(), "ready");
    // Where no service manager listens there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping");
    // The tasks hold the other ends.
    let _ = stop.send(true);
    core.await.context("the core ended in a panic")?;
    server.await.context("the socket server ended in a panic")?;
    // A socket file that is gone already is as it should be.
    let _ = std::fs::remove_file(&config.socket);
    Ok(())
}

/// Opens the store. A store that is refused leads to safe mode; a state directory that another daemon uses is an error.
fn open(dir: &Path) -> Result<State> {
    match store::open(dir) {
        Ok((store, loaded)) => Ok(State::Open(store, loaded)),
        Err(refused @ store::StoreError::Locked { .. }) => Err(refused.into()),
        Err(refused) => {
            error!(error = %refused, "safe mode: no installed flow is touched");
            Ok(State::Safe(refused))
        }
    }
}

/// Requests that wait while a commit is under way.
const ASKS: usize = 1024;
/// Reports of switches that wait for the core: beyond these, switches wait.
const REPORTS: usize = 1024;
