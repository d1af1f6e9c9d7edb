//! The socket's other end: one request, one answer.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buoy_topology::Name;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use thiserror::Error;

use super::Exit;
use crate::api::{ErrorKind, Request, Wait};
use crate::rpc::MAX_LINE;

/// Why there is no result.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("no daemon answers on {} ({source}): is buoyd running? --socket names another path", .path.display())]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("the daemon hung up before it answered ({0}): what was asked may have been done")]
    HungUp(io::Error),
    #[error("the daemon's answer is not JSON-RPC: {0}")]
    Broken(String),
    #[error("this makes {len} bytes, and the daemon reads at most {MAX_LINE} at once: split it, nothing was changed")]
    TooLong { len: usize },
    #[error("{message}")]
    Refused { kind: ErrorKind, message: String },
}

impl Failure {
    /// What an error object says.
    pub(super) fn refused(error: &Value) -> Self {
        Self::Refused {
            // A kind of a newer daemon has no exit code of its own.
            kind: serde_json::from_value(error["data"]["kind"].clone()).unwrap_or(ErrorKind::Storage),
            message: error["message"].as_str().unwrap_or("refused without a reason").to_owned(),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::HungUp(_) => Exit::Unreachable,
            Self::Broken(_) => Exit::Broken,
            Self::TooLong { .. } => Exit::Refused(ErrorKind::Invalid),
            Self::Refused { kind, .. } => Exit::Refused(*kind),
        }
    }
}

/// Asks the daemon, and waits for its answer a little longer than the daemon waits for the switches.
pub(super) fn call(
    path: &Path,
    request: &Request,
    project: Option<&Name>,
    wait: Wait,
    timeout: Duration,
) -> Result<Value, Failure> {
    let result = call_raw(path, request, project, wait, timeout)?;
    serde_json::from_str(result.get()).map_err(|error| Failure::Broken(error.to_string()))
}

/// The same, with the text of the result as it came.
pub(super) fn call_raw(
    path: &Path,
    request: &Request,
    project: Option<&Name>,
    wait: Wait,
    timeout: Duration,
) -> Result<Box<RawValue>, Failure> {
    let unreachable = |source| Failure::Unreachable { path: path.to_owned(), source };
    let mut line = line(request, project, wait, timeout).map_err(|error| Failure::Broken(error.to_string()))?;
    if line.len() > MAX_LINE {
        return Err(Failure::TooLong { len: line.len() });
    }
    line.push('\n');
    let mut stream = UnixStream::connect(path).map_err(unreachable)?;
    stream.set_read_timeout(Some(timeout + GRACE)).map_err(unreachable)?;
    let sent = stream.write_all(line.as_bytes());
    let mut answer = String::new();
    // A daemon that hangs up on who asks says why before it does.
    let read = BufReader::new(stream).read_line(&mut answer);
    if !answer.ends_with('\n') {
        sent.and(read).map_err(Failure::HungUp)?;
        return Err(Failure::HungUp(io::ErrorKind::UnexpectedEof.into()));
    }
    let answer: Answer = serde_json::from_str(&answer).map_err(|error| Failure::Broken(error.to_string()))?;
    match (answer.error, answer.result) {
        (Some(error), _) => Err(Failure::refused(&error)),
        (None, Some(result)) => Ok(result),
        (None, None) => Err(Failure::Broken("it has neither a result nor an error".to_owned())),
    }
}

/// What a daemon answers.
#[derive(Debug, Deserialize)]
struct Answer {
    error: Option<Value>,
    // A result may be null, which is not the same as none.
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

fn line(request: &Request, project: Option<&Name>, wait: Wait, timeout: Duration) -> serde_json::Result<String> {
    let mut object = serde_json::to_value(request)?;
    object["jsonrpc"] = "2.0".into();
    object["id"] = 1.into();
    if object["params"].is_null() {
        object["params"] = json!({});
    }
    if let Some(project) = project {
        object["params"]["project"] = serde_json::to_value(project)?;
    }
    object["params"]["wait"] = serde_json::to_value(wait)?;
    object["params"]["timeout"] = timeout.as_secs_f64().into();
    serde_json::to_string(&object)
}

/// What the daemon itself may take beyond the switches: an fsync on a busy disk.
const GRACE: Duration = Duration::from_secs(25);
