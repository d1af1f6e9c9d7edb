//! Connections of clients.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use buoy_topology::Generation;
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::warn;

use super::users::Users;
use super::{Grants, connection, parts, protocol};
use crate::api::{ApiError, Call, ErrorKind};
use crate::events::Log;

/// A call that waits for the core's answer.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub call: Call,
    /// Who asks.
    pub peer: Peer,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Answer, ApiError>>,
}

/// What answers a call.
#[derive(Debug)]
pub enum Answer {
    /// A result.
    Value(Value),
    /// A result as JSON on one line.
    Text(String),
    /// The site, to be given out in parts.
    Site(Exported),
    /// A file that holds the result as JSON on one line: it may be longer than memory is for.
    Document(File),
}

/// A site as it can be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The generation that it is of.
    pub generation: Generation,
    /// Each entry as JSON, with its noun.
    pub entries: Vec<(&'static str, String)>,
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Who is at the other end of a socket, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process, where it is known.
    pub pid: Option<i32>,
    /// The user's name, where it is known.
    pub user: Option<Arc<str>>,
}

/// Serves clients until shutdown; then answers what is in flight, and returns.
pub async fn serve(
    listener: UnixListener,
    grants: Grants,
    asks: mpsc::Sender<Ask>,
    log: Log,
    mut shutdown: watch::Receiver<bool>,
) {
    let grants = Arc::new(grants);
    let users = Users::default();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let in_parts = parts::places();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a client");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            warn!(limit = MAX_CONNECTIONS, "too many clients: one was turned away");
            turn_away(stream);
            continue;
        };
        let (asks, log, users, shutdown) = (asks.clone(), log.clone(), users.clone(), shutdown.clone());
        let (grants, in_parts) = (Arc::clone(&grants), Arc::clone(&in_parts));
        tokio::spawn(async move {
            connection::run(stream, &asks, &log, (&users, &grants), in_parts, shutdown).await;
            drop(place);
        });
    }
    drop(asks);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    // Whoever is not done by then waits for a switch that does not answer.
    let _ = timeout(LAST_ANSWERS, places.acquire_many(all)).await;
}

/// Says why, as far as this can be done without waiting.
fn turn_away(stream: UnixStream) {
    let busy = format!("{MAX_CONNECTIONS} clients are connected already: try again when one of them has gone");
    let error = protocol::refusal(&ApiError::new(ErrorKind::Storage, busy));
    let line = format!("{}\n", protocol::answer(&Value::Null, Err(error)));
    // Who hung up needs no reason.
    let _ = stream.into_std().and_then(|mut stream| stream.write_all(line.as_bytes()));
}

/// Clients at once.
const MAX_CONNECTIONS: usize = 256;
/// How long a shutdown waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
