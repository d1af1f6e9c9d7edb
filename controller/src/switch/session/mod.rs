//! One OpenFlow session as a state machine: messages and time go in, messages and events come out.
//!
//! ```text
//!   Hello ──hello──> Features ──reply──> Ports ──last part──> Abilities ──reply or error──> Ready
//!                       └───reply in OpenFlow 1.0────────────────────────────────────────────^
//! ```
//! The hellos choose the dialect; 1.3 wins where both are offered. What is different in 1.0 is in [`legacy`] and
//! [`phases`]; what becomes of packets in [`packets`].
//!
//! | closed is a peer that | after |
//! |---|---|
//! | has not come to Ready | [`HANDSHAKE`] |
//! | was silent for [`ECHO_AFTER`], and does not answer an echo request then | [`ECHO_WAIT`] |
//! | does not go on with a dump or a bundle, whatever else it says | [`JOB_WAIT`] |
//! | does not read (seen by the driver) | [`WRITE_WAIT`] |
//! | sends what cannot be read, or asks for more echoes than it reads | at once |
//!
//! On the way to Ready the switch is asked to tell of every flow that others change. In Ready at most one job (a dump or
//! a bundle) is under way: see [`job`]; a [`fence`] may be under way beside it.

mod budget;
mod close;
mod election;
mod fence;
mod handshake;
mod job;
mod legacy;
mod packets;
mod phases;
#[cfg(test)]
mod tests;
mod words;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{
    BundleId, EncodeError, ErrorMsg, Features, FlowMonitorControl, FlowUpdate, Hello, Message, MultipartReply,
    MultipartReplyBody, MultipartRequest, MultipartRequestBody, Port, PortStatus, Xid,
};
use buoy_topology::Dialect;
use bytes::{Bytes, BytesMut};

pub use close::CloseReason;
use election::Election;
pub use fence::FenceEnd;
use handshake::Asked;
pub use job::{BundleOutcome, FlowMods, Refusal};
use job::{Fate, Job};
use packets::Packets;
pub use words::{Command, Event, Ready};

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    state: State,
    /// What is spoken, from the peer's hello on.
    dialect: Dialect,
    started: Instant,
    heard: Instant,
    echo_sent: Option<Instant>,
    xid: u32,
    bundle: u32,
    job: Option<Job>,
    /// When the job last went on; none where it went on after the last tick.
    job_moved: Option<Instant>,
    fences: fence::Fences,
    /// The xid under which the flow monitor was asked for.
    monitor: Xid,
    election: Election,
    /// Ports that changed after the list of ports was asked for, and before it was told.
    early: Vec<PortStatus>,
    packets: Packets,
    outgoing: VecDeque<(Xid, Message)>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum State {
    Hello,
    Features,
    Ports(Features, Vec<Port>),
    Abilities(Features, Vec<Port>, Asked),
    Ready,
}

impl Session {
    /// A session that begins with our hello.
    pub fn new(now: Instant) -> Self {
        let mut session = Self {
            state: State::Hello,
            dialect: Dialect::OpenFlow13,
            started: now,
            heard: now,
            echo_sent: None,
            xid: 0,
            bundle: 0,
            job: None,
            job_moved: None,
            fences: fence::Fences::new(),
            monitor: Xid(0),
            election: Election::default(),
            early: Vec::new(),
            packets: Packets::new(now),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        };
        session.send(Message::Hello(Hello::ours()));
        session
    }

    /// Takes in one frame.
    pub fn receive(&mut self, frame: &Bytes, now: Instant) -> Result<(), CloseReason> {
        self.heard = now;
        self.echo_sent = None;
        if self.dialect == Dialect::OpenFlow10 {
            return self.receive_legacy(frame, now);
        }
        let (xid, message) = Message::decode(frame).map_err(|error| CloseReason::BadMessage(error.to_string()))?;
        self.check_version(&message)?;
        match message {
            Message::EchoRequest(payload) => self.on_echo(xid, payload)?,
            Message::Hello(hello) => self.on_hello(&hello)?,
            Message::Error(error) => self.on_error(xid, &error)?,
            Message::FeaturesReply(features) => self.on_features(features),
            Message::MultipartReply(reply) => self.on_multipart(xid, reply)?,
            Message::PortStatus(status) => self.on_port_status(status)?,
            Message::PacketIn(packet) if self.is_ready() => self.on_packet_in(packet, now),
            Message::BarrierReply if self.on_fence_barrier(xid) => {}
            Message::BarrierReply | Message::BundleControl(_) => self.on_job_reply(xid, &message),
            Message::RoleReply(role) => self.on_role_reply(xid, role),
            Message::RoleStatus(status) if self.is_ready() => self.events.push_back(Event::Role(status.role)),
            Message::FlowMonitorControl(FlowMonitorControl::Resumed) if self.is_ready() => {
                self.events.push_back(Event::Unwatched { is_over: true });
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at the clock: sends an echo request to a silent peer, and gives up on one that stays silent.
    pub fn tick(&mut self, now: Instant) -> Result<(), CloseReason> {
        self.tell_dropped_packets();
        self.tick_job(now)?;
        if !self.is_ready() && now.duration_since(self.started) >= HANDSHAKE {
            return Err(CloseReason::HandshakeTimeout);
        }
        match self.echo_sent {
            Some(sent) if now.duration_since(sent) >= ECHO_WAIT => return Err(CloseReason::EchoTimeout),
            None if self.is_ready() && now.duration_since(self.heard) >= ECHO_AFTER => {
                self.echo_sent = Some(now);
                self.send(Message::EchoRequest(Bytes::new()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at the clock while the core has no time, so that the peer is not read: nothing is held against it, and it sees
    /// that somebody is there. OVS gives a connection up that is silent for twice its inactivity probe, 5 s.
    pub fn show_life(&mut self, now: Instant) {
        (self.heard, self.echo_sent) = (now, None);
        self.started = if self.is_ready() { self.started } else { now };
        self.show_patience(now);
        self.fences.excuse(now);
        if self.is_ready() && self.outgoing.is_empty() {
            self.send(Message::EchoRequest(Bytes::new()));
        }
    }

    /// Begins what the core asks for. A job while another one is under way is a mistake of the core and is dropped.
    pub fn command(&mut self, command: Command) {
        match command {
            _ if self.dialect == Dialect::OpenFlow10 && !legacy::can(&command) => {
                tracing::warn!(?command, "OpenFlow 1.0 has no words for this");
            }
            Command::Packets(packets) => packets.into_iter().for_each(|packet| self.send_packet(packet)),
            Command::Meter(meter) => {
                self.send(Message::MeterMod(meter));
            }
            Command::ClaimPrimary => self.claim_primary(),
            Command::Fence { asked, patience, meters } => self.begin_fence(asked, patience, meters),
            Command::Dump(_) | Command::Bundle(_) | Command::Prepare(_) if self.job.is_some() => {
                tracing::error!("a switch was given a job while it had one");
            }
            Command::Dump(filter) => {
                let body = MultipartRequestBody::Flow(filter);
                let xid = self.send(Message::MultipartRequest(MultipartRequest::new(body)));
                self.begin(Job::Dump { xid });
            }
            Command::Bundle(flow_mods) if self.dialect == Dialect::OpenFlow10 => self.begin_phases(flow_mods),
            Command::Bundle(flow_mods) => self.begin_bundle(flow_mods, Fate::Commit),
            Command::Prepare(flow_mods) => self.begin_bundle(flow_mods, Fate::Open),
            Command::Commit => self.decide(Fate::Commit),
            Command::Discard => self.decide(Fate::Discard),
        }
    }

    /// Writes messages that wait to be sent, until the buffer is about full. Returns whether anything was written.
    pub fn transmit(&mut self, out: &mut BytesMut) -> Result<bool, EncodeError> {
        let before = out.len();
        while out.len() < WRITE_AHEAD {
            match (self.outgoing.pop_front(), self.dialect) {
                (Some((xid, message)), Dialect::OpenFlow13) => message.encode(xid, out)?,
                (Some((xid, message)), Dialect::OpenFlow10) => legacy::encode(&message, xid, out)?,
                (None, _) if self.put_next_of_job(out)? => {}
                (None, _) => break,
            }
        }
        Ok(out.len() > before)
    }

    /// The next event for the core.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether there is one.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    fn send(&mut self, message: Message) -> Xid {
        let xid = self.next_xid();
        self.outgoing.push_back((xid, message));
        xid
    }

    fn next_xid(&mut self) -> Xid {
        self.xid = self.xid.wrapping_add(1);
        Xid(self.xid)
    }

    fn next_bundle(&mut self) -> BundleId {
        self.bundle = self.bundle.wrapping_add(1);
        BundleId(self.bundle)
    }

    fn on_multipart(&mut self, xid: Xid, reply: MultipartReply) -> Result<(), CloseReason> {
        match reply.body {
            MultipartReplyBody::PortDesc(part) => {
                let State::Ports(features, ports) = &mut self.state else { return Ok(()) };
                ports.extend(part);
                if ports.len() > MOST_PORTS {
                    return Err(CloseReason::TooManyPorts);
                }
                if !reply.more {
                    let (features, ports) = (*features, std::mem::take(ports));
                    let asked = self.ask_abilities();
                    self.state = State::Abilities(features, ports, asked);
                }
            }
            MultipartReplyBody::MeterFeatures(features) => self.become_ready(features.max_meter > 0),
            MultipartReplyBody::Flow(part) => self.on_flows(xid, part, reply.more),
            MultipartReplyBody::FlowMonitor(updates) if self.is_ready() => {
                let full = updates.into_iter().filter_map(|update| match update {
                    FlowUpdate::Full(change) => Some(change),
                    FlowUpdate::Abbreviated(_) => None,
                });
                let changes: Vec<_> = full.collect();
                if !changes.is_empty() {
                    self.events.push_back(Event::Changed(changes));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_echo(&mut self, xid: Xid, payload: Bytes) -> Result<(), CloseReason> {
        if self.outgoing.len() >= OUTGOING {
            return Err(CloseReason::Flood);
        }
        self.outgoing.push_back((xid, Message::EchoReply(payload)));
        Ok(())
    }

    fn on_error(&mut self, xid: Xid, error: &ErrorMsg) -> Result<(), CloseReason> {
        if matches!(self.state, State::Hello) && error.is_incompatible() {
            return Err(CloseReason::Version { offered: 0 });
        }
        if let State::Abilities(_, _, asked) = &mut self.state
            && asked.measure == xid
        {
            asked.measures = false;
        } else if matches!(&self.state, State::Abilities(_, _, asked) if asked.meters == xid) {
            self.become_ready(false);
        } else if self.is_ready() && xid == self.monitor {
            self.events.push_back(Event::Unwatched { is_over: false });
        } else if error.name() == Some(METER_EXISTS) {
            tracing::debug!("a switch has a meter of ours already");
        } else if !self.on_role_error(xid, error)? && !self.on_job_error(xid, error)? {
            tracing::warn!(%error, xid = xid.0, "a switch refused a message");
        }
        Ok(())
    }
}

/// How long a handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a peer may be silent before it is asked for a sign of life.
pub const ECHO_AFTER: Duration = Duration::from_secs(5);
/// How long it may take to answer.
pub const ECHO_WAIT: Duration = Duration::from_secs(10);
/// How long a dump or a bundle may make no progress. OVS takes in some 70,000 flows a second.
pub const JOB_WAIT: Duration = Duration::from_secs(60);
/// How long a bundle is kept that the core does not decide on. OVS keeps it for 10 s.
const HOLD_WAIT: Duration = Duration::from_secs(5);
/// How long a peer may read nothing of what it is sent.
pub const WRITE_WAIT: Duration = Duration::from_secs(30);
/// More ports than OpenFlow has numbers for in OVS.
const MOST_PORTS: usize = 0xff00;
/// Messages that wait for a peer that does not read.
const OUTGOING: usize = 256;
const METER_EXISTS: &str = "OFPMMFC_METER_EXISTS";
/// How many bytes are encoded ahead of the socket.
const WRITE_AHEAD: usize = 256 * 1024;
