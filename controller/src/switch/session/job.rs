//! The jobs of a session: one dump or one bundle at a time.
//!
//! A bundle is OPEN, ADDs, BARRIER in one go; when the barrier is answered the errors are known, and the bundle is
//! committed or discarded. An ADD that is refused does not poison its bundle in OVS, so a commit without that look would
//! apply the rest. One that is only prepared waits there until the core has decided.

use std::fmt;
use std::time::Instant;

use buoy_flows::flow::Step;
use buoy_flows::openflow::{
    BundleControl, BundleControlKind, BundleFlags, BundleId, EncodeError, ErrorMsg, FlowStats, Message, Xid,
};
use bytes::BytesMut;

use super::phases::Phases;
use super::{CloseReason, Event, HOLD_WAIT, JOB_WAIT, Session, legacy};

/// The flow mods of a bundle, made when they are sent.
pub struct FlowMods(Box<dyn ExactSizeIterator<Item = Step> + Send>);

impl FlowMods {
    /// The flow mods of the steps that an iterator gives.
    pub fn new(steps: impl ExactSizeIterator<Item = Step> + Send + 'static) -> Self {
        Self(Box::new(steps))
    }
}

impl Iterator for FlowMods {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for FlowMods {}

impl fmt::Debug for FlowMods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} flow mods", self.0.len())
    }
}

/// How a bundle ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleOutcome {
    /// Every flow mod is in force.
    Applied,
    /// These were refused, by their place in the bundle; nothing else is in force either, except in OpenFlow 1.0.
    Refused(Vec<Refusal>),
    /// Nothing is in force; the bundle as a whole was refused.
    Failed(String),
    /// Nothing is in force; a bundle that was prepared has been given up.
    Discarded,
}

/// A flow mod that a switch refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its place in the bundle.
    pub index: usize,
    /// The switch's error.
    pub error: String,
}

#[derive(Debug)]
pub(super) enum Job {
    Dump { xid: Xid },
    Bundle(Bundle),
    Phases(Phases),
}

impl Job {
    /// The job as an object of "did not answer".
    const fn word(&self) -> &'static str {
        match self {
            Self::Dump { .. } => "a dump of its flows",
            Self::Bundle(Bundle { stage: Stage::Ending { .. }, .. }) => "the commit of a bundle",
            Self::Bundle(_) => "a bundle",
            Self::Phases(_) => "a barrier after flow mods",
        }
    }
}

#[derive(Debug)]
pub(super) struct Bundle {
    id: BundleId,
    /// The ADDs have the xids from here on, whatever is sent between them.
    first: Xid,
    count: u32,
    stage: Stage,
    fate: Fate,
    refused: Vec<Refusal>,
    failed: Option<String>,
}

/// What becomes of a bundle in which the switch finds no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The core has not decided yet.
    Open,
    Commit,
    Discard,
}

#[derive(Debug)]
enum Stage {
    Adding {
        xid: Xid,
        rest: FlowMods,
    },
    Checking {
        barrier: Xid,
    },
    /// It has no fault, and waits for the core.
    Held,
    Ending {
        xid: Xid,
    },
}

impl Session {
    pub(super) fn begin_bundle(&mut self, flow_mods: FlowMods, fate: Fate) {
        let id = self.next_bundle();
        self.send(control(id, BundleControlKind::OpenRequest));
        let first = self.next_xid();
        let count = u32::try_from(flow_mods.0.len()).unwrap_or(u32::MAX);
        self.xid = self.xid.wrapping_add(count);
        let stage = Stage::Adding { xid: first, rest: flow_mods };
        self.begin(Job::Bundle(Bundle { id, first, count, stage, fate, refused: Vec::new(), failed: None }));
    }

    pub(super) fn begin(&mut self, job: Job) {
        self.job = Some(job);
        self.job_moved = None;
    }

    /// Decides on a bundle that was prepared. One that has ended, or is decided on, is not prepared any more.
    pub(super) fn decide(&mut self, fate: Fate) {
        let Some(Job::Bundle(bundle)) = &mut self.job else { return };
        if bundle.fate == Fate::Open {
            bundle.fate = fate;
            if matches!(bundle.stage, Stage::Held) {
                self.commit_or_discard();
            }
        }
    }

    /// Gives up on a switch that does not go on with its job, and on a bundle that the core does not decide on: the switch
    /// does not keep it for long either.
    pub(super) fn tick_job(&mut self, now: Instant) -> Result<(), CloseReason> {
        let Some(job) = &self.job else { return Ok(()) };
        let is_held = matches!(job, Job::Bundle(Bundle { stage: Stage::Held, .. }));
        match self.job_moved {
            Some(moved) if is_held && now.duration_since(moved) >= HOLD_WAIT => {
                self.decide(Fate::Discard);
                Ok(())
            }
            Some(moved) if now.duration_since(moved) >= JOB_WAIT => Err(CloseReason::JobTimeout { job: job.word() }),
            Some(_) => Ok(()),
            None => {
                self.job_moved = Some(now);
                Ok(())
            }
        }
    }

    /// The same while the peer is not read: only a bundle that the core does not decide on is given up.
    pub(super) fn show_patience(&mut self, now: Instant) {
        let is_held = matches!(&self.job, Some(Job::Bundle(Bundle { stage: Stage::Held, .. })));
        match self.job_moved {
            Some(moved) if is_held && now.duration_since(moved) >= HOLD_WAIT => self.decide(Fate::Discard),
            Some(_) if is_held => {}
            _ => self.job_moved = is_held.then_some(now),
        }
    }

    /// Writes the next message of the job under way; false where it has none. They are made one by one, so that a large
    /// bundle is never encoded whole.
    pub(super) fn put_next_of_job(&mut self, out: &mut BytesMut) -> Result<bool, EncodeError> {
        if let Some((xid, message)) = self.next_of_phase() {
            legacy::encode(&message, xid, out)?;
            return Ok(true);
        }
        let Some(Job::Bundle(Bundle { id, stage, .. })) = &mut self.job else { return Ok(false) };
        let Stage::Adding { xid, rest } = stage else { return Ok(false) };
        let own = *xid;
        self.job_moved = None;
        if let Some(step) = rest.next() {
            *xid = Xid(own.0.wrapping_add(1));
            step.put_in_bundle(*id, FLAGS, own, out)?;
        } else {
            *stage = Stage::Checking { barrier: own };
            Message::BarrierRequest.encode(own, out)?;
        }
        Ok(true)
    }

    pub(super) fn on_flows(&mut self, xid: Xid, part: Vec<FlowStats>, more: bool) {
        if !matches!(self.job, Some(Job::Dump { xid: own }) if own == xid) {
            return;
        }
        self.job_moved = None;
        self.events.push_back(Event::Flows(part));
        if !more {
            self.job = None;
            self.events.push_back(Event::DumpDone);
        }
    }

    pub(super) fn on_job_reply(&mut self, xid: Xid, message: &Message) {
        let Some(Job::Bundle(bundle)) = &mut self.job else { return };
        match (&bundle.stage, message) {
            (Stage::Checking { barrier }, Message::BarrierReply) if *barrier == xid => self.commit_or_discard(),
            (Stage::Ending { xid: end }, Message::BundleControl(_)) if *end == xid => self.end_bundle(),
            _ => {}
        }
    }

    fn commit_or_discard(&mut self) {
        let Some(Job::Bundle(bundle)) = &mut self.job else { return };
        self.job_moved = None;
        let is_clean = bundle.refused.is_empty() && bundle.failed.is_none();
        let kind = match bundle.fate {
            Fate::Open if is_clean => {
                bundle.stage = Stage::Held;
                return;
            }
            Fate::Commit if is_clean => BundleControlKind::CommitRequest,
            _ => BundleControlKind::DiscardRequest,
        };
        let id = bundle.id;
        let end = self.send(control(id, kind));
        if let Some(Job::Bundle(bundle)) = &mut self.job {
            bundle.stage = Stage::Ending { xid: end };
        }
    }

    /// Takes an error that belongs to the job under way; tells whether it did.
    pub(super) fn on_job_error(&mut self, xid: Xid, error: &ErrorMsg) -> Result<bool, CloseReason> {
        let text = error.to_string();
        Ok(match &mut self.job {
            // What the switch has is not known then, and to guess would be to touch what should not be touched.
            Some(Job::Dump { xid: own }) if *own == xid => return Err(CloseReason::NoDump { error: text }),
            Some(Job::Bundle(bundle)) => {
                let place = xid.0.wrapping_sub(bundle.first.0);
                match (&bundle.stage, usize::try_from(place)) {
                    (Stage::Ending { xid: end }, _) if *end == xid => {
                        bundle.failed.get_or_insert(text);
                        self.end_bundle();
                    }
                    // Also while it ends: OVS names the flow mod that a commit fails on, and then the commit.
                    (_, Ok(index)) if place < bundle.count => bundle.refused.push(Refusal { index, error: text }),
                    (Stage::Checking { barrier }, _) if *barrier == xid => {
                        bundle.failed = Some(text);
                        self.commit_or_discard();
                    }
                    // The request to open has the xid before the first ADD.
                    (Stage::Adding { .. } | Stage::Checking { .. }, _) if place == u32::MAX => {
                        bundle.failed = Some(text)
                    }
                    // The switch has given it up.
                    (Stage::Held, _) if place == u32::MAX => {
                        bundle.failed = Some(text);
                        self.commit_or_discard();
                    }
                    _ => return Ok(false),
                }
                true
            }
            _ => false,
        })
    }

    fn end_bundle(&mut self) {
        let Some(Job::Bundle(bundle)) = self.job.take() else { return };
        self.events.push_back(Event::Bundle(match bundle {
            Bundle { refused, .. } if !refused.is_empty() => BundleOutcome::Refused(refused),
            Bundle { failed: Some(error), .. } => BundleOutcome::Failed(error),
            Bundle { fate: Fate::Discard, .. } => BundleOutcome::Discarded,
            Bundle { .. } => BundleOutcome::Applied,
        }));
    }
}

fn control(id: BundleId, kind: BundleControlKind) -> Message {
    Message::BundleControl(BundleControl::new(id, kind, FLAGS))
}

const FLAGS: BundleFlags = BundleFlags(BundleFlags::ATOMIC.0 | BundleFlags::ORDERED.0);
