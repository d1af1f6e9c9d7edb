//! The connection of a fake switch: from an address of its host's own, and as fast or as slow as it is told to be.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use buoy_flows::openflow::{Hello, Message, Xid, split_frame};
use bytes::BytesMut;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt::RcvBuf,
};

use super::bridge::{Bridge, Was};
use super::talk::Talk;

/// How a switch takes what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it can.
    Full,
    /// 1 KiB a second.
    Trickle,
    /// It reads nothing any more once it has told its flows.
    Deaf,
    /// It reads everything, and never tells its flows.
    Mute,
}

impl Pace {
    /// The slow ones.
    pub const SLOW: [Self; 3] = [Self::Trickle, Self::Deaf, Self::Mute];

    /// What is said of it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "reads at once",
            Self::Trickle => "reads 1 KiB a second",
            Self::Deaf => "reads nothing after its dump",
            Self::Mute => "does not answer the dump",
        }
    }
}

/// What a switch saw since it was told to connect. It connects anew when its connection ends, as Open vSwitch does.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When the daemon asked for its flows, on this connection: the handshake is over.
    pub asked: Option<Instant>,
    /// When it had told them all, on this connection.
    pub told: Option<Instant>,
    /// When it last committed a bundle.
    pub committed: Option<Instant>,
    /// The flow mods that it was sent, in bundles and without.
    pub flow_mods: usize,
    /// Why connections ended, where nobody asked them to.
    pub losses: Vec<String>,
}

/// A fake switch with its connection.
#[derive(Debug)]
pub struct Peer {
    source: Ipv4Addr,
    pace: Pace,
    bridge: Mutex<Bridge>,
    seen: Mutex<Seen>,
    talk: Mutex<Talk>,
    stream: Mutex<Option<TcpStream>>,
    /// Held while a message is written.
    writing: Mutex<()>,
    leaving: AtomicBool,
}

impl Peer {
    /// A switch that connects from this address.
    pub fn new(source: Ipv4Addr, pace: Pace, bridge: Bridge) -> Self {
        Self {
            source,
            pace,
            bridge: Mutex::new(bridge),
            seen: Mutex::default(),
            talk: Mutex::default(),
            stream: Mutex::default(),
            writing: Mutex::default(),
            leaving: AtomicBool::new(false),
        }
    }

    /// The switch.
    pub fn bridge(&self) -> MutexGuard<'_, Bridge> {
        lock(&self.bridge)
    }

    /// How it takes what it is sent.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// What it saw on its last connection.
    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Begins a talk with the daemon, which goes on by itself. Fails where there is no connection.
    pub fn begin_talk(&self, talk: Talk) -> Result<()> {
        let mut stream = match &*lock(&self.stream) {
            Some(stream) => stream.try_clone().context("clone a socket")?,
            None => bail!("{} is not connected", self.bridge().name()),
        };
        let mut out = BytesMut::new();
        {
            let mut own = lock(&self.talk);
            *own = talk;
            own.begin(&mut out);
        }
        self.write(&mut stream, &out)
    }

    /// Whether the daemon has given all answers of the last talk.
    pub fn is_answered(&self) -> bool {
        lock(&self.talk).is_over()
    }

    /// Forgets what it saw.
    pub fn begin_anew(&self) {
        self.leaving.store(false, Ordering::SeqCst);
        *lock(&self.seen) = Seen::default();
        self.bridge().connected();
    }

    /// Ends the connection: what [`Peer::run`] waits for.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
        if let Some(stream) = lock(&self.stream).take() {
            // A connection that is gone needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connects, and connects anew when the connection ends, until it is to leave.
    pub fn run(&self, controller: SocketAddrV4) {
        while !self.is_leaving() {
            let result = self.connect(controller).and_then(|stream| self.serve(stream));
            *lock(&self.stream) = None;
            if let Err(error) = result
                && !self.is_leaving()
            {
                let mut seen = lock(&self.seen);
                seen.losses.push(format!("{error:#}"));
                (seen.asked, seen.told) = (None, None);
                drop(seen);
                self.bridge().connected();
                self.rest(Some(SECOND));
            }
        }
    }

    fn connect(&self, controller: SocketAddrV4) -> Result<TcpStream> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).context("a socket")?;
        if self.pace != Pace::Full {
            // Otherwise the kernel would take in what the switch does not read.
            setsockopt(&socket, RcvBuf, &SMALL).context("make the receive buffer small")?;
        }
        let fd = std::os::fd::AsRawFd::as_raw_fd(&socket);
        let source = SockaddrIn::from(SocketAddrV4::new(self.source, 0));
        bind(fd, &source).with_context(|| format!("bind to {}", self.source))?;
        connect(fd, &SockaddrIn::from(controller))
            .with_context(|| format!("connect from {} to {controller}", self.source))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        *lock(&self.stream) = Some(stream.try_clone().context("clone a socket")?);
        // It may have been told to leave before there was a stream to end.
        anyhow::ensure!(!self.is_leaving(), "it is to leave");
        Ok(stream)
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let mut out = BytesMut::new();
        Message::Hello(Hello::ours()).encode(Xid(1), &mut out)?;
        let (mut buffer, mut chunk) = (BytesMut::new(), vec![0; READ]);
        loop {
            self.write(&mut stream, &out)?;
            out.clear();
            let room = if self.pace == Pace::Trickle { TRICKLE } else { READ };
            match stream.read(chunk.get_mut(..room).context("the chunk is as long")?) {
                Ok(0) => bail!("the daemon closed the connection"),
                Ok(count) => buffer.extend_from_slice(chunk.get(..count).context("no more was read")?),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("read"),
            }
            while let Some(frame) = split_frame(&mut buffer)? {
                let (xid, message) = Message::decode(&frame)?;
                self.take(xid, message, &mut out)?;
                if out.len() >= READ {
                    self.write(&mut stream, &out)?;
                    out.clear();
                }
            }
            match self.pace {
                Pace::Trickle => self.rest(Some(SECOND)),
                Pace::Deaf if lock(&self.seen).told.is_some() => {
                    self.write(&mut stream, &out)?;
                    self.rest(None);
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    fn write(&self, stream: &mut TcpStream, messages: &[u8]) -> Result<()> {
        let _turn = lock(&self.writing);
        stream.write_all(messages).context("write")
    }

    fn take(&self, xid: Xid, message: Message, out: &mut BytesMut) -> Result<()> {
        if let Message::Error(error) = &message {
            bail!("the daemon says: {error}");
        }
        lock(&self.talk).hear(&message, out);
        let (was, answers) = self.bridge().answer(xid, message)?;
        let is_untold = was == Was::Dump && self.pace == Pace::Mute;
        if !is_untold {
            answers.iter().try_for_each(|answer| answer.encode(xid, out))?;
        }
        let mut seen = lock(&self.seen);
        let now = Instant::now();
        match was {
            Was::Dump => {
                seen.asked.get_or_insert(now);
                if !is_untold {
                    seen.told.get_or_insert(now);
                }
            }
            Was::Commit(flow_mods) => {
                seen.committed = Some(now);
                seen.flow_mods += flow_mods;
            }
            Was::Bare => seen.flow_mods += 1,
            Was::Other => {}
        }
        Ok(())
    }

    /// Does nothing for a while, or until it is to leave.
    fn rest(&self, pause: Option<Duration>) {
        let until = pause.map(|pause| Instant::now() + pause);
        while !self.is_leaving() && until.is_none_or(|until| Instant::now() < until) {
            thread::sleep(LOOK);
        }
    }

    fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is under the locks is right after each step, also where a thread panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const READ: usize = 64 * 1024;
const TRICKLE: usize = 1024;
const SECOND: Duration = Duration::from_secs(1);
/// How often a switch that rests looks whether it is to leave.
const LOOK: Duration = Duration::from_millis(20);
/// The smallest receive buffer that Linux gives, about.
const SMALL: usize = 2_048;
