//! One client: its lines go to the core, the core's answers to its socket.
//!
//! ```text
//!   socket ─Line──> read ──Ask──> core
//!                    │ Step        │
//!                    v             │
//!   socket <────── write <─answer──┘
//!                    ^
//!   log ──events─────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::FramedRead;
use tracing::debug;

use super::access::Access;
use super::lines::{Line, Lines};
use super::parts::{Parts, Taken};
use super::protocol::{self, Incoming};
use super::users::Users;
use super::writer::{Patience, Reply, Step, Writer, stopping};
use super::{Answer, Ask, Grants, Peer};
use crate::api::{ApiError, Call, ErrorKind, Request, SiteExport};
use crate::events::Log;

/// Serves a client until it goes, breaks the rules, or the daemon stops.
pub(super) async fn run(
    stream: UnixStream,
    asks: &mpsc::Sender<Ask>,
    log: &Log,
    (users, grants): (&Users, &Arc<Grants>),
    in_parts: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
) {
    let Ok(credentials) = stream.peer_cred() else { return };
    let user = users.name(credentials.uid()).await;
    let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid(), user };
    let access = {
        let (grants, peer) = (Arc::clone(grants), peer.clone());
        tokio::task::spawn_blocking(move || grants.of(&peer)).await.unwrap_or_default()
    };
    let (input, mut output) = stream.into_split();
    let mut lines = FramedRead::new(input, Lines::default());
    let (steps, queued) = mpsc::channel(PIPELINE);
    let end = {
        let (reads, parts) = (Arc::new(Semaphore::new(READS)), Parts::new(in_parts));
        let reader = Reader { lines: &mut lines, peer, access, asks, steps, reads, parts };
        let writer = Writer::new(&mut output, log, Patience::default());
        let mut writing = std::pin::pin!(writer.run(queued, shutdown.clone()));
        let end = tokio::select! {
            end = reader.run(shutdown) => end,
            _ = &mut writing => return debug!("a client does not read its answers"),
        };
        let written = tokio::select! {
            written = writing => written,
            () = hangup(lines.get_ref()) => return,
        };
        if let Err(error) = written {
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

/// Waits until a client that sends nothing more is gone for good.
async fn hangup(input: &OwnedReadHalf) {
    loop {
        match input.ready(Interest::WRITABLE).await {
            Ok(ready) if !ready.is_write_closed() => tokio::time::sleep(LOOK).await,
            _ => return,
        }
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

/// Takes in what a client asks.
struct Reader<'a> {
    lines: &'a mut FramedRead<OwnedReadHalf, Lines>,
    peer: Peer,
    access: Access,
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
        for Incoming { id, mut call } in requests {
            let refused = call.as_mut().ok().and_then(|call| self.access.admit(&self.peer, call).err());
            if let Some(refused) = refused {
                call = Err(protocol::refusal(&refused));
            }
            match (call, id) {
                (Ok(call), id) if told_of(&call.request) => {
                    if let Some(step) = reading(call.request, id) {
                        self.then(step).await?;
                    }
                }
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
                self.parts.further(part, Instant::now()).map(Answer::Text)
            }
            Ok(Taken::Whole(call)) if matches!(call.request, Request::SiteExport(_)) => {
                let site = self.ask(call).await.answer.await.unwrap_or_else(|_| Err(stopping()));
                site.and_then(|site| match site {
                    Answer::Site(site) => self.parts.first(site, Instant::now()).map(Answer::Text),
                    _ => Err(ApiError::new(ErrorKind::Storage, "this is no site")),
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
            Ok(Taken::Held(answer)) => Ok(answer.into()),
            Err(error) => Err(error),
        };
        let Some(id) = id else { return Ok(()) };
        self.then(Step::Known(id, known)).await
    }

    async fn ask(&self, call: Call) -> Reply {
        let reads = || Arc::clone(&self.reads).acquire_owned();
        let place = if call.request.changes() { None } else { Some(reads().await.expect("it is never closed")) };
        let (reply, answer) = oneshot::channel();
        // A core that is gone drops the reply, which is answered then.
        let _ = self.asks.send(Ask { call, peer: self.peer.clone(), reply }).await;
        Reply { answer, _place: place }
    }

    async fn then(&self, step: Step) -> Result<(), Ended> {
        Ok(self.steps.send(step).await?)
    }
}

/// Whether the log answers, and not the core.
fn told_of(request: &Request) -> bool {
    matches!(request, Request::WatchStart(_) | Request::HistoryShow(_))
}

fn reading(request: Request, id: Option<Value>) -> Option<Step> {
    match (request, id) {
        (Request::WatchStart(asked), id) => Some(Step::Watch(id, Box::new(asked))),
        (Request::HistoryShow(asked), Some(id)) => Some(Step::History(id, Box::new(asked))),
        _ => None,
    }
}

/// Requests of one client that may wait for their answers.
const PIPELINE: usize = 64;
/// Results of reads among them: one that is written and one that is made meanwhile.
const READS: usize = 2;
/// How often it is looked whether a client that sends nothing more is still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long a client that broke the rules may go on writing before it is hung up on.
const LINGER: Duration = Duration::from_secs(1);
