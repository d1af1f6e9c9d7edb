//! Frames that no IP stack would send: forged, tagged, cut short.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use buoy_topology::MacAddr;

use super::exchange::probe;
use crate::lab::Node;
use crate::raw::RawPort;

/// Sends frames out of an interface of a node, past its IP stack. Panics where one cannot be sent.
#[track_caller]
pub fn inject(node: &Node, interface: &str, frames: &[Vec<u8>]) {
    let words = [interface.to_owned()].into_iter().chain(frames.iter().map(|frame| to_hex(frame)));
    node.run(probe("inject", words)).expect_success();
}

/// An Ethernet header with what follows it.
pub fn ethernet(dst: MacAddr, src: MacAddr, rest: &[u8]) -> Vec<u8> {
    [&dst.octets(), &src.octets(), rest].concat()
}

/// An ICMP echo request as what follows the MAC addresses.
pub fn echo_request(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ipv4(from.octets(), to.octets(), 64).icmpv4_echo_request(7, 1);
    let mut packet = vec![0x08, 0x00];
    builder.write(&mut packet, b"injected by the testbed").expect("a vector takes all bytes");
    packet
}

/// An ARP packet as what follows the MAC addresses; operation 1 asks, 2 answers.
pub fn arp(operation: u8, sha: MacAddr, spa: Ipv4Addr, tpa: Ipv4Addr) -> Vec<u8> {
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
    [&head[..], &sha.octets(), &spa.octets(), &[0; 6], &tpa.octets()].concat()
}

/// Sends frames that are given in hex.
pub fn run(interface: &str, frames: &[String]) -> Result<()> {
    let port = RawPort::open(interface)?;
    for frame in frames {
        port.send(&from_hex(frame)?)?;
    }
    Ok(())
}

/// Two hex digits for each byte.
pub(super) fn to_hex(frame: &[u8]) -> String {
    frame.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`to_hex`] wrote.
pub(super) fn from_hex(text: &str) -> Result<Vec<u8>> {
    let bytes = (0..text.len()).step_by(2).map(|at| {
        let pair = text.get(at..at + 2).context("half a byte")?;
        u8::from_str_radix(pair, 16).with_context(|| format!("{pair} is no byte"))
    });
    bytes.collect()
}
