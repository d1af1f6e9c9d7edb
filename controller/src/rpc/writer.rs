//! What a client is sent: answers in the order of its requests, and in between what it watches.

use std::fs::File;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::watch::{Next, Watch, line, seen};
use super::{Answer, history, protocol};
use crate::api::{ApiError, ErrorKind, HistoryShow, WatchStart};
use crate::events::{Log, Seq};

/// What is to be written, in this order.
pub(super) enum Step {
    /// An answer that is known.
    Now(Value),
    /// The answer to a request, which is known.
    Known(Value, Result<Answer, ApiError>),
    /// The answer to a request that the core has.
    Later(Value, Reply),
    /// A notification: it is done, and nobody hears how it ended.
    Silent(Reply),
    /// What the log has, once all before it is answered.
    History(Value, Box<HistoryShow>),
    /// The beginning of a watch; without an id nobody hears how it began.
    Watch(Option<Value>, Box<WatchStart>),
    /// A batch begins.
    Open,
    /// A batch ends.
    Close,
}

/// What the core is going to answer, and the place that it takes until it is written.
pub(super) struct Reply {
    pub(super) answer: oneshot::Receiver<Result<Answer, ApiError>>,
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// Writes the answers and the events.
pub(super) struct Writer<'a, W> {
    output: &'a mut W,
    log: &'a Log,
    watch: Option<Watch>,
    batch: Batch,
    patience: Patience,
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// To read an answer, or anything of an event.
    read: Duration,
    /// To read on when it is told that it was too slow.
    last: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { read: SLOW_READER, last: LAST_LINE }
    }
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(super) fn new(output: &'a mut W, log: &'a Log, patience: Patience) -> Self {
        Self { output, log, watch: None, batch: Batch::None, patience }
    }

    /// Writes until there are no more steps, and nothing is watched; fails when the client does not take it.
    pub(super) async fn run(
        mut self,
        mut steps: mpsc::Receiver<Step>,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        loop {
            let step = tokio::select! {
                biased;
                step = steps.recv() => step,
                next = next(&mut self.watch), if self.batch == Batch::None => {
                    self.tell(next).await?;
                    continue;
                }
            };
            let Some(step) = step else { break };
            self.take(step).await?;
        }
        // A client that has no more to ask may go on to watch.
        while self.watch.is_some() {
            let next = tokio::select! {
                next = next(&mut self.watch) => next,
                _ = stop.wait_for(|stop| *stop) => Next::End("the daemon is stopping".to_owned()),
            };
            self.tell(next).await?;
        }
        Ok(())
    }

    async fn take(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Now(answer) => self.answer(&answer).await,
            Step::Known(id, result) => self.finish(&id, result).await,
            Step::Later(id, reply) => {
                let Reply { mut answer, _place } = reply;
                let result = loop {
                    tokio::select! {
                        biased;
                        result = &mut answer => break result,
                        next = next(&mut self.watch), if self.batch == Batch::None => self.tell(next).await?,
                    }
                };
                self.finish(&id, result.unwrap_or_else(|_| Err(stopping()))).await
            }
            // Nobody hears how it ended.
            Step::Silent(reply) => {
                drop(reply.answer.await);
                Ok(())
            }
            Step::History(id, asked) => {
                let result = history::show(self.log, &asked).await;
                self.answer(&finished(&id, result)).await
            }
            Step::Watch(id, asked) => {
                let result = self.start(&asked);
                match id {
                    Some(id) => self.answer(&finished(&id, result)).await,
                    None => Ok(()),
                }
            }
            Step::Open => {
                self.batch = Batch::Silent;
                Ok(())
            }
            Step::Close => match std::mem::replace(&mut self.batch, Batch::None) {
                Batch::Begun => self.send("]\n").await,
                Batch::None | Batch::Silent => Ok(()),
            },
        }
    }

    async fn finish(&mut self, id: &Value, result: Result<Answer, ApiError>) -> io::Result<()> {
        match result {
            Ok(Answer::Value(value)) => self.answer(&finished(id, Ok(value))).await,
            Ok(Answer::Text(text)) => self.answer_text(id, &text).await,
            Ok(Answer::Document(file)) => self.send_document(id, file).await,
            Ok(Answer::Site(_)) => {
                let error = ApiError::new(ErrorKind::Storage, "a site goes out in parts");
                self.answer(&finished(id, Err(error))).await
            }
            Err(error) => self.answer(&finished(id, Err(error))).await,
        }
    }

    fn start(&mut self, asked: &WatchStart) -> Result<Value, ApiError> {
        if self.watch.is_some() {
            let message = "this connection watches already: open another one".to_owned();
            return Err(ApiError::new(ErrorKind::Conflict, message));
        }
        let (watch, answer) = Watch::start(self.log, asked)?;
        self.watch = Some(watch);
        Ok(answer)
    }

    async fn tell(&mut self, next: Next) -> io::Result<()> {
        match next {
            Next::Events(events) => {
                for event in events {
                    self.send_event(&line(&event), event.seq).await?;
                }
                Ok(())
            }
            Next::Seen(seq) => self.send_event(&seen(seq), seq).await,
            Next::End(reason) => self.end(&reason).await,
        }
    }

    /// Ends the watch with a word.
    async fn end(&mut self, reason: &str) -> io::Result<()> {
        let Some(watch) = self.watch.take() else { return Ok(()) };
        self.send(&watch.last_line(watch.seq(), reason)).await
    }

    /// Writes an event. A client that takes nothing of it is told so after it, if it takes anything any more.
    async fn send_event(&mut self, text: &str, seq: Seq) -> io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match timeout(self.patience.read, self.output.write(rest)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written?..).unwrap_or_default(),
                Err(slow) => {
                    let last = self.watch.take().map(|watch| watch.last_line(seq, TOO_SLOW)).unwrap_or_default();
                    let both = [rest, last.as_bytes()].concat();
                    timeout(self.patience.last, self.output.write_all(&both)).await??;
                    return Err(slow.into());
                }
            }
        }
        Ok(())
    }

    async fn answer(&mut self, answer: &Value) -> io::Result<()> {
        let (before, after) = self.batch.around();
        self.send(&format!("{before}{answer}{after}")).await
    }

    /// Writes an answer whose result is text.
    async fn answer_text(&mut self, id: &Value, text: &str) -> io::Result<()> {
        let (before, after) = self.batch.around();
        self.send(&format!("{before}{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{text}}}{after}")).await
    }

    /// Writes an answer whose result stands in a file, piece by piece.
    async fn send_document(&mut self, id: &Value, file: File) -> io::Result<()> {
        let (before, after) = self.batch.around();
        self.send(&format!("{before}{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":")).await?;
        let mut file = tokio::fs::File::from_std(file);
        let mut piece = vec![0; PIECE];
        loop {
            let len = file.read(&mut piece).await?;
            let Some(read) = piece.get(..len).filter(|read| !read.is_empty()) else { break };
            timeout(self.patience.read, self.output.write_all(read)).await??;
        }
        self.send(&format!("}}{after}")).await
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        timeout(self.patience.read, self.output.write_all(text.as_bytes())).await?
    }
}

/// What comes next of a watch; nothing ever where there is none.
async fn next(watch: &mut Option<Watch>) -> Next {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// Whether the writer is in a batch, and has answered anything of it: one of notifications alone gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    None,
    Silent,
    Begun,
}

impl Batch {
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

/// Why a core that is gone has not answered.
pub(super) fn stopping() -> ApiError {
    ApiError::new(ErrorKind::Storage, "the daemon is stopping: ask again")
}

fn finished(id: &Value, result: Result<Value, ApiError>) -> Value {
    protocol::answer(id, result.map_err(|error| protocol::refusal(&error)))
}

/// How much of a document is written at once.
const PIECE: usize = 64 * 1024;
/// How long a client may take to read an answer, a piece of a document, or anything of an event.
const SLOW_READER: Duration = Duration::from_secs(10);
/// How long a client that was too slow may take to read that.
const LAST_LINE: Duration = Duration::from_secs(10);
/// Why a client is cut off that does not read.
const TOO_SLOW: &str = "nothing was read for too long: go on with another connection";

#[cfg(test)]
mod tests;
