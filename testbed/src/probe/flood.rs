//! Packets as fast as one process sends them, and how many of them a node took in.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use serde::{Deserialize, Serialize};

use super::exchange::probe;
use super::inject::from_hex;
use crate::lab::Node;
use crate::raw::RawPort;
use crate::running::{RUN_DEADLINE, Running, Signal};

/// What a flood was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodReport {
    /// Frames that the interface took.
    pub sent: u64,
    /// How long it went on, in microseconds.
    pub micros: u64,
}

/// Sends the frames of a file of the lab out of an interface of a node, past its IP stack: all of them, and again and again
/// until the time is over.
#[track_caller]
pub fn flood(node: &Node, interface: &str, file: &str, time: Duration) -> FloodReport {
    let words = probe("flood", [interface.to_owned(), file.to_owned(), time.as_millis().to_string()]);
    let output = node.spawn(words).wait(time + RUN_DEADLINE);
    serde_json::from_str(&output.clone().expect_success()).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// A UDP socket of a node that nobody reads. What gets to it counts as `RcvbufErrors` of [`counter`], up to the few
/// datagrams that it has room for.
#[derive(Debug)]
pub struct Sink {
    running: Running,
}

impl Sink {
    /// Opens it on all addresses of a node.
    #[track_caller]
    pub fn open(node: &Node, port: u16) -> Self {
        let mut running = node.spawn(probe("sink", [port.to_string()]));
        running.wait_for("ready", RUN_DEADLINE);
        Self { running }
    }

    /// Closes it; returns when its port is free.
    #[track_caller]
    pub fn close(self) {
        self.running.stop(Signal::SIGKILL, RUN_DEADLINE);
    }
}

/// What a node's IP stack has counted: a name of a protocol's line in `/proc/net/snmp`.
#[track_caller]
pub fn counter(node: &Node, protocol: &str, name: &str) -> u64 {
    let table = node.run(["cat", "/proc/net/snmp"]).expect_success();
    read_counter(&table, protocol, name).unwrap_or_else(|| panic!("no {protocol} {name} in\n{table}"))
}

/// The first line of a protocol has the names, the second the numbers.
fn read_counter(table: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = table.lines().filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(':'));
    let (names, numbers) = (lines.next()?.split_whitespace(), lines.next()?.split_whitespace());
    names.zip(numbers).find(|(own, _)| *own == name)?.1.parse().ok()
}

/// Sends the frames of a file, in hex, one a line.
pub fn run(interface: &str, file: &str, millis: u64) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.to_owned())?;
    let frames = text.lines().map(from_hex).collect::<Result<Vec<_>>>()?;
    ensure!(!frames.is_empty(), "{file} has no frame");
    let port = RawPort::open_for_sending(interface)?;
    let (since, time, mut sent) = (Instant::now(), Duration::from_millis(millis), 0);
    loop {
        for frame in &frames {
            match port.send(frame) {
                Ok(()) => sent += 1,
                // The other end had no room.
                Err(Errno::ENOBUFS) => {}
                Err(error) => return Err(error).with_context(|| format!("send out of {interface}")),
            }
        }
        if since.elapsed() >= time {
            break;
        }
    }
    let report = FloodReport { sent, micros: u64::try_from(since.elapsed().as_micros())? };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Holds a socket, and reads nothing.
pub fn hold_sink(port: u16) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("UDP port {port}"))?;
    // The least that there is.
    setsockopt(&socket, sockopt::RcvBuf, &0).context("make the receive buffer small")?;
    println!("ready");
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_stands_below_its_name() {
        let table = "Udp: InDatagrams NoPorts\nUdp: 5 7\nUdpLite: InDatagrams NoPorts\nUdpLite: 1 2\n";
        assert_eq!(read_counter(table, "Udp", "NoPorts"), Some(7));
        assert_eq!(read_counter(table, "UdpLite", "InDatagrams"), Some(1));
        assert_eq!(read_counter(table, "Udp", "RcvbufErrors"), None);
    }
}
