//! `buoyctl host`: the machine's own NIC becomes a port of a bridge, and the machine stays reachable.
//!
//! Read [`machine`] (what is there: [`address`], [`route`], [`ovs`], [`settings`]), [`check`] (what speaks against it),
//! [`plan`] (the order, and why) of [`step`]s, [`adopt`] (the command), [`guard`] (the process that does it and counts
//! down), [`carry`] (how steps are done and undone), [`state`] (the file between them all), [`standing`] (confirm, rollback,
//! status) and [`advice`] (what stays to be done by hand).

mod address;
mod adopt;
mod advice;
pub(super) mod args;
mod carry;
mod check;
mod error;
mod guard;
mod machine;
mod names;
mod ovs;
mod plan;
mod route;
mod run;
mod settings;
mod standing;
mod state;
mod step;
#[cfg(test)]
mod tests;

use std::path::Path;

use args::{At, Host};
use error::HostError;
use state::StateFile;

use super::Exit;
use super::args::Format;
use crate::arguments::one_line;

/// Does what the command says, on this machine.
pub(super) fn run(command: &Host, socket: &Path, format: Format) -> Exit {
    match dispatch(command, socket, format) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("buoyctl: {}", one_line(&error.to_string()));
            error.exit()
        }
    }
}

fn dispatch(command: &Host, socket: &Path, format: Format) -> Result<(), HostError> {
    let (Host::Adopt(args::Adopt { at, .. })
    | Host::Confirm(at)
    | Host::Rollback(at)
    | Host::Status(at)
    | Host::Guard(at)) = command;
    let file = state_file(at)?;
    if !matches!(command, Host::Adopt(_)) && !nix::unistd::geteuid().is_root() {
        return Err(HostError::NotRoot);
    }
    match command {
        Host::Adopt(args) => adopt::adopt(args, &file, &absolute(socket)?, format),
        Host::Confirm(_) => standing::confirm(&file),
        Host::Rollback(_) => standing::rollback(&file),
        Host::Status(_) => standing::status(&file, format),
        Host::Guard(_) => guard::run(&file),
    }
}

fn state_file(at: &At) -> Result<StateFile, HostError> {
    Ok(StateFile::at(&absolute(&at.state)?))
}

/// The guard runs in another directory.
fn absolute(path: &Path) -> Result<std::path::PathBuf, HostError> {
    std::path::absolute(path).map_err(|source| HostError::File { path: path.to_owned(), source })
}
