//! One client: its lines go to the core, the core's answers to its socket.
//!
//! ```text
//!   socket ─Line──> read ──Ask──> core
//!                    │ Step        │
//!                    v             │
//!   socket <────── write <─answer──┘
//! ```

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::FramedRead;
use tracing::debug;

use super::lines::{Line, Lines};
use super::parts::{Parts, Taken};
use super::protocol::{self, Incoming};
use super::{Answer, Ask, Peer};
use crate::api::{ApiError, Call, ErrorKind, Request, SiteExport};

/// Serves a client until it goes, breaks the rules, or the daemon stops.
pub(super) async fn run(
    stream: UnixStream,
    asks: &mpsc::Sender<Ask>,
    in_parts: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
) {
    let Ok(credentials) = stream.peer_cred() else { return };
    let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() };
    let (input, mut output) = stream.into_split();
    let mut lines = FramedRead::new(input, Lines::default());
    let (steps, queued) = mpsc::channel(PIPELINE);
    let end = {
        let (reads, parts) = (Arc::new(Semaphore::new(READS)), Parts::new(in_parts));
        let reader = Reader { lines: &mut lines, peer, asks, steps, reads, parts };
        let mut writing = std::pin::pin!(write(&mut output, queued));
        let end = tokio::select! {
            end = reader.run(shutdown) => end,
            _ = &mut writing => return debug!("a client does not read its answers"),
        };
        if let Err(error) = writing.await {
            return debug!(%error, "a client does not read its answers");
        }
        end
    };
    // A client that is still writing reads its answers only when it is done, if the daemon does not hang up on it.
    let _ = output.shutdown().await;
    if end == End::Long {
        let _ = timeout(LINGER, async { while let Some(Ok(_)) = lines.next().await {} }).await;
    }
}

/// Why no further line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client went, or the daemon stops.
    Quiet,
    /// A line was too long to be read.
    Long,
}

/// What is to be written, in this order.
enum Step {
    /// An answer that is known.
    Now(Value),
    /// The answer to a request that the core has.
    Later(Value, Reply),
    /// A notification: it is done, and nobody hears how it ended.
    Silent(Reply),
    /// A batch begins.
    Open,
    /// A batch ends.
    Close,
}

/// What the core is going to answer, and the place that it takes until it is written.
struct Reply {
    answer: oneshot::Receiver<Result<Answer, ApiError>>,
    _place: Option<OwnedSemaphorePermit>,
}

/// Takes in what a client asks.
struct Reader<'a> {
    lines: &'a mut FramedRead<OwnedReadHalf, Lines>,
    peer: Peer,
    asks: &'a mpsc::Sender<Ask>,
    steps: mpsc::Sender<Step>,
    /// Results of any size may wait to be written: only so many may.
    reads: Arc<Semaphore>,
    /// What is too long for a line.
    parts: Parts,
}

/// The writer has ended.
struct Ended;

impl From<SendError<Step>> for Ended {
    fn from(_: SendError<Step>) -> Self {
        Self
    }
}

impl Reader<'_> {
    /// Hands the requests of all lines to the core, as fast as their answers are taken.
    async fn run(mut self, mut shutdown: watch::Receiver<bool>) -> End {
        loop {
            let deadline = self.parts.deadline();
            let forgotten = async move {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let line = tokio::select! {
                line = self.lines.next() => line,
                () = forgotten => {
                    self.parts.expire(Instant::now());
                    continue;
                }
                _ = shutdown.wait_for(|stop| *stop) => return End::Quiet,
            };
            let taken = match line {
                Some(Ok(Line::Text(line))) if line.trim().is_empty() => Ok(()),
                Some(Ok(Line::Text(line))) => self.take(&line).await,
                Some(Ok(Line::Garbled)) => self.then(Step::Now(protocol::garbled())).await,
                Some(Ok(Line::Long)) => match self.then(Step::Now(protocol::too_long())).await {
                    Ok(()) => return End::Long,
                    ended => ended,
                },
                Some(Err(_)) | None => return End::Quiet,
            };
            if let Err(Ended) = taken {
                return End::Quiet;
            }
        }
    }

    /// Hands the requests of one line to the core.
    async fn take(&mut self, line: &str) -> Result<(), Ended> {
        let (requests, is_batch) = match protocol::parse(line) {
            Ok(parsed) => parsed,
            Err(answer) => return self.then(Step::Now(answer)).await,
        };
        if is_batch {
            self.then(Step::Open).await?;
        }
        for Incoming { id, call } in requests {
            match (call, id) {
                (Ok(call), id) => self.take_call(*call, id, line.len()).await?,
                (Err(error), Some(id)) => self.then(Step::Now(protocol::answer(&id, Err(error)))).await?,
                (Err(_), None) => {}
            }
        }
        if is_batch { self.then(Step::Close).await } else { Ok(()) }
    }

    /// Hands a call to the core, unless it is of something in parts that is not the core's to hold.
    async fn take_call(&mut self, call: Call, id: Option<Value>, bytes: usize) -> Result<(), Ended> {
        let known = match self.parts.take(call, bytes, Instant::now()) {
            Ok(Taken::Whole(Call { request: Request::SiteExport(SiteExport { part: part @ 1.. }), .. })) => {
                self.parts.further(part, Instant::now())
            }
            Ok(Taken::Whole(call)) if matches!(call.request, Request::SiteExport(_)) => {
                let site = finished(self.ask(call).await.answer).await;
                site.and_then(|site| match site {
                    Answer::Value(site) => self.parts.first(site, Instant::now()),
                    Answer::Document(_) => Err(ApiError::new(ErrorKind::Storage, "a site is no document")),
                })
            }
            Ok(Taken::Whole(call)) => {
                let reply = self.ask(call).await;
                return self
                    .then(match id {
                        Some(id) => Step::Later(id, reply),
                        None => Step::Silent(reply),
                    })
                    .await;
            }
            Ok(Taken::Held(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        let Some(id) = id else { return Ok(()) };
        self.then(Step::Now(protocol::answer(&id, known.map_err(|error| protocol::refusal(&error))))).await
    }

    async fn ask(&self, call: Call) -> Reply {
        let reads = || Arc::clone(&self.reads).acquire_owned();
        let place = if call.request.changes() { None } else { Some(reads().await.expect("it is never closed")) };
        let (reply, answer) = oneshot::channel();
        // A core that is gone drops the reply, which is answered then.
        let _ = self.asks.send(Ask { call, peer: self.peer, reply }).await;
        Reply { answer, _place: place }
    }

    async fn then(&self, step: Step) -> Result<(), Ended> {
        Ok(self.steps.send(step).await?)
    }
}

/// Writes the answers; fails when the client does not take them.
async fn write(output: &mut OwnedWriteHalf, mut steps: mpsc::Receiver<Step>) -> io::Result<()> {
    let mut batch = Batch::None;
    while let Some(step) = steps.recv().await {
        match step {
            Step::Now(answer) => send(output, &batch.part(&answer.to_string())).await?,
            Step::Later(id, reply) => {
                let Reply { answer, _place } = reply;
                match finished(answer).await {
                    Ok(Answer::Value(value)) => {
                        let answer = protocol::answer(&id, Ok(value)).to_string();
                        send(output, &batch.part(&answer)).await?;
                    }
                    Ok(Answer::Document(file)) => send_document(output, &mut batch, &id, file).await?,
                    Err(error) => {
                        let answer = protocol::answer(&id, Err(protocol::refusal(&error))).to_string();
                        send(output, &batch.part(&answer)).await?;
                    }
                }
            }
            // Nobody hears how it ended.
            Step::Silent(reply) => drop(reply.answer.await),
            Step::Open => batch = Batch::Silent,
            Step::Close if batch == Batch::Silent => batch = Batch::None,
            Step::Close => {
                batch = Batch::None;
                send(output, "]\n").await?;
            }
        }
    }
    Ok(())
}

/// Whether the writer is in a batch, and has answered anything of it: one of notifications alone gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    None,
    Silent,
    Begun,
}

impl Batch {
    /// An answer as it stands among the others.
    fn part(&mut self, answer: &str) -> String {
        let (before, after) = self.around();
        [before, answer, after].concat()
    }

    /// What stands before the next answer, and after it.
    fn around(&mut self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("", "\n"),
            Self::Silent => {
                *self = Self::Begun;
                ("[", "")
            }
            Self::Begun => (",", ""),
        }
    }
}

/// Writes an answer whose result stands in a file, piece by piece.
async fn send_document(output: &mut OwnedWriteHalf, batch: &mut Batch, id: &Value, file: File) -> io::Result<()> {
    let (before, after) = batch.around();
    send(output, &format!("{before}{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":")).await?;
    let mut file = tokio::fs::File::from_std(file);
    let mut piece = vec![0; PIECE];
    loop {
        let len = file.read(&mut piece).await?;
        let Some(read) = piece.get(..len).filter(|read| !read.is_empty()) else { break };
        timeout(SLOW_READER, output.write_all(read)).await??;
    }
    send(output, &format!("}}{after}")).await
}

async fn send(output: &mut OwnedWriteHalf, text: &str) -> io::Result<()> {
    timeout(SLOW_READER, output.write_all(text.as_bytes())).await?
}

async fn finished(answer: oneshot::Receiver<Result<Answer, ApiError>>) -> Result<Answer, ApiError> {
    answer.await.unwrap_or_else(|_| Err(stopping()))
}

fn stopping() -> ApiError {
    ApiError::new(ErrorKind::Storage, "the daemon is stopping: ask again")
}

/// Requests of one client that may wait for their answers.
const PIPELINE: usize = 64;
/// Results of reads among them: one that is written and one that is made meanwhile.
const READS: usize = 2;
/// How much of a document is written at once.
const PIECE: usize = 64 * 1024;
/// How long a client may take to read an answer, or a piece of a document.
const SLOW_READER: Duration = Duration::from_secs(10);
/// How long a client that broke the rules may go on writing before it is hung up on.
const LINGER: Duration = Duration::from_secs(1);
