//! The bytes of a packet, made of what is asked for or given as hex; and a packet in words.

use std::fmt::Write as _;

use buoy_flows::simulate::Headers;
use buoy_topology::PortNo;
use etherparse::PacketBuilder;

use super::invalid;
use super::sender::Sender;
use crate::api::trace::{TraceProtocol, TraceState};
use crate::api::{ApiError, TraceShow};

/// The frame that comes in.
pub(super) fn frame(params: &TraceShow, sender: &Sender) -> Result<Vec<u8>, ApiError> {
    if let Some(text) = &params.bytes {
        return bytes(text);
    }
    let to = params.to.ok_or_else(|| invalid("say where the packet goes: to, or bytes"))?;
    let unknown = || invalid("nobody knows the sender's address: say it with --source");
    let from = sender.address.ok_or_else(unknown)?;
    let ethernet = PacketBuilder::ethernet2(sender.mac.octets(), sender.next_hop.octets());
    let ip = ethernet.ipv4(from.octets(), to.0.octets(), TTL);
    let port = params.port.unwrap_or(PORT);
    let mut frame = Vec::new();
    let written = match params.proto {
        TraceProtocol::Icmp => ip.icmpv4_echo_request(1, 1).write(&mut frame, &BODY),
        TraceProtocol::Udp => ip.udp(SOURCE_PORT, port).write(&mut frame, &BODY),
        TraceProtocol::Tcp if params.ct_state == TraceState::Est => {
            ip.tcp(SOURCE_PORT, port, 1, 65_535).ack(1).write(&mut frame, &[])
        }
        TraceProtocol::Tcp => ip.tcp(SOURCE_PORT, port, 0, 65_535).syn().write(&mut frame, &[]),
    };
    written.map_err(|error| invalid(error.to_string()))?;
    if let Some(vlan) = sender.vlan {
        frame.splice(12..12, [0x81, 0x00].into_iter().chain(vlan.number().to_be_bytes()));
    }
    Ok(frame)
}

/// A frame given as hex.
fn bytes(text: &str) -> Result<Vec<u8>, ApiError> {
    let digits: String = text.split_whitespace().map(|word| word.strip_prefix("0x").unwrap_or(word)).collect();
    let wrong = || invalid("the bytes are no hex: write two digits for each, like 02b0 07ff");
    let mut frame = Vec::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks(2) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2 && !pair.contains('+'));
        frame.push(pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?);
    }
    match frame.len() {
        14..=MOST => Ok(frame),
        len => Err(invalid(format!("a frame has 14 to {MOST} bytes from its Ethernet header on: these are {len}"))),
    }
}

/// A frame as hex.
pub(super) fn hex(frame: &[u8]) -> String {
    frame.iter().fold(String::new(), |mut text, byte| {
        // A string takes any text.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a frame is, in words.
pub(super) fn words(frame: &[u8]) -> String {
    let Some(headers) = Headers::of(PortNo::ANY, frame) else { return format!("{} bytes", frame.len()) };
    let Headers { eth_src, eth_dst, nw_src, nw_dst, nw_ttl, tp_src, tp_dst, .. } = headers;
    let tag = headers.vlan.map(|vlan| format!(" vlan {}", vlan.tci & 0x0fff)).unwrap_or_default();
    let what = match (headers.eth_type, headers.nw_proto) {
        (0x0806, 1) => format!("arp who has {nw_dst}, tell {nw_src}"),
        (0x0806, 2) => format!("arp {nw_src} is at {}", headers.arp_sha),
        (0x0806, _) => "arp".to_owned(),
        (0x0800, 1) => format!("icmp {nw_src} > {nw_dst} type {tp_src} code {tp_dst} ttl {nw_ttl}"),
        (0x0800, 6) => format!("tcp {nw_src}:{tp_src} > {nw_dst}:{tp_dst} ttl {nw_ttl}"),
        (0x0800, 17) => format!("udp {nw_src}:{tp_src} > {nw_dst}:{tp_dst} ttl {nw_ttl}"),
        (0x0800, proto) => format!("ip protocol {proto} {nw_src} > {nw_dst} ttl {nw_ttl}"),
        (kind, _) => format!("EtherType {kind:#06x}, {} bytes", frame.len()),
    };
    format!("{what}, {eth_src} > {eth_dst}{tag}")
}

const TTL: u8 = 64;
const PORT: u16 = 80;
const SOURCE_PORT: u16 = 40_000;
const BODY: [u8; 32] = [0; 32];
/// The longest frame that is taken: a jumbo frame.
const MOST: usize = 9_234;
