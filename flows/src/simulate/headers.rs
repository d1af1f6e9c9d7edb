//! What flows see of a packet: the header fields as OVS reads them out of a frame.
//!
//! Headers that are cut short or that contradict themselves are not there, as for OVS: their fields read as zero.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, PortNo};

use super::connections::Tuple;
use super::tuple;

/// The fields of a packet. ARP has its addresses and its operation in the fields of IPv4, as in OVS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The port that it came in on, or what a flow wrote over it.
    pub in_port: PortNo,
    /// The registers.
    pub registers: [u32; 16],
    /// What write-metadata left.
    pub metadata: u64,
    /// What the connection tracker said (ovs-fields(7), `ct_state`).
    pub ct_state: u32,
    /// The zone in which it said that.
    pub ct_zone: u16,
    /// The Ethernet destination.
    pub eth_dst: MacAddr,
    /// The Ethernet source.
    pub eth_src: MacAddr,
    /// The outermost VLAN tag. One within it is payload, with OVS's default `vlan-limit` of 1.
    pub vlan: Option<Vlan>,
    /// The EtherType after that tag; 0x05ff for a frame without one (802.3).
    pub eth_type: u16,
    /// The IPv4 source, or the ARP sender's address.
    pub nw_src: Ipv4Addr,
    /// The IPv4 destination, or the ARP target's address.
    pub nw_dst: Ipv4Addr,
    /// The protocol inside IPv4, or the ARP operation where it is less than 256.
    pub nw_proto: u8,
    /// The type of service: DSCP and ECN.
    pub nw_tos: u8,
    /// The time to live.
    pub nw_ttl: u8,
    /// Bit 0: a fragment; bit 1: not the first one.
    pub fragment: u8,
    /// The ARP sender's MAC.
    pub arp_sha: MacAddr,
    /// The ARP target's MAC.
    pub arp_tha: MacAddr,
    /// The source port of TCP, UDP and SCTP, or the ICMP type. Fragments have none.
    pub tp_src: u16,
    /// The destination port, or the ICMP code.
    pub tp_dst: u16,
    /// The TCP flags.
    pub tcp_flags: u16,
    /// The identifier of ICMP's questions and answers. No flow sees it, but the connection tracker does.
    pub icmp_id: u16,
    /// What an ICMP error quotes, which the connection tracker sees and translates.
    pub quoted: Option<Tuple>,
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// The EtherType of the tag: 0x8100 or 0x88a8.
    pub kind: u16,
    /// Priority, the drop-eligible bit, VLAN id.
    pub tci: u16,
}

/// IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// ARP.
pub(super) const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
/// What OVS takes an 802.3 frame without SNAP for.
const NO_TYPE: u16 = 0x05ff;
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const SCTP: u8 = 132;

impl Headers {
    /// The headers of a frame; none where it is shorter than an Ethernet header.
    pub fn of(in_port: PortNo, frame: &[u8]) -> Option<Self> {
        let (dst, rest) = frame.split_first_chunk::<6>()?;
        let (src, rest) = rest.split_first_chunk::<6>()?;
        let (vlan, after) = match (word(rest, 0)?, word(rest, 2)) {
            (kind @ (0x8100 | 0x88a8), Some(tci)) if rest.len() >= 6 => (Some(Vlan { kind, tci }), rest.get(4..)?),
            _ => (None, rest),
        };
        let (eth_type, payload) = ethertype(after)?;
        let mut headers = Self {
            in_port,
            registers: [0; 16],
            metadata: 0,
            ct_state: 0,
            ct_zone: 0,
            eth_dst: MacAddr::new(*dst),
            eth_src: MacAddr::new(*src),
            vlan,
            eth_type,
            nw_src: Ipv4Addr::UNSPECIFIED,
            nw_dst: Ipv4Addr::UNSPECIFIED,
            nw_proto: 0,
            nw_tos: 0,
            nw_ttl: 0,
            fragment: 0,
            arp_sha: MacAddr::ZERO,
            arp_tha: MacAddr::ZERO,
            tp_src: 0,
            tp_dst: 0,
            tcp_flags: 0,
            icmp_id: 0,
            quoted: None,
        };
        match eth_type {
            IPV4 => headers.read_ipv4(payload).unwrap_or_default(),
            ARP | RARP => headers.read_arp(payload).unwrap_or_default(),
            _ => {}
        }
        Some(headers)
    }

    fn read_ipv4(&mut self, bytes: &[u8]) -> Option<()> {
        let (header, rest) = Self::split_ipv4(bytes)?;
        let proto = *header.get(9)?;
        self.nw_src = address(header, 12)?;
        self.nw_dst = address(header, 16)?;
        self.nw_proto = proto;
        self.nw_tos = *header.get(1)?;
        self.nw_ttl = *header.get(8)?;
        let place = word(header, 6)?;
        self.fragment = match (place & 0x1fff, place & 0x2000) {
            (0, 0) => 0,
            (0, _) => 1,
            _ => 3,
        };
        if self.fragment == 0 {
            self.read_transport(proto, rest);
        }
        Some(())
    }

    /// The IPv4 header with its options, and what its length says to belong to it; none where that makes no sense.
    pub(super) fn split_ipv4(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let header = usize::from(bytes.first()? & 0x0f) * 4;
        let total = usize::from(word(bytes, 2)?);
        (header >= 20 && header <= total).then_some(())?;
        bytes.get(..total)?.split_at_checked(header)
    }

    fn read_transport(&mut self, proto: u8, bytes: &[u8]) {
        let least = match proto {
            TCP => 20,
            UDP | ICMP => 8,
            SCTP => 12,
            _ => return,
        };
        if bytes.len() < least {
            return;
        }
        let ports = if proto == ICMP {
            [0, 1].map(|at| bytes.get(at).copied().map(u16::from))
        } else {
            [0, 2].map(|at| word(bytes, at))
        };
        if let [Some(src), Some(dst)] = ports {
            (self.tp_src, self.tp_dst) = (src, dst);
        }
        if proto == ICMP {
            self.icmp_id = word(bytes, 4).unwrap_or_default();
            self.quoted = tuple::quoted(bytes).filter(|_| tuple::ERRORS.contains(&tuple::low(self.tp_src)));
        }
        if proto == TCP {
            self.tcp_flags = word(bytes, 12).unwrap_or_default() & 0x0fff;
        }
    }

    fn read_arp(&mut self, bytes: &[u8]) -> Option<()> {
        let packet = bytes.get(..28)?;
        if !packet.starts_with(&[0, 1, 8, 0, 6, 4]) {
            return None;
        }
        self.nw_proto = u8::try_from(word(packet, 6)?).unwrap_or(0);
        self.arp_sha = mac(packet, 8)?;
        self.nw_src = address(packet, 14)?;
        self.arp_tha = mac(packet, 18)?;
        self.nw_dst = address(packet, 24)?;
        Some(())
    }

    /// Whether it is ARP.
    pub(super) fn is_arp(&self) -> bool {
        matches!(self.eth_type, ARP | RARP)
    }
}

/// The EtherType, and what follows it: the one of a SNAP header where the field is a length (802.3).
fn ethertype(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let kind = word(bytes, 0)?;
    let rest = bytes.get(2..)?;
    if kind >= 0x0600 {
        return Some((kind, rest));
    }
    let snap = rest.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]).then(|| word(rest, 6)).flatten();
    match snap {
        Some(kind) if kind >= 0x0600 => Some((kind, rest.get(8..)?)),
        _ => Some((NO_TYPE, rest)),
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| Ipv4Addr::from(*four))
}

fn mac(bytes: &[u8], at: usize) -> Option<MacAddr> {
    bytes.get(at..)?.first_chunk::<6>().map(|six| MacAddr::new(*six))
}
