//! The fence: after it no packet takes a way that the datapath had cached before it began.
//!
//! ```text
//!   the canary gets number n, and the host is asked ──answer under n──> the canary gets n + 1, the host is asked
//!      ──answer under n: it is cached──> ... ──answer under n + 1: that cached flow was looked at──> n + 2 ...
//! ```
//! Why [`ROUNDS`] of these show that all cached flows were looked at is in decision 10. An answer under the old number
//! counts only where the question went out after the new one: otherwise it may have been under way. At the end the canary
//! is taken away, and a barrier makes sure of that.

use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{Message, PacketIn, Xid};
use buoy_flows::pipeline::external::fence;

use super::{Event, OUTGOING, Session};

/// The fence under way, and the number that the canary had last.
#[derive(Debug)]
pub(super) struct Fences {
    number: u32,
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    /// Who is asked.
    host: Ipv4Addr,
    /// When the clock was first looked at.
    begun: Option<Instant>,
    /// When the host answered last.
    heard: Option<Instant>,
    /// When the host is asked again.
    due: Option<Instant>,
    /// Whether an answer has shown that the datapath had the former number cached.
    is_cached: bool,
    /// How often the datapath was seen to follow; none until the first number came back.
    followed: Option<u8>,
    /// The barrier at the end, and how the fence ended.
    end: Option<(Xid, bool)>,
}

impl Fences {
    /// Numbers begin anywhere, so that two controllers of one switch do not take each other's for theirs.
    pub(super) fn new() -> Self {
        let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_be_bytes();
        Self { number: u32::from_be_bytes([a, b, c, d]), run: None }
    }

    /// The host's answers could not be read until now.
    pub(super) fn excuse(&mut self, now: Instant) {
        if let Some(run) = &mut self.run {
            run.heard = Some(now);
        }
    }
}

impl Session {
    /// When [`Session::tick_fence`] is to be called next.
    pub fn fence_due(&self) -> Option<Instant> {
        self.fences.run.as_ref().map(|run| run.due.unwrap_or(self.heard))
    }

    pub(super) fn begin_fence(&mut self, host: Ipv4Addr) {
        if self.fences.run.is_some() {
            tracing::error!("a switch was given a fence while it had one");
            return;
        }
        self.fences.run =
            Some(Run { host, begun: None, heard: None, due: None, is_cached: false, followed: None, end: None });
        self.next_number();
    }

    /// Asks the host again, and gives up on one that does not answer in time.
    pub fn tick_fence(&mut self, now: Instant) {
        let Some(run) = &mut self.fences.run else { return };
        let begun = *run.begun.get_or_insert(now);
        let (late, silent) = (now.duration_since(begun), now.duration_since(run.heard.unwrap_or(begun)));
        run.due = Some(now + ASK_EVERY);
        match run.end {
            Some((_, followed)) if late >= FENCE_WAIT + ANSWER_WAIT => self.fenced(followed),
            Some(_) => {}
            None if late >= FENCE_WAIT || silent >= ANSWER_WAIT => self.end_fence(false),
            None => self.ask_host(),
        }
    }

    /// Takes in an answer of the host; tells whether the packet was one.
    pub(super) fn on_fence_answer(&mut self, packet: &PacketIn, now: Instant) -> bool {
        let Some(answer) = fence::answer(packet) else { return false };
        let latest = self.fences.number;
        let Some(run) = self.fences.run.as_mut().filter(|run| run.end.is_none()) else { return true };
        run.heard = Some(now);
        let [.., high, low] = latest.to_be_bytes();
        if answer.number == latest {
            let followed = run.followed.map_or(0, |rounds| rounds + u8::from(run.is_cached));
            run.followed = Some(followed);
            if followed == ROUNDS {
                self.end_fence(true);
            } else {
                self.next_number();
            }
        } else if answer.number == latest.wrapping_sub(1) && answer.asked_under == u16::from_be_bytes([high, low]) {
            run.is_cached = true;
        }
        true
    }

    /// Takes in the reply to a barrier; tells whether it was the fence's.
    pub(super) fn on_fence_barrier(&mut self, xid: Xid) -> bool {
        match self.fences.run.as_ref().and_then(|run| run.end) {
            Some((barrier, followed)) if barrier == xid => {
                self.fenced(followed);
                true
            }
            _ => false,
        }
    }

    fn next_number(&mut self) {
        self.fences.number = self.fences.number.wrapping_add(1);
        if let Some(run) = &mut self.fences.run {
            run.is_cached = false;
        }
        self.send(Message::FlowMod(fence::number(self.fences.number)));
        self.ask_host();
    }

    fn ask_host(&mut self) {
        let Some(run) = &self.fences.run else { return };
        let question = fence::question(run.host, self.fences.number);
        // A switch that does not read is asked no more than others.
        if self.outgoing.len() < OUTGOING {
            self.send(Message::PacketOut(question));
        }
    }

    fn end_fence(&mut self, followed: bool) {
        self.send(Message::FlowMod(fence::remove()));
        let barrier = self.send(Message::BarrierRequest);
        if let Some(run) = &mut self.fences.run {
            run.end = Some((barrier, followed));
        }
    }

    fn fenced(&mut self, followed: bool) {
        self.fences.run = None;
        self.events.push_back(Event::Fenced { followed });
    }
}

/// How often the datapath has to be seen to follow.
const ROUNDS: u8 = 3;
/// How long it may take while answers come. Threads of OVS look at all cached flows within some milliseconds, longer where
/// there are many, or the machine is busy.
const FENCE_WAIT: Duration = Duration::from_secs(10);
/// How long the host may leave all questions unanswered.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How often the host is asked.
const ASK_EVERY: Duration = Duration::from_millis(1);
