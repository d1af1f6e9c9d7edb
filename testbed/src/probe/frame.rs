//! A frame as it was seen on a wire.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_topology::MacAddr;
use etherparse::{EtherType, LaxPacketHeaders, NetHeaders, TransportHeader};

/// A captured frame: its bytes, and what could be read of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was seen, since 1970.
    pub time: Duration,
    /// Source MAC.
    pub src: MacAddr,
    /// Destination MAC.
    pub dst: MacAddr,
    /// EtherType, after VLAN tags.
    pub ethertype: u16,
    /// VLAN ids, the outer first.
    pub vlans: Vec<u16>,
    /// The ARP packet, where it is one for IPv4 over Ethernet.
    pub arp: Option<Arp>,
    /// The IPv4 header, where it has one.
    pub ip: Option<Ip>,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Sender MAC.
    pub sha: MacAddr,
    /// Sender address.
    pub spa: Ipv4Addr,
    /// Target MAC.
    pub tha: MacAddr,
    /// Target address.
    pub tpa: Ipv4Addr,
}

/// What an ARP packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOperation {
    /// who-has
    Request,
    /// is-at
    Reply,
    /// Anything else.
    Other(u16),
}

/// What probes need of an IPv4 header and the one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// Protocol: 1 ICMP, 6 TCP, 17 UDP.
    pub protocol: u8,
    /// Source and destination port of TCP and UDP.
    pub ports: Option<(u16, u16)>,
}

impl Frame {
    /// Reads a frame; absent where it is shorter than an Ethernet header.
    pub fn read(time: Duration, bytes: &[u8]) -> Option<Self> {
        let headers = LaxPacketHeaders::from_ethernet(bytes).ok()?;
        let ethernet = headers.link.as_ref()?.clone().ethernet2()?;
        let vlans: Vec<u16> = headers.vlan_ids().iter().map(|id| id.value()).collect();
        let mut frame = Self {
            time,
            src: MacAddr::new(ethernet.source),
            dst: MacAddr::new(ethernet.destination),
            ethertype: bytes.get(12 + 4 * vlans.len()..)?.first_chunk().map(|two| u16::from_be_bytes(*two))?,
            vlans,
            arp: None,
            ip: None,
            bytes: bytes.to_vec(),
        };
        match headers.net {
            Some(NetHeaders::Arp(packet)) => {
                let operation = match packet.operation.0 {
                    1 => ArpOperation::Request,
                    2 => ArpOperation::Reply,
                    other => ArpOperation::Other(other),
                };
                frame.arp = packet.try_eth_ipv4().ok().map(|packet| Arp {
                    operation,
                    sha: MacAddr::new(packet.sender_mac),
                    spa: packet.sender_ipv4.into(),
                    tha: MacAddr::new(packet.target_mac),
                    tpa: packet.target_ipv4.into(),
                });
            }
            Some(NetHeaders::Ipv4(header, _)) => {
                let ports = match headers.transport {
                    Some(TransportHeader::Tcp(tcp)) => Some((tcp.source_port, tcp.destination_port)),
                    Some(TransportHeader::Udp(udp)) => Some((udp.source_port, udp.destination_port)),
                    _ => None,
                };
                frame.ip = Some(Ip {
                    src: header.source.into(),
                    dst: header.destination.into(),
                    ttl: header.time_to_live,
                    protocol: header.protocol.0,
                    ports,
                });
            }
            _ => {}
        }
        Some(frame)
    }

    /// Whether it is an ARP request for this address.
    pub fn asks_for(&self, address: Ipv4Addr) -> bool {
        self.arp.is_some_and(|arp| arp.operation == ArpOperation::Request && arp.tpa == address)
    }

    /// Whether it is an ARP reply in the name of this address.
    pub fn answers_for(&self, address: Ipv4Addr) -> bool {
        self.arp.is_some_and(|arp| arp.operation == ArpOperation::Reply && arp.spa == address)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.src, self.dst)?;
        for vlan in &self.vlans {
            write!(f, " vlan {vlan}")?;
        }
        match (self.arp, self.ip) {
            (Some(Arp { operation: ArpOperation::Request, sha, spa, tpa, .. }), _) => {
                write!(f, " arp who-has {tpa} tell {spa} ({sha})")
            }
            (Some(Arp { operation: ArpOperation::Reply, sha, spa, .. }), _) => write!(f, " arp {spa} is-at {sha}"),
            (_, Some(Ip { src, dst, ttl, protocol, ports })) => {
                let name = match protocol {
                    1 => "icmp".to_owned(),
                    6 => "tcp".to_owned(),
                    17 => "udp".to_owned(),
                    other => format!("protocol {other}"),
                };
                match ports {
                    Some((from, to)) => write!(f, " {name} {src}:{from} > {dst}:{to} ttl {ttl}"),
                    None => write!(f, " {name} {src} > {dst} ttl {ttl}"),
                }
            }
            _ => write!(f, " {:?} {} bytes", EtherType(self.ethertype), self.bytes.len()),
        }
    }
}
