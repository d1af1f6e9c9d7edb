//! What a server may send to its provider. Pure: a frame goes in, a cause to complain comes out.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_topology::MacAddr;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::probe::{Arp, ArpOperation, Frame};

/// What a provider knows of a server, and demands of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The gateway's address.
    pub gateway: Ipv4Addr,
    /// The gateway's MAC.
    pub gateway_mac: MacAddr,
    /// The server's addresses, each with the MAC that it is bound to; the longest prefix counts.
    pub bindings: Vec<Binding>,
    /// Whether frames to any other MAC than the gateway's are refused; who-has for the gateway may be a broadcast.
    pub only_to_gateway: bool,
    /// How many who-has the server may send within a minute.
    pub who_has_per_minute: usize,
}

/// Addresses that are bound to a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The addresses.
    pub block: Ipv4Net,
    /// The MAC that they have to come from.
    pub mac: MacAddr,
}

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is no Ethernet frame, or its ARP or IPv4 cannot be read.
    Malformed,
    /// It has a VLAN tag.
    Tagged,
    /// Its source MAC is not registered.
    UnregisteredMac,
    /// It is STP, LLDP or the like.
    LinkLocal,
    /// It is neither IPv4 nor ARP.
    EtherType,
    /// The sender in ARP has a MAC that is not registered.
    UnregisteredArpSender,
    /// The sender in ARP has another MAC than the frame.
    ArpSenderDiffers,
    /// Its source address is not the server's.
    ForeignAddress,
    /// Its source address is bound to another MAC.
    WrongMac,
    /// Its destination is one of the server's own addresses: it came back.
    Returned,
    /// It is not for the gateway.
    NotToGateway,
}

impl Rules {
    /// Why this frame from the server is refused; absent where it may pass.
    pub fn judge(&self, bytes: &[u8]) -> Option<Cause> {
        let Some(frame) = Frame::read(Duration::ZERO, bytes) else { return Some(Cause::Malformed) };
        if !frame.vlans.is_empty() {
            return Some(Cause::Tagged);
        }
        if !self.is_registered(frame.src) {
            return Some(Cause::UnregisteredMac);
        }
        if frame.dst.octets().starts_with(&LINK_LOCAL_GROUP) {
            return Some(Cause::LinkLocal);
        }
        match (frame.ethertype, frame.arp, frame.ip) {
            (0x0806, Some(arp), _) => self.judge_arp(&frame, arp),
            (0x0800, _, Some(ip)) => {
                if let Some(cause) = self.judge_source(ip.src, frame.src) {
                    return Some(cause);
                }
                if self.bound(ip.dst).next().is_some() {
                    return Some(Cause::Returned);
                }
                (self.only_to_gateway && frame.dst != self.gateway_mac).then_some(Cause::NotToGateway)
            }
            (0x0806 | 0x0800, ..) => Some(Cause::Malformed),
            _ => Some(Cause::EtherType),
        }
    }

    /// Binds addresses to another MAC than before.
    pub fn bind(&mut self, binding: Binding) {
        self.bindings.retain(|own| own.block != binding.block);
        self.bindings.push(binding);
    }

    /// Takes addresses from this MAC too, as while an order of the customer is under way.
    pub fn allow(&mut self, binding: Binding) {
        self.bindings.push(binding);
    }

    fn judge_arp(&self, frame: &Frame, arp: Arp) -> Option<Cause> {
        if !self.is_registered(arp.sha) {
            return Some(Cause::UnregisteredArpSender);
        }
        if arp.sha != frame.src {
            return Some(Cause::ArpSenderDiffers);
        }
        // A probe for a duplicate has no sender address (RFC 5227, section 2.1.1).
        if !arp.spa.is_unspecified()
            && let Some(cause) = self.judge_source(arp.spa, arp.sha)
        {
            return Some(cause);
        }
        let asks_for_gateway = arp.operation == ArpOperation::Request && arp.tpa == self.gateway;
        let is_allowed = frame.dst == self.gateway_mac || (asks_for_gateway && frame.dst == MacAddr::BROADCAST);
        (self.only_to_gateway && !is_allowed).then_some(Cause::NotToGateway)
    }

    fn judge_source(&self, address: Ipv4Addr, mac: MacAddr) -> Option<Cause> {
        let mut bound = self.bound(address).peekable();
        match bound.peek() {
            None => Some(Cause::ForeignAddress),
            Some(_) => (!bound.any(|own| own == mac)).then_some(Cause::WrongMac),
        }
    }

    /// The MACs that an address may come from: those of the longest prefix.
    fn bound(&self, address: Ipv4Addr) -> impl Iterator<Item = MacAddr> {
        let bound = move || self.bindings.iter().filter(move |own| own.block.contains(&address));
        let longest = bound().map(|own| own.block.prefix_len()).max();
        bound().filter(move |own| Some(own.block.prefix_len()) == longest).map(|own| own.mac)
    }

    fn is_registered(&self, mac: MacAddr) -> bool {
        self.bindings.iter().any(|own| own.mac == mac)
    }
}

/// 01:80:c2:00:00:0X: what no bridge passes on (IEEE 802.1D, table 7-10).
const LINK_LOCAL_GROUP: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];

#[cfg(test)]
mod tests;
