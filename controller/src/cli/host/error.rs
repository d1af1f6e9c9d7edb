//! Why a `host` command did not do what it should.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::super::client;
use crate::api::ErrorKind;
use crate::cli::Exit;

/// A refusal or a failure, with what to do.
#[derive(Debug, Error)]
pub(super) enum HostError {
    #[error("only root may do this: it changes addresses and routes")]
    NotRoot,
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Daemon(#[from] client::Failure),
    #[error("cannot start {program}: {source}; it comes with the package {package}")]
    Start { program: &'static str, package: &'static str, source: io::Error },
    #[error("{command} failed: {complaint}")]
    Command { command: String, complaint: String },
    #[error("what {command} printed makes no sense: {source}")]
    Unreadable { command: String, source: serde_json::Error },
    #[error("{what} within {seconds} seconds: {why}")]
    Late { what: String, seconds: u64, why: String },
    #[error("{}: {source}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is no state of an adoption: {why}", .path.display())]
    State { path: PathBuf, why: String },
    #[error("{0}")]
    Unconfirmed(String),
    #[error("{0}")]
    Broken(String),
}

impl HostError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NotRoot => Exit::Refused(ErrorKind::Denied),
            Self::Invalid(_) => Exit::Refused(ErrorKind::Invalid),
            Self::NotFound(_) => Exit::Refused(ErrorKind::NotFound),
            Self::Conflict(_) => Exit::Refused(ErrorKind::Conflict),
            Self::Daemon(failure) => failure.exit(),
            Self::Unconfirmed(_) => Exit::Unconfirmed,
            _ => Exit::Broken,
        }
    }
}
