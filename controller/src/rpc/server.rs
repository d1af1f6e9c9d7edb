//! Connections of clients.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::codec::{Decoder, Encoder, Framed, LinesCodec, LinesCodecError};
use tracing::{debug, warn};

use super::protocol::{self, Incoming};
use crate::api::{ApiError, Call, ErrorKind};

/// A call that waits for the core's answer.
#[derive(Debug)]
pub struct Ask {
    /// What is asked.
    pub call: Call,
    /// Who asks.
    pub peer: Peer,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Value, ApiError>>,
}

/// Who is at the other end of a socket, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process, where it is known.
    pub pid: Option<i32>,
}

/// Serves clients until shutdown; then answers what is in flight, and returns.
pub async fn serve(listener: UnixListener, asks: mpsc::Sender<Ask>, mut shutdown: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
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
            continue;
        };
        let (asks, shutdown) = (asks.clone(), shutdown.clone());
        tokio::spawn(async move {
            client(stream, &asks, shutdown).await;
            drop(place);
        });
    }
    drop(asks);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    // Whoever is not done by then waits for a switch that does not answer.
    let _ = timeout(LAST_ANSWERS, places.acquire_many(all)).await;
}

async fn client(stream: UnixStream, asks: &mpsc::Sender<Ask>, mut shutdown: watch::Receiver<bool>) {
    let Ok(credentials) = stream.peer_cred() else { return };
    let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() };
    let (mut sink, mut lines) = Framed::new(stream, WholeLines(LinesCodec::new_with_max_length(MAX_LINE))).split();
    let (queue, mut queued) = mpsc::channel::<Pending>(PIPELINE);
    let reader = async {
        loop {
            let line = tokio::select! {
                line = lines.next() => line,
                _ = shutdown.wait_for(|stop| *stop) => break,
            };
            let pending = match line {
                Some(Ok(line)) if line.trim().is_empty() => continue,
                Some(Ok(line)) => take(&line, peer, asks).await,
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                    debug!(limit = MAX_LINE, "a client sent too long a line");
                    break;
                }
                Some(Err(_)) | None => break,
            };
            if queue.send(pending).await.is_err() {
                break;
            }
        }
        drop(queue);
    };
    let writer = async {
        while let Some(pending) = queued.recv().await {
            let Some(text) = pending.answer().await else { continue };
            if !matches!(timeout(SLOW_READER, sink.send(text)).await, Ok(Ok(()))) {
                debug!("a client does not read its answers");
                break;
            }
        }
        queued.close();
    };
    tokio::join!(reader, writer);
}

/// Lines that ended: what a client had not finished to write when it went is no request.
struct WholeLines(LinesCodec);

impl Decoder for WholeLines {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        self.0.decode(buffer)
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        let line = self.0.decode(buffer)?;
        if line.is_none() {
            buffer.clear();
        }
        Ok(line)
    }
}

impl Encoder<String> for WholeLines {
    type Error = LinesCodecError;

    fn encode(&mut self, line: String, buffer: &mut BytesMut) -> Result<(), LinesCodecError> {
        self.0.encode(line, buffer)
    }
}

/// The answers of one line, on their way.
struct Pending {
    parts: Vec<Part>,
    is_batch: bool,
}

enum Part {
    Now(Value),
    Later(Value, oneshot::Receiver<Result<Value, ApiError>>),
    /// A notification: it is done, and nobody hears how it ended.
    Silent(oneshot::Receiver<Result<Value, ApiError>>),
}

/// Hands the requests of a line to the core.
async fn take(line: &str, peer: Peer, asks: &mpsc::Sender<Ask>) -> Pending {
    let (requests, is_batch) = match protocol::parse(line) {
        Ok(parsed) => parsed,
        Err(answer) => return Pending { parts: vec![Part::Now(answer)], is_batch: false },
    };
    let mut parts = Vec::with_capacity(requests.len());
    for Incoming { id, call } in requests {
        match (call, id) {
            (Ok(call), id) => {
                let (reply, answer) = oneshot::channel();
                // A core that is gone drops the reply, which is answered below.
                let _ = asks.send(Ask { call: *call, peer, reply }).await;
                parts.push(match id {
                    Some(id) => Part::Later(id, answer),
                    None => Part::Silent(answer),
                });
            }
            (Err(error), Some(id)) => parts.push(Part::Now(protocol::answer(&id, Err(error)))),
            (Err(_), None) => {}
        }
    }
    Pending { parts, is_batch }
}

impl Pending {
    /// The line that answers, when all its parts are there; none where there were only notifications.
    async fn answer(self) -> Option<String> {
        let mut answers = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            match part {
                Part::Now(answer) => answers.push(answer),
                Part::Later(id, answer) => answers.push(finished(&id, answer).await),
                Part::Silent(answer) => drop(answer.await),
            }
        }
        if self.is_batch && !answers.is_empty() {
            return Some(Value::from(answers).to_string());
        }
        answers.pop().map(|answer| answer.to_string())
    }
}

async fn finished(id: &Value, answer: oneshot::Receiver<Result<Value, ApiError>>) -> Value {
    let stopping =
        |_| Err(ApiError { kind: ErrorKind::Storage, message: "the daemon is stopping: ask again".to_owned() });
    let result = answer.await.unwrap_or_else(stopping);
    protocol::answer(id, result.map_err(|error| protocol::refusal(&error)))
}

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 1024 * 1024;
const MAX_CONNECTIONS: usize = 256;
/// Lines of one client that may wait for their answers.
const PIPELINE: usize = 64;
/// How long a client may take to read an answer.
const SLOW_READER: Duration = Duration::from_secs(10);
/// How long a shutdown waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
