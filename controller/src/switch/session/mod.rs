//! One OpenFlow session as a state machine: messages and time go in, messages and events come out.
//!
//! ```text
//!   Hello ──hello──> Features ──reply──> Ports ──last part──> Ready
//! ```
//!
//! A peer that does not get to Ready within [`HANDSHAKE`], or does not answer an echo within [`ECHO_WAIT`], is closed.
//! In Ready at most one job (a dump or a bundle) is under way: see [`job`].

mod job;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{
    BundleId, EncodeError, ErrorMsg, Features, FlowMod, FlowStats, Hello, Message, MultipartReply, MultipartReplyBody,
    MultipartRequest, MultipartRequestBody, PacketIn, PacketOut, Port, PortStatus, VERSION_1_3, Xid,
};
use bytes::{Bytes, BytesMut};

use job::Job;
pub use job::{BundleOutcome, Refusal};

/// What the core asks of a switch.
#[derive(Clone, Debug)]
pub enum Command {
    /// Report all flows, as [`Event::Flows`] and at last [`Event::DumpDone`].
    Dump,
    /// Apply these as one atomic bundle; [`Event::Bundle`] says how it ended.
    Bundle(Vec<FlowMod>),
    /// Send a packet.
    PacketOut(PacketOut),
}

/// What a switch says that matters to the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// The handshake is over.
    Ready(Features, Vec<Port>),
    /// A port came, went or changed.
    Port(PortStatus),
    /// A part of a dump.
    Flows(Vec<FlowStats>),
    /// The dump is complete.
    DumpDone,
    /// How a bundle ended.
    Bundle(BundleOutcome),
    /// A packet for the controller.
    Packet(PacketIn),
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say what each variant means")]
pub enum CloseReason {
    HandshakeTimeout,
    EchoTimeout,
    Version { offered: u8 },
    BadMessage(String),
    Eof,
    Io(String),
    Shutdown,
    Replaced,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeTimeout => write!(f, "did not finish the handshake within {} s", HANDSHAKE.as_secs()),
            Self::EchoTimeout => write!(f, "did not answer an echo request within {} s", ECHO_WAIT.as_secs()),
            Self::Version { offered } => write!(f, "does not speak OpenFlow 1.3 (offers up to 0x{offered:02x})"),
            Self::BadMessage(error) => write!(f, "sent what cannot be read: {error}"),
            Self::Eof => f.write_str("closed the connection"),
            Self::Io(error) => write!(f, "connection failed: {error}"),
            Self::Shutdown => f.write_str("the daemon is stopping"),
            Self::Replaced => f.write_str("a newer connection has the same datapath id"),
        }
    }
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    state: State,
    started: Instant,
    heard: Instant,
    echo_sent: Option<Instant>,
    xid: u32,
    bundle: u32,
    job: Option<Job>,
    outgoing: VecDeque<(Xid, Message)>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum State {
    Hello,
    Features,
    Ports(Features, Vec<Port>),
    Ready,
}

impl Session {
    /// A session that begins with our hello.
    pub fn new(now: Instant) -> Self {
        let mut session = Self {
            state: State::Hello,
            started: now,
            heard: now,
            echo_sent: None,
            xid: 0,
            bundle: 0,
            job: None,
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
        let (xid, message) = Message::decode(frame).map_err(|error| CloseReason::BadMessage(error.to_string()))?;
        match message {
            Message::EchoRequest(payload) => self.outgoing.push_back((xid, Message::EchoReply(payload))),
            Message::Hello(hello) => self.on_hello(&hello)?,
            Message::Error(error) => self.on_error(xid, &error)?,
            Message::FeaturesReply(features) => self.on_features(features),
            Message::MultipartReply(reply) => self.on_multipart(xid, reply),
            Message::PortStatus(status) if self.is_ready() => self.events.push_back(Event::Port(status)),
            Message::PacketIn(packet) if self.is_ready() => self.events.push_back(Event::Packet(packet)),
            Message::BarrierReply | Message::BundleControl(_) => self.on_job_reply(xid, &message),
            _ => {}
        }
        Ok(())
    }

    /// Looks at the clock: sends an echo request to a silent peer, and gives up on one that stays silent.
    pub fn tick(&mut self, now: Instant) -> Result<(), CloseReason> {
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

    /// Begins what the core asks for. A job while another one is under way is a mistake of the core and is dropped.
    pub fn command(&mut self, command: Command) {
        match command {
            Command::PacketOut(packet) => {
                self.send(Message::PacketOut(packet));
            }
            Command::Dump | Command::Bundle(_) if self.job.is_some() => {
                tracing::error!("a switch was given a job while it had one");
            }
            Command::Dump => {
                let xid = self.send(job::dump_request());
                self.job = Some(Job::Dump { xid });
            }
            Command::Bundle(flow_mods) => self.begin_bundle(flow_mods),
        }
    }

    /// Writes messages that wait to be sent, until the buffer is about full. Returns whether anything was written.
    pub fn transmit(&mut self, out: &mut BytesMut) -> Result<bool, EncodeError> {
        let before = out.len();
        while out.len() < WRITE_AHEAD {
            let Some((xid, message)) = self.outgoing.pop_front().or_else(|| self.next_of_job()) else { break };
            message.encode(xid, out)?;
        }
        Ok(out.len() > before)
    }

    /// The next event for the core.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
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

    fn on_hello(&mut self, hello: &Hello) -> Result<(), CloseReason> {
        if !matches!(self.state, State::Hello) {
            return Ok(());
        }
        if !hello.supports(VERSION_1_3) {
            let offered = hello.version;
            self.send(Message::Error(ErrorMsg::incompatible("this controller speaks OpenFlow 1.3 (0x04)")));
            return Err(CloseReason::Version { offered });
        }
        self.state = State::Features;
        self.send(Message::FeaturesRequest);
        Ok(())
    }

    fn on_features(&mut self, features: Features) {
        if matches!(self.state, State::Features) {
            self.state = State::Ports(features, Vec::new());
            self.send(Message::MultipartRequest(MultipartRequest::new(MultipartRequestBody::PortDesc)));
        }
    }

    fn on_multipart(&mut self, xid: Xid, reply: MultipartReply) {
        match reply.body {
            MultipartReplyBody::PortDesc(part) => {
                let State::Ports(_, ports) = &mut self.state else { return };
                ports.extend(part);
                if !reply.more
                    && let State::Ports(features, ports) = std::mem::replace(&mut self.state, State::Ready)
                {
                    self.events.push_back(Event::Ready(features, ports));
                }
            }
            MultipartReplyBody::Flow(part) => self.on_flows(xid, part, reply.more),
            _ => {}
        }
    }

    fn on_error(&mut self, xid: Xid, error: &ErrorMsg) -> Result<(), CloseReason> {
        if matches!(self.state, State::Hello) && error.is_incompatible() {
            return Err(CloseReason::Version { offered: 0 });
        }
        if !self.on_job_error(xid, error) {
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
/// How many bytes are encoded ahead of the socket.
const WRITE_AHEAD: usize = 256 * 1024;
