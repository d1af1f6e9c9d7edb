//! Frames that say when they were sent: what arrives late, and what should not have been let through any more.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use nix::errno::Errno;

use super::exchange::probe;
use super::inject::{from_hex, to_hex};
use crate::lab::Node;
use crate::raw::RawPort;
use crate::running::{RUN_DEADLINE, Running, Signal};

/// A sender that goes on until [`StampRun::stop`].
#[derive(Debug)]
pub struct StampRun {
    running: Running,
}

impl StampRun {
    /// Sends these frames in turn, so many a second, each time with the moment in the last eight bytes. They leave in this
    /// order: when one has arrived, those before it are not under way any more.
    #[track_caller]
    pub fn start(node: &Node, interface: &str, frames: &[Vec<u8>], per_second: u32) -> Self {
        let frames: Vec<_> = frames.iter().map(|frame| to_hex(frame)).collect();
        let words = [interface.to_owned(), frames.join(","), per_second.to_string()];
        let mut running = node.spawn(probe("stamp", words));
        running.wait_for("sends", Duration::from_secs(5));
        Self { running }
    }

    /// Ends it.
    #[track_caller]
    pub fn stop(self) {
        self.running.stop(Signal::SIGKILL, Duration::from_secs(5));
    }
}

/// A UDP socket of a node that says the stamp of each datagram that gets to it.
#[derive(Debug)]
pub struct Stamps {
    running: Running,
}

impl Stamps {
    /// Opens it on all addresses of a node.
    #[track_caller]
    pub fn open(node: &Node, port: u16) -> Self {
        let mut running = node.spawn(probe("stamps", [port.to_string()]));
        running.wait_for("ready", RUN_DEADLINE);
        Self { running }
    }

    /// When each datagram that has arrived was sent.
    pub fn so_far(&self) -> Vec<Duration> {
        let text = self.running.stdout();
        text.lines().filter_map(|line| Some(Duration::from_nanos(line.parse().ok()?))).collect()
    }
}

/// What a stamp of now says: the time since 1970.
pub fn moment() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}

/// Sends for ever. A frame that has no room is not sent.
pub fn run(interface: &str, frames: &str, per_second: u32) -> Result<()> {
    let port = RawPort::open_for_sending(interface)?;
    let mut frames = frames.split(',').map(from_hex).collect::<Result<Vec<_>>>()?;
    let turns = frames.len().max(1);
    println!("sends");
    let since = Instant::now();
    for sent in 0_u32.. {
        let frame = frames.get_mut(usize::try_from(sent)? % turns).context("a frame")?;
        let place = frame.last_chunk_mut().context("a frame of at least eight bytes")?;
        *place = u64::try_from(moment().as_nanos())?.to_be_bytes();
        match port.send(frame) {
            Ok(()) | Err(Errno::ENOBUFS) => {}
            Err(error) => return Err(error).with_context(|| format!("send out of {interface}")),
        }
        if sent % BURST == 0 {
            let due = Duration::from_secs_f64(f64::from(sent) / f64::from(per_second.max(1)));
            thread::sleep(due.saturating_sub(since.elapsed()));
        }
    }
    Ok(())
}

/// Says the stamps of what arrives.
pub fn listen(port: u16) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("UDP port {port}"))?;
    println!("ready");
    let mut datagram = [0; 2_048];
    loop {
        let length = socket.recv(&mut datagram)?;
        if let Some(bytes) = datagram.get(..length).and_then(<[u8]>::last_chunk) {
            println!("{}", u64::from_be_bytes(*bytes));
        }
    }
}

/// Frames between two looks at the clock.
const BURST: u32 = 8;
