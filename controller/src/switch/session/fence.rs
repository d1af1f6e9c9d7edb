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
//!
//! The next question goes out when all that were asked have been answered, and otherwise in growing pauses: a machine that is
//! slow is not given more than it can answer.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use buoy_flows::openflow::{Message, PacketIn, Xid};
use buoy_flows::pipeline::fence::{self, FenceAnswer, LARGEST, Respondent};

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
    /// There were answers, and up to the end they came by what the datapath had cached long before: it has not followed.
    Stale,
    /// There were answers, but the datapath was not seen to follow in time, or they ceased.
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
    /// Whether the switch has meters.
    meters: bool,
    /// When the clock was first looked at.
    begun: Option<Instant>,
    /// When the canary got the number that it has.
    numbered: Option<Instant>,
    /// When it was last asked.
    asked_at: Option<Instant>,
    /// How many questions under this number were not answered yet.
    unanswered: u32,
    /// Since when there are questions without an answer.
    waits: Option<Instant>,
    /// How long the next pause is, where no answer comes.
    pause: Duration,
    /// When it is asked again; none before the clock was looked at.
    due: Option<Instant>,
    /// Whether what is due is another number.
    is_number_due: bool,
    /// Whether there was an answer.
    is_answered: bool,
    /// Whether the last one came by what the datapath had cached long before.
    is_stale: bool,
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
            run.waits = run.waits.map(|_| now);
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

    pub(super) fn begin_fence(&mut self, asked: Respondent, patience: Duration, meters: bool) {
        if self.fences.run.is_some() {
            tracing::error!("a switch was given a fence while it had one");
            return;
        }
        self.fences.run = Some(Run {
            asked,
            patience,
            meters,
            begun: None,
            numbered: None,
            asked_at: None,
            unanswered: 0,
            waits: None,
            pause: Duration::ZERO,
            due: None,
            is_number_due: true,
            is_answered: false,
            is_stale: false,
            is_cached: false,
            followed: None,
            end: None,
        });
    }

    /// Asks again, and gives up on who does not answer in time.
    pub fn tick_fence(&mut self, now: Instant) {
        let Some(run) = &mut self.fences.run else { return };
        let late = now.duration_since(*run.begun.get_or_insert(now));
        let silent = run.waits.map_or(Duration::ZERO, |since| now.duration_since(since));
        match run.end {
            Some((_, end)) if late >= run.patience + BARRIER_WAIT => self.fenced(end),
            Some(_) => run.due = Some(now + LONGEST_PAUSE),
            None if silent >= answer_wait(&run.asked) => {
                let end = if run.is_answered { FenceEnd::Behind } else { FenceEnd::Silent };
                self.end_fence(end);
            }
            None if late >= run.patience => {
                let end = if run.is_stale { FenceEnd::Stale } else { FenceEnd::Behind };
                self.end_fence(end);
            }
            None if run.due.is_some_and(|due| now < due) => {}
            None if run.is_number_due => self.next_number(now),
            None => self.ask(now),
        }
    }

    /// Takes in an answer; tells whether the packet was one that was asked for.
    pub(super) fn on_fence_answer(&mut self, packet: &PacketIn, now: Instant) -> bool {
        let Some(answer) = fence::answer(packet) else { return false };
        let (latest, former) = (self.fences.number, self.fences.former());
        let is_new = answer.nonce == self.fences.nonce(latest);
        let is_known = is_new || answer.nonce == self.fences.nonce(former);
        let Some(run) = &mut self.fences.run else { return false };
        if run.asked.port != answer.port || !is_known {
            return false;
        }
        if run.end.is_some() || run.is_number_due {
            return true;
        }
        run.is_answered = true;
        run.waits = None;
        run.is_stale = is_new && is_older(answer, latest) && run.numbered.is_some_and(|at| now >= at + STALE);
        run.unanswered = run.unanswered.saturating_sub(u32::from(is_new));
        let soonest = run.asked_at.unwrap_or(now) + ask_every(&run.asked);
        if answer.number == latest {
            let followed = run.followed.map_or(0, |rounds| rounds + u8::from(run.is_cached));
            run.followed = Some(followed);
            if followed == ROUNDS {
                self.end_fence(FenceEnd::Followed);
                return true;
            }
            (run.is_number_due, run.due) = (true, Some(soonest));
        } else {
            run.is_cached |= is_new && answer.number == former;
            if run.unanswered == 0 {
                (run.pause, run.due) = (Duration::ZERO, Some(soonest));
            }
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

    fn next_number(&mut self, now: Instant) {
        self.fences.number = self.fences.number.wrapping_add(1);
        let Some(run) = &mut self.fences.run else { return };
        (run.is_number_due, run.is_cached, run.is_stale) = (false, false, false);
        (run.numbered, run.unanswered, run.pause) = (Some(now), 0, Duration::ZERO);
        let canary = run.asked.number(self.fences.number, run.meters);
        self.send(Message::FlowMod(canary));
        self.ask(now);
    }

    fn ask(&mut self, now: Instant) {
        let nonce = self.fences.nonce(self.fences.number);
        let Some(run) = &mut self.fences.run else { return };
        let question = run.asked.question(nonce);
        run.pause = (run.pause * 2).clamp(ask_every(&run.asked), LONGEST_PAUSE);
        run.due = Some(now + run.pause);
        (run.asked_at, run.unanswered) = (Some(now), run.unanswered.saturating_add(1));
        run.waits.get_or_insert(now);
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

/// How long all questions may be left unanswered.
fn answer_wait(asked: &Respondent) -> Duration {
    Duration::from_millis(if asked.is_host() { 1_000 } else { 500 })
}

/// How often the question is asked at most.
fn ask_every(asked: &Respondent) -> Duration {
    Duration::from_millis(if asked.is_host() { 1 } else { 5 })
}

/// Whether an answer came by a canary of before: of this fence, or of one that ended like it.
fn is_older(answer: FenceAnswer, latest: u32) -> bool {
    (1..KNOWN).contains(&latest.wrapping_sub(answer.number))
}

/// How often the datapath has to be seen to follow.
const ROUNDS: u8 = 3;
/// How many numbers back an answer is taken for one of ours.
const KNOWN: u32 = 256;
/// An answer by a number of before, so long after the canary got another one, shows that the datapath is far behind.
const STALE: Duration = Duration::from_secs(1);
/// How long a switch may take to take the canary away, beyond the patience that there was.
const BARRIER_WAIT: Duration = Duration::from_secs(1);
/// The longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
