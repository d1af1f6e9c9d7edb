//! The store thread: requests that wait together become durable together.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use buoy_topology::{Change, Generation, MacAddr, NeighbourKey};
use tracing::{error, warn};

use super::engine::Engine;
use super::plan::{Plan, Writes};
use super::stats::{Counters, Stats};
use super::{Commit, HookNote, StoreError, backup};
use crate::events::Entries;

/// The way to the store thread. Dropping it finishes what is queued and closes the database.
#[derive(Debug)]
pub struct Store {
    /// Taken only by `drop`, to end the thread.
    requests: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    dir: PathBuf,
}

impl Store {
    /// Starts the store thread.
    pub(super) fn start(engine: Engine) -> Result<Self, StoreError> {
        let (requests, queue) = sync_channel(QUEUE_LEN);
        let counters = Arc::new(Counters::default());
        let dir = engine.dir.path().to_owned();
        let worker = Worker { engine, counters: Arc::clone(&counters), read_only: None, put_off: None };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || worker.run(&queue));
        let thread = thread.map_err(|source| StoreError::io(&dir, source))?;
        Ok(Self { requests: Some(requests), thread: Some(thread), counters, dir })
    }

    /// Hands a change over. `done` runs on the store thread, once the change is durable or has failed, and must not
    /// wait for anything: send on a oneshot channel. This call itself waits while 1,024 requests are queued.
    pub fn commit(&self, commit: Commit, done: impl FnOnce(Result<Generation, StoreError>) + Send + 'static) {
        let Commit { generation, change, learnt, hooks, events } = commit;
        let change = Some((generation, change));
        self.send(Request { change, learnt, hooks, events, done: Box::new(done) });
    }

    /// Hands over MACs that were learnt, or forgotten (`None`), outside the generations. `done` gets the generation
    /// that the store is at; for the rest as with [`Store::commit`].
    pub fn learn(
        &self,
        learnt: Vec<(NeighbourKey, Option<MacAddr>)>,
        done: impl FnOnce(Result<Generation, StoreError>) + Send + 'static,
    ) {
        let events = Entries::default();
        self.send(Request { change: None, learnt, hooks: Vec::new(), events, done: Box::new(done) });
    }

    /// Hands over how hooks stand, outside the generations. For the rest as with [`Store::learn`].
    pub fn note_hooks(&self, hooks: Vec<HookNote>, done: impl FnOnce(Result<Generation, StoreError>) + Send + 'static) {
        let events = Entries::default();
        self.send(Request { change: None, learnt: Vec::new(), hooks, events, done: Box::new(done) });
    }

    /// Hands over what the log gains and loses without a change. For the rest as with [`Store::learn`].
    pub fn log(&self, events: Entries, done: impl FnOnce(Result<Generation, StoreError>) + Send + 'static) {
        self.send(Request { change: None, learnt: Vec::new(), hooks: Vec::new(), events, done: Box::new(done) });
    }

    /// Asks for a backup: a file with all that is durable when its turn comes. Commits wait meanwhile.
    pub fn back_up(&self, done: impl FnOnce(Result<File, StoreError>) + Send + 'static) {
        let requests = self.requests.as_ref().expect("only drop takes the sender");
        if let Err(SendError(Job::BackUp(done))) = requests.send(Job::BackUp(Box::new(done))) {
            done(Err(self.ended()));
        }
    }

    /// What has been done since the store was opened.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// Finishes what is queued and closes the database; the same as dropping the store.
    pub fn close(self) {}

    fn send(&self, request: Request) {
        let requests = self.requests.as_ref().expect("only drop takes the sender");
        if let Err(SendError(Job::Write(request))) = requests.send(Job::Write(request)) {
            (request.done)(Err(self.ended()));
        }
    }

    fn ended(&self) -> StoreError {
        StoreError::ReadOnly { path: self.dir.clone(), reason: "the store thread has ended".to_owned() }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the store thread panicked");
        }
    }
}

/// What the store thread is asked.
enum Job {
    Write(Request),
    BackUp(Box<dyn FnOnce(Result<File, StoreError>) + Send>),
}

/// Somebody who waits for something to become durable.
struct Request {
    /// The change and the generation that it takes; none where there is only something to learn.
    change: Option<(Generation, Change)>,
    learnt: Vec<(NeighbourKey, Option<MacAddr>)>,
    hooks: Vec<HookNote>,
    events: Entries,
    done: Box<dyn FnOnce(Result<Generation, StoreError>) + Send>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("change", &self.change).field("learnt", &self.learnt).finish_non_exhaustive()
    }
}

/// What the store thread owns.
struct Worker {
    engine: Engine,
    counters: Arc<Counters>,
    /// Why nothing may be written any more.
    read_only: Option<String>,
    /// Until when the database is left alone, for want of room.
    put_off: Option<Instant>,
}

impl Worker {
    /// Serves requests until the store is dropped.
    fn run(mut self, queue: &Receiver<Job>) {
        while let Some(first) = self.next(queue) {
            let mut group = Vec::new();
            for job in std::iter::once(first).chain(queue.try_iter().take(GROUP_LEN - 1)) {
                match job {
                    Job::Write(request) => group.push(request),
                    Job::BackUp(done) => {
                        self.commit(std::mem::take(&mut group));
                        done(self.back_up());
                    }
                }
            }
            self.commit(group);
        }
        self.settle();
    }

    /// Waits for a request; nothing once the store is dropped.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        while let Some(due) = self.due() {
            match queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        queue.recv().ok()
    }

    /// When what is journaled is to be put into the database, if nobody asks for anything by then.
    fn due(&self) -> Option<Instant> {
        let (first, last) = self.engine.journaled_at.filter(|_| self.read_only.is_none())?;
        Some((first + DELAY).min(last + SILENCE).max(self.put_off.unwrap_or(first)))
    }

    /// Puts what is journaled into the database. Nobody waits for that, and where there is no room for it, it stays in the
    /// journal.
    fn settle(&mut self) {
        if self.read_only.is_some() {
            return;
        }
        if let Some((free, needed)) = self.lack_of_room(&Writes::new()) {
            let until = Instant::now() + DELAY;
            if self.put_off.replace(until).is_none() {
                warn!(free, needed, "the disk is too full for the database: what is new stays in the journal");
            }
            return;
        }
        self.put_off = None;
        if let Err(error) = self.engine.settle(&self.counters) {
            self.end_writing(&error);
        }
        self.engine.free();
    }

    /// Makes a backup of all that was acknowledged.
    fn back_up(&self) -> Result<File, StoreError> {
        let engine = &self.engine;
        if let Some(reason) = self.read_only.as_ref().filter(|_| engine.is_torn) {
            return Err(self.refusal(reason));
        }
        backup::snapshot(&engine.trees, &engine.journaled, &engine.state, &engine.dir.sled())
    }

    fn end_writing(&mut self, error: &StoreError) -> String {
        let reason = error.cause();
        error!(reason, "the store is read-only from now on");
        self.read_only.insert(reason).clone()
    }

    /// Makes a group durable and answers each request.
    fn commit(&mut self, group: Vec<Request>) {
        let mut plan = Plan::after(self.engine.state.generation);
        let mut accepted = Vec::with_capacity(group.len());
        for request in group {
            let added = match &self.read_only {
                Some(reason) => Err(self.refusal(reason)),
                None => request.add_to(&mut plan),
            };
            match added {
                Ok(generation) => accepted.push((generation, request.done)),
                Err(error) => {
                    self.counters.count_error();
                    (request.done)(Err(error));
                }
            }
        }
        if accepted.is_empty() {
            return;
        }
        if let Some((free, needed)) = self.lack_of_room(plan.writes()) {
            warn!(free, needed, "the disk is too full for a change");
            for (_, done) in accepted {
                self.counters.count_error();
                done(Err(StoreError::Full { path: self.engine.dir.path().to_owned(), free, needed }));
            }
            return;
        }
        match self.engine.write(plan, &self.counters) {
            Ok(()) => {
                self.counters.count_group(accepted.len().try_into().unwrap_or(u64::MAX));
                for (generation, done) in accepted {
                    done(Ok(generation));
                }
                if self.engine.commit_file.is_filling() {
                    self.settle();
                }
                self.engine.free();
            }
            Err(error) => {
                let reason = self.end_writing(&error);
                for (_, done) in accepted {
                    self.counters.count_error();
                    done(Err(self.refusal(&reason)));
                }
            }
        }
    }

    /// What is free and what would have to be, where it is not enough. Asked before anything is written: a write that
    /// fails half-way leaves it unknown what is on disk.
    fn lack_of_room(&self, writes: &Writes) -> Option<(u64, u64)> {
        let needed = RESERVE.saturating_add(self.engine.size_with(writes).saturating_mul(GROWTH));
        // Where the system does not tell, the write itself does.
        let free = self.engine.dir.free().ok()?;
        (free < needed).then_some((free, needed))
    }

    fn refusal(&self, reason: &str) -> StoreError {
        StoreError::ReadOnly { path: self.engine.dir.path().to_owned(), reason: reason.to_owned() }
    }
}

impl Request {
    /// Adds the request to a plan, all or nothing, and tells the generation that it is done with.
    fn add_to(&self, plan: &mut Plan) -> Result<Generation, StoreError> {
        if let Some((generation, change)) = &self.change {
            plan.change(*generation, change)?;
        }
        plan.learn(&self.learnt);
        plan.note_hooks(&self.hooks);
        plan.log(&self.events);
        Ok(plan.generation())
    }
}

/// How many requests may wait.
const QUEUE_LEN: usize = 1_024;
/// What stays free on the disk: sled tidies its log up, and opens no store on a full disk.
const RESERVE: u64 = 16 * 1_024 * 1_024;
/// How much sled writes for a byte of ours, at most: the page that it belongs to, anew.
const GROWTH: u64 = 4;
/// How long nobody asks for anything before what is journaled is put into the database: who asks once a second does not
/// meet that.
const SILENCE: Duration = Duration::from_millis(100);
/// How long a record stands in the journal alone, where nobody waits at the end of that time; and how long the database is
/// left alone where there is no room.
const DELAY: Duration = Duration::from_secs(1);
/// How many requests share one record.
const GROUP_LEN: usize = 256;
