//! The fence: after it no packet takes a way that the datapath had cached before it began.
//!
//! ```text
//!   the canary gets number n, and it is asked ──answer under n──> the canary gets n + 1, and it is asked
//!      ──answer under n: it is cached──> ... ──answer under n + 1: that cached flow was looked at──> n + 2 ...
//! ```
//! Why [`ROUNDS`] of these show that all cached flows were looked at is in decision 10. An answer under the old number
//! counts only where the question went out after the new one: otherwise it may have been under way. The question has a
//! nonce for that, so that nobody can answer what was not asked yet. At the end the canary is taken away, and a barrier makes
//! sure of that.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use buoy_flows::openflow::{Message, PacketIn, Xid};
use buoy_flows::pipeline::fence::{self, LARGEST, Respondent};

use super::{Event, OUTGOING, Session};

/// The fence under way, and the number that the canary had last.
#[derive(Debug)]
pub(super) struct Fences {
    number: u32,
    /// What nonces are made with.
    secret: RandomState,
    run: Option<Run>,
}

/// How a fence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceEnd {
    /// The datapath has followed.
    Followed,
    /// There were answers, but the datapath was not seen to follow in time.
    Behind,
    /// There were no answers.
    Silent,
}

#[derive(Debug)]
struct Run {
    /// Who is asked.
    asked: Respondent,
    /// How long it may take while answers come.
    patience: Duration,
    /// When the clock was first looked at.
    begun: Option<Instant>,
    /// When the last answer came.
    heard: Option<Instant>,
    /// When it is asked again.
    due: Option<Instant>,
    /// Whether an answer has shown that the datapath had the former number cached.
    is_cached: bool,
    /// How often the datapath was seen to follow; none until the first number came back.
    followed: Option<u8>,
    /// The barrier at the end, and how the fence ended.
    end: Option<(Xid, FenceEnd)>,
}

impl Fences {
    /// Numbers begin anywhere, so that two controllers of one switch do not take each other's for theirs.
    pub(super) fn new() -> Self {
        let secret = RandomState::new();
        Self { number: low(secret.hash_one("number")), secret, run: None }
    }

    /// The answers could not be read until now.
    pub(super) fn excuse(&mut self, now: Instant) {
        if let Some(run) = &mut self.run {
            run.heard = Some(now);
        }
    }

    fn nonce(&self, number: u32) -> u32 {
        low(self.secret.hash_one(number))
    }

    fn former(&self) -> u32 {
        self.number.wrapping_sub(1)
    }
}

impl Session {
    /// When [`Session::tick_fence`] is to be called next.
    pub fn fence_due(&self) -> Option<Instant> {
        self.fences.run.as_ref().map(|run| run.due.unwrap_or(self.heard))
    }

    pub(super) fn begin_fence(&mut self, asked: Respondent, patience: Duration) {
        if self.fences.run.is_some() {
            tracing::error!("a switch was given a fence while it had one");
            return;
        }
        self.fences.run = Some(Run {
            asked,
            patience,
            begun: None,
            heard: None,
            due: None,
            is_cached: false,
            followed: None,
            end: None,
        });
        self.next_number();
    }

    /// Asks again, and gives up on who does not answer in time.
    pub fn tick_fence(&mut self, now: Instant) {
        let Some(run) = &mut self.fences.run else { return };
        let begun = *run.begun.get_or_insert(now);
        let (late, silent) = (now.duration_since(begun), now.duration_since(run.heard.unwrap_or(begun)));
        run.due = Some(now + ASK_EVERY);
        match run.end {
            Some((_, end)) if late >= run.patience + BARRIER_WAIT => self.fenced(end),
            Some(_) => {}
            None if silent >= ANSWER_WAIT => self.end_fence(FenceEnd::Silent),
            None if late >= run.patience => self.end_fence(FenceEnd::Behind),
            None => self.ask(),
        }
    }

    /// Takes in an answer; tells whether the packet was one.
    pub(super) fn on_fence_answer(&mut self, packet: &PacketIn, now: Instant) -> bool {
        let Some(answer) = fence::answer(packet) else { return false };
        let (latest, former) = (self.fences.number, self.fences.former());
        let is_new = answer.nonce == self.fences.nonce(latest);
        let is_known = is_new || answer.nonce == self.fences.nonce(former);
        let Some(run) = &mut self.fences.run else { return true };
        if run.end.is_some() || run.asked.port != answer.port || !is_known {
            return true;
        }
        run.heard = Some(now);
        if answer.number == latest {
            let followed = run.followed.map_or(0, |rounds| rounds + u8::from(run.is_cached));
            run.followed = Some(followed);
            if followed == ROUNDS {
                self.end_fence(FenceEnd::Followed);
            } else {
                self.next_number();
            }
        } else if answer.number == former && is_new {
            run.is_cached = true;
        }
        true
    }

    /// Takes in the reply to a barrier; tells whether it was the fence's.
    pub(super) fn on_fence_barrier(&mut self, xid: Xid) -> bool {
        match self.fences.run.as_ref().and_then(|run| run.end) {
            Some((barrier, end)) if barrier == xid => {
                self.fenced(end);
                true
            }
            _ => false,
        }
    }

    fn next_number(&mut self) {
        self.fences.number = self.fences.number.wrapping_add(1);
        let Some(run) = &mut self.fences.run else { return };
        run.is_cached = false;
        let canary = run.asked.number(self.fences.number);
        self.send(Message::FlowMod(canary));
        self.ask();
    }

    fn ask(&mut self) {
        let Some(run) = &self.fences.run else { return };
        let question = run.asked.question(self.fences.nonce(self.fences.number));
        // A switch that does not read is asked no more than others.
        if self.outgoing.len() < OUTGOING {
            self.send(Message::PacketOut(question));
        }
    }

    fn end_fence(&mut self, end: FenceEnd) {
        let Some(run) = &self.fences.run else { return };
        let remove = run.asked.remove();
        self.send(Message::FlowMod(remove));
        let barrier = self.send(Message::BarrierRequest);
        if let Some(run) = &mut self.fences.run {
            run.end = Some((barrier, end));
        }
    }

    fn fenced(&mut self, end: FenceEnd) {
        self.fences.run = None;
        self.events.push_back(Event::Fenced(end));
    }
}

/// What of a hash a MAC has room for.
fn low(hash: u64) -> u32 {
    let [.., a, b, c, d] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) & LARGEST
}

/// How often the datapath has to be seen to follow.
const ROUNDS: u8 = 3;
/// How long all questions may be left unanswered.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// How long a switch may take to take the canary away, beyond the patience that there was.
const BARRIER_WAIT: Duration = Duration::from_secs(1);
/// How often the question is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);
