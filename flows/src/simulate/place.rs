//! Fields by their headers: reading them, writing them, and whether a packet has them.

use buoy_topology::PortNo;

use super::headers::{Headers, ICMP, IPV4, SCTP, TCP, UDP, Vlan};
use crate::openflow::{FieldId, FieldValue, Subfield};

/// A field that the simulator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    InPort,
    EthSrc,
    EthDst,
    EthType,
    VlanVid,
    VlanPcp,
    NwSrc,
    NwDst,
    ArpSpa,
    ArpTpa,
    ArpOp,
    ArpSha,
    ArpTha,
    IpProto,
    IpDscp,
    IpEcn,
    IpFrag,
    NwTtl,
    TcpFlags,
    /// The source port of this protocol, or the ICMP type.
    TpSrc(u8),
    /// The destination port of this protocol, or the ICMP code.
    TpDst(u8),
    Register(u8),
    Metadata,
    CtState,
    CtZone,
    /// A field that is zero in every packet that comes in on a port: marks of connections, conjunctions and recirculation.
    Zero,
}

impl Place {
    /// The place of the field with this header in a match, without mask bit; none where it is not modelled.
    pub(super) fn of(header: u32) -> Option<Self> {
        Some(match header {
            0x8000_0004 => Self::InPort,
            0x8000_0408 => Self::Metadata,
            0x8000_0606 => Self::EthDst,
            0x8000_0806 => Self::EthSrc,
            0x8000_0a02 => Self::EthType,
            0x8000_0c02 => Self::VlanVid,
            0x8000_0e01 => Self::VlanPcp,
            0x8000_1001 => Self::IpDscp,
            0x8000_1201 => Self::IpEcn,
            0x8000_1401 => Self::IpProto,
            0x8000_1604 => Self::NwSrc,
            0x8000_1804 => Self::NwDst,
            0x8000_1a02 => Self::TpSrc(TCP),
            0x8000_1c02 => Self::TpDst(TCP),
            0x8000_1e02 => Self::TpSrc(UDP),
            0x8000_2002 => Self::TpDst(UDP),
            0x8000_2202 => Self::TpSrc(SCTP),
            0x8000_2402 => Self::TpDst(SCTP),
            0x8000_2601 => Self::TpSrc(ICMP),
            0x8000_2801 => Self::TpDst(ICMP),
            0x8000_2a02 => Self::ArpOp,
            0x8000_2c04 => Self::ArpSpa,
            0x8000_2e04 => Self::ArpTpa,
            0x8000_3006 => Self::ArpSha,
            0x8000_3206 => Self::ArpTha,
            0x0001_3a01 => Self::NwTtl,
            0x0001_3401 => Self::IpFrag,
            0xffff_5402 => Self::TcpFlags,
            0x0001_d204 => Self::CtState,
            0x0001_d402 => Self::CtZone,
            // recirc_id, conj_id, ct_mark, ct_label.
            0x0001_4804 | 0x0001_4a04 | 0x0001_d604 | 0x0001_d810 => Self::Zero,
            _ => {
                let [class_high, class_low, field, len] = header.to_be_bytes();
                let is_register = (class_high, class_low, len) == (0, 1, 4) && field & 1 == 0 && field < 32;
                return is_register.then_some(Self::Register(field >> 1));
            }
        })
    }

    /// What the packet has there, as a number.
    pub(super) fn read(self, headers: &Headers) -> u128 {
        match self {
            Self::InPort => headers.in_port.to_bits(),
            Self::EthSrc => headers.eth_src.to_bits(),
            Self::EthDst => headers.eth_dst.to_bits(),
            Self::EthType => headers.eth_type.into(),
            Self::VlanVid => headers.vlan.map_or(0, |tag| (tag.tci & VID | PRESENT).into()),
            Self::VlanPcp => headers.vlan.map_or(0, |tag| (tag.tci >> 13).into()),
            Self::NwSrc | Self::ArpSpa => headers.nw_src.to_bits().into(),
            Self::NwDst | Self::ArpTpa => headers.nw_dst.to_bits().into(),
            Self::ArpOp | Self::IpProto => headers.nw_proto.into(),
            Self::ArpSha => headers.arp_sha.to_bits(),
            Self::ArpTha => headers.arp_tha.to_bits(),
            Self::IpDscp => (headers.nw_tos >> 2).into(),
            Self::IpEcn => (headers.nw_tos & 3).into(),
            Self::IpFrag => headers.fragment.into(),
            Self::NwTtl => headers.nw_ttl.into(),
            Self::TcpFlags => headers.tcp_flags.into(),
            Self::TpSrc(_) => headers.tp_src.into(),
            Self::TpDst(_) => headers.tp_dst.into(),
            Self::Register(index) => headers.registers.get(usize::from(index)).copied().unwrap_or(0).into(),
            Self::Metadata => headers.metadata.into(),
            Self::CtState => headers.ct_state.into(),
            Self::CtZone => headers.ct_zone.into(),
            Self::Zero => 0,
        }
    }

    /// Writes a number there; bits that do not fit are lost.
    pub(super) fn write(self, headers: &mut Headers, bits: u128) {
        match self {
            Self::InPort => headers.in_port = PortNo::from_bits(bits),
            Self::EthSrc => headers.eth_src = FieldValue::from_bits(bits),
            Self::EthDst => headers.eth_dst = FieldValue::from_bits(bits),
            Self::VlanVid => {
                // A frame without a tag gets one.
                let kept = headers.vlan.unwrap_or(Vlan { kind: 0x8100, tci: 0 });
                headers.vlan = Some(Vlan { tci: kept.tci & PCP | u16::from_bits(bits) & VID, ..kept });
            }
            Self::VlanPcp => {
                let kept = headers.vlan.unwrap_or(Vlan { kind: 0x8100, tci: 0 });
                headers.vlan = Some(Vlan { tci: kept.tci & VID | u16::from_bits(bits) << 13, ..kept });
            }
            Self::NwSrc | Self::ArpSpa => headers.nw_src = FieldValue::from_bits(bits),
            Self::NwDst | Self::ArpTpa => headers.nw_dst = FieldValue::from_bits(bits),
            Self::ArpOp | Self::IpProto => headers.nw_proto = u8::from_bits(bits),
            Self::ArpSha => headers.arp_sha = FieldValue::from_bits(bits),
            Self::ArpTha => headers.arp_tha = FieldValue::from_bits(bits),
            Self::IpDscp => headers.nw_tos = headers.nw_tos & 3 | u8::from_bits(bits) << 2,
            Self::IpEcn => headers.nw_tos = headers.nw_tos & !3 | u8::from_bits(bits) & 3,
            Self::NwTtl => headers.nw_ttl = u8::from_bits(bits),
            Self::TpSrc(_) => headers.tp_src = u16::from_bits(bits),
            Self::TpDst(_) => headers.tp_dst = u16::from_bits(bits),
            Self::Register(index) => {
                if let Some(register) = headers.registers.get_mut(usize::from(index)) {
                    *register = u32::from_bits(bits);
                }
            }
            Self::Metadata => headers.metadata = u64::from_bits(bits),
            // OpenFlow lets nobody write these.
            Self::EthType | Self::IpFrag | Self::TcpFlags | Self::CtState | Self::CtZone | Self::Zero => {}
        }
    }

    /// Whether the packet has the field: a set-field of one that it has not does nothing.
    pub(super) fn is_in(self, headers: &Headers) -> bool {
        match self {
            Self::NwSrc | Self::NwDst | Self::IpProto | Self::IpDscp | Self::IpEcn | Self::IpFrag | Self::NwTtl => {
                headers.eth_type == IPV4
            }
            Self::ArpSpa | Self::ArpTpa | Self::ArpOp | Self::ArpSha | Self::ArpTha => headers.is_arp(),
            Self::VlanPcp => headers.vlan.is_some(),
            Self::TpSrc(proto) | Self::TpDst(proto) => {
                headers.eth_type == IPV4 && headers.nw_proto == proto && headers.fragment & 2 == 0
            }
            Self::TcpFlags => headers.eth_type == IPV4 && headers.nw_proto == TCP,
            _ => true,
        }
    }
}

/// Some bits of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits {
    pub(super) place: Place,
    offset: u16,
    mask: u128,
    /// Ports have 16 bits in Nicira's actions.
    is_narrow: bool,
}

impl Bits {
    /// The part of a field that an action names; none where the field is not modelled.
    pub(super) fn of(part: Subfield) -> Option<Self> {
        let place = Place::of(part.field.in_match())?;
        let mask = 1_u128.checked_shl(part.bits.into()).map_or(u128::MAX, |bit| bit - 1);
        Some(Self { place, offset: part.offset, mask, is_narrow: part.field == FieldId::IN_PORT })
    }

    pub(super) fn read(self, headers: &Headers) -> u128 {
        (self.place.read(headers) >> self.offset) & self.mask
    }

    pub(super) fn write(self, headers: &mut Headers, bits: u128) {
        let mask = self.mask << self.offset;
        let mut value = self.place.read(headers) & !mask | (bits << self.offset) & mask;
        if self.is_narrow {
            value &= 0xffff;
            value |= if value >= 0xff00 { 0xffff_0000 } else { 0 };
        }
        self.place.write(headers, value);
    }
}

const VID: u16 = 0x0fff;
const PRESENT: u16 = 0x1000;
const PCP: u16 = 0xe000;
