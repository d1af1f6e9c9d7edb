//! A match of 1.0: twelve fields of fixed places, each there or left open.
//!
//! A field counts only where what it presupposes is there too: addresses and protocol with IPv4 or ARP, ports with TCP
//! or UDP. The protocol of ARP is its operation, its ports are nothing; those of ICMP are type and code.

use std::net::Ipv4Addr;

use buoy_topology::MacAddr;
use ipnet::Ipv4Net;

use super::port;
use crate::openflow::wire::Reader;
use crate::openflow::{self, DecodeError, EncodeError, FieldValue, Masked, MatchField};

const VLAN_NONE: u16 = 0xffff;
/// OFPVID_PRESENT of 1.3: there is a tag.
const VLAN_PRESENT: u16 = 0x1000;
const VLAN_BITS: u16 = 0x0fff;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

// The wildcards: a set bit leaves a field open, and six bits count how much of an address is open.
const IN_PORT: u32 = 1 << 0;
const DL_VLAN: u32 = 1 << 1;
const DL_SRC: u32 = 1 << 2;
const DL_DST: u32 = 1 << 3;
const DL_TYPE: u32 = 1 << 4;
const NW_PROTO: u32 = 1 << 5;
const TP_SRC: u32 = 1 << 6;
const TP_DST: u32 = 1 << 7;
const NW_SRC_SHIFT: u32 = 8;
const NW_DST_SHIFT: u32 = 14;
const DL_VLAN_PCP: u32 = 1 << 20;
const NW_TOS: u32 = 1 << 21;

/// What of a packet's VLAN tag a match asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vlan {
    /// That there is none.
    Untagged,
    /// That there is one with this id.
    Tagged(u16),
}

/// The conditions of a flow; none leaves a field open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The port that the packet came in on.
    pub in_port: Option<u16>,
    /// The Ethernet source.
    pub dl_src: Option<MacAddr>,
    /// The Ethernet destination.
    pub dl_dst: Option<MacAddr>,
    /// The VLAN.
    pub dl_vlan: Option<Vlan>,
    /// The VLAN priority.
    pub dl_vlan_pcp: Option<u8>,
    /// The Ethernet type, after VLAN tags.
    pub dl_type: Option<u16>,
    /// The differentiated services code point, shifted to its place in the byte.
    pub nw_tos: Option<u8>,
    /// The protocol of IPv4, the operation of ARP.
    pub nw_proto: Option<u8>,
    /// The IPv4 source, the sender's address of ARP.
    pub nw_src: Option<Ipv4Net>,
    /// The IPv4 destination, the target's address of ARP.
    pub nw_dst: Option<Ipv4Net>,
    /// The source port of TCP or UDP, the type of ICMP.
    pub tp_src: Option<u16>,
    /// The destination port of TCP or UDP, the code of ICMP.
    pub tp_dst: Option<u16>,
}

impl Match {
    /// How many bytes it has.
    pub(super) const LEN: usize = 40;
    /// The wildcards that leave everything open.
    pub(super) const EVERYTHING: u32 = IN_PORT
        | DL_VLAN
        | DL_SRC
        | DL_DST
        | DL_TYPE
        | NW_PROTO
        | TP_SRC
        | TP_DST
        | 32 << NW_SRC_SHIFT
        | 32 << NW_DST_SHIFT
        | DL_VLAN_PCP
        | NW_TOS;

    /// Reads a match; what stands in a field that is left open does not count.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut own = Reader::new("match", reader.bytes(Self::LEN)?);
        let wildcards = own.u32()?;
        let said = |bit: u32| wildcards & bit == 0;
        let in_port = Some(own.u16()?).filter(|_| said(IN_PORT));
        let dl_src = Some(MacAddr::new(own.array()?)).filter(|_| said(DL_SRC));
        let dl_dst = Some(MacAddr::new(own.array()?)).filter(|_| said(DL_DST));
        let dl_vlan = match own.u16()? {
            _ if !said(DL_VLAN) => None,
            VLAN_NONE => Some(Vlan::Untagged),
            id => Some(Vlan::Tagged(id & VLAN_BITS)),
        };
        let dl_vlan_pcp = Some(own.u8()? & 0x07).filter(|_| said(DL_VLAN_PCP));
        own.skip(1)?;
        let dl_type = Some(own.u16()?).filter(|_| said(DL_TYPE));
        let nw_tos = Some(own.u8()? & 0xfc).filter(|_| said(NW_TOS));
        let nw_proto = Some(own.u8()?).filter(|_| said(NW_PROTO));
        own.skip(2)?;
        let nw_src = block(own.array()?, wildcards >> NW_SRC_SHIFT);
        let nw_dst = block(own.array()?, wildcards >> NW_DST_SHIFT);
        let tp_src = Some(own.u16()?).filter(|_| said(TP_SRC));
        let tp_dst = Some(own.u16()?).filter(|_| said(TP_DST));
        Ok(Self {
            in_port,
            dl_src,
            dl_dst,
            dl_vlan,
            dl_vlan_pcp,
            dl_type,
            nw_tos,
            nw_proto,
            nw_src,
            nw_dst,
            tp_src,
            tp_dst,
        })
    }

    fn add(&mut self, field: &MatchField) -> Result<(), EncodeError> {
        let no_words = EncodeError::Unencodable { what: field.name() };
        let (ip, arp) = (self.dl_type == Some(IPV4), self.dl_type == Some(ARP));
        let of = |protocol| ip && self.nw_proto == Some(protocol);
        // The fields come in OVS's order: what one presupposes stands before it.
        match field {
            MatchField::InPort(port) => self.in_port = Some(port::narrow(*port)?),
            MatchField::EthSrc(mac) => self.dl_src = Some(exact(*mac).ok_or(no_words)?),
            MatchField::EthDst(mac) => self.dl_dst = Some(exact(*mac).ok_or(no_words)?),
            MatchField::EthType(kind) => self.dl_type = Some(*kind),
            MatchField::VlanVid(vid) if field.is_exact() => {
                self.dl_vlan = Some(match vid.value {
                    0 => Vlan::Untagged,
                    id if id & VLAN_PRESENT != 0 => Vlan::Tagged(id & VLAN_BITS),
                    _ => return Err(no_words),
                });
            }
            MatchField::VlanPcp(pcp) if self.dl_vlan != Some(Vlan::Untagged) => self.dl_vlan_pcp = Some(*pcp),
            MatchField::IpDscp(dscp) if ip => self.nw_tos = Some(dscp << 2),
            MatchField::IpProto(protocol) if ip => self.nw_proto = Some(*protocol),
            MatchField::Ipv4Src(address) if ip => self.nw_src = Some(net(*address).ok_or(no_words)?),
            MatchField::Ipv4Dst(address) if ip => self.nw_dst = Some(net(*address).ok_or(no_words)?),
            MatchField::ArpOp(operation) if arp => {
                self.nw_proto = Some(u8::try_from(*operation).map_err(|_| no_words)?);
            }
            MatchField::ArpSpa(address) if arp => self.nw_src = Some(net(*address).ok_or(no_words)?),
            MatchField::ArpTpa(address) if arp => self.nw_dst = Some(net(*address).ok_or(no_words)?),
            MatchField::TcpSrc(port) if of(TCP) => self.tp_src = Some(exact(*port).ok_or(no_words)?),
            MatchField::TcpDst(port) if of(TCP) => self.tp_dst = Some(exact(*port).ok_or(no_words)?),
            MatchField::UdpSrc(port) if of(UDP) => self.tp_src = Some(exact(*port).ok_or(no_words)?),
            MatchField::UdpDst(port) if of(UDP) => self.tp_dst = Some(exact(*port).ok_or(no_words)?),
            MatchField::Icmpv4Type(number) if of(ICMP) => self.tp_src = Some((*number).into()),
            MatchField::Icmpv4Code(number) if of(ICMP) => self.tp_dst = Some((*number).into()),
            _ => return Err(no_words),
        }
        Ok(())
    }

    fn ports(&self) -> [Option<MatchField>; 2] {
        let low = |number: u16| u8::try_from(number).ok();
        match self.nw_proto {
            Some(TCP) => [
                self.tp_src.map(|port| MatchField::TcpSrc(port.into())),
                self.tp_dst.map(|port| MatchField::TcpDst(port.into())),
            ],
            Some(UDP) => [
                self.tp_src.map(|port| MatchField::UdpSrc(port.into())),
                self.tp_dst.map(|port| MatchField::UdpDst(port.into())),
            ],
            Some(ICMP) => [
                self.tp_src.and_then(low).map(MatchField::Icmpv4Type),
                self.tp_dst.and_then(low).map(MatchField::Icmpv4Code),
            ],
            _ => [None, None],
        }
    }

    fn inner(&self) -> Vec<Option<MatchField>> {
        match self.dl_type {
            Some(IPV4) => {
                let [src, dst] = self.ports();
                vec![
                    self.nw_tos.map(|tos| MatchField::IpDscp(tos >> 2)),
                    self.nw_proto.map(MatchField::IpProto),
                    self.nw_src.map(|net| MatchField::Ipv4Src(net.into())),
                    self.nw_dst.map(|net| MatchField::Ipv4Dst(net.into())),
                    src,
                    dst,
                ]
            }
            Some(ARP) => vec![
                self.nw_proto.map(|operation| MatchField::ArpOp(operation.into())),
                self.nw_src.map(|net| MatchField::ArpSpa(net.into())),
                self.nw_dst.map(|net| MatchField::ArpTpa(net.into())),
            ],
            _ => Vec::new(),
        }
    }
}

impl TryFrom<&openflow::Match> for Match {
    type Error = EncodeError;

    fn try_from(matching: &openflow::Match) -> Result<Self, EncodeError> {
        let mut own = Self::default();
        matching.fields().iter().try_for_each(|field| own.add(field))?;
        Ok(own)
    }
}

impl From<&Match> for openflow::Match {
    fn from(own: &Match) -> Self {
        let vid = own.dl_vlan.map(|vlan| match vlan {
            Vlan::Untagged => 0,
            Vlan::Tagged(id) => VLAN_PRESENT | id,
        });
        let outer = [
            own.in_port.map(|number| MatchField::InPort(port::widen(number))),
            own.dl_src.map(|mac| MatchField::EthSrc(mac.into())),
            own.dl_dst.map(|mac| MatchField::EthDst(mac.into())),
            own.dl_type.map(MatchField::EthType),
            vid.map(|vid| MatchField::VlanVid(vid.into())),
            own.dl_vlan_pcp.filter(|_| own.dl_vlan != Some(Vlan::Untagged)).map(MatchField::VlanPcp),
        ];
        outer.into_iter().chain(own.inner()).flatten().collect()
    }
}

/// The block of an address whose lowest `open` bits (six bits of this count) are left open.
fn block(address: [u8; 4], open: u32) -> Option<Ipv4Net> {
    let open = u8::try_from(open & 0x3f).ok()?;
    let prefix = 32_u8.checked_sub(open).filter(|prefix| *prefix > 0)?;
    Ipv4Net::new(address.into(), prefix).ok().map(|net| net.trunc())
}

fn exact<T: FieldValue>(masked: Masked<T>) -> Option<T> {
    masked.is_exact().then_some(masked.value)
}

fn net(address: Masked<Ipv4Addr>) -> Option<Ipv4Net> {
    Ipv4Net::with_netmask(address.value, address.mask).ok()
}
