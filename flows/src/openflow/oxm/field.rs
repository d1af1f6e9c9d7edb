//! The match fields: one row each, in the order in which OVS writes them.
//!
//! A row has: name and type; rank in the canonical order; header in a match and in a set-field action; header in move
//! and load actions, where OVS rewrites newer names to older ones; the latter header's name; the name in
//! ovs-ofctl's language; how many bits count.

use std::net::{Ipv4Addr, Ipv6Addr};

use buoy_topology::{MacAddr, PortNo};
use bytes::Bytes;

use super::masked::{FieldValue, Masked, ones};
use super::spec::{FieldSpec, Parts};

/// The registers' place in the canonical order.
const REGISTER_RANK: u8 = 42;
/// Unknown fields come last, so that whatever they presuppose has been said.
const UNKNOWN_RANK: u8 = 255;

/// Says how a row's type is read: plain types are matched exactly, [`Masked`] ones in part.
trait RowType: Sized {
    const LEN: usize;

    fn parts(&self) -> (u128, u128);

    fn build(value: u128, mask: u128, all: u128) -> Option<Self>;
}

impl<T: FieldValue> RowType for T {
    const LEN: usize = T::LEN;

    fn parts(&self) -> (u128, u128) {
        (self.to_bits(), u128::MAX)
    }

    fn build(value: u128, mask: u128, all: u128) -> Option<Self> {
        (mask == all).then(|| T::from_bits(value))
    }
}

impl<T: FieldValue> RowType for Masked<T> {
    const LEN: usize = T::LEN;

    fn parts(&self) -> (u128, u128) {
        (self.value.to_bits(), self.mask.to_bits())
    }

    fn build(value: u128, mask: u128, all: u128) -> Option<Self> {
        // An exact match has all bits of its type in the mask, whatever the field's own width is.
        let mask = if mask == all { u128::MAX } else { mask };
        Some(Self { value: T::from_bits(value), mask: T::from_bits(mask) })
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident($type:ty): $rank:literal, $oxm:literal, $nxm:literal, $nxm_name:literal,
        $name:literal, $bits:literal;)*) => {
        /// One condition on a packet.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MatchField {
            $($(#[$doc])* $field($type),)*
            /// A register of the pipeline (NXM_NX_REG0 to 15).
            Reg {
                /// 0 to 15.
                index: u8,
                /// What it holds.
                value: Masked<u32>,
            },
            /// A field that has no row here, kept as it is.
            Other {
                /// Class, field, mask bit and length, as on the wire.
                header: u32,
                /// The experimenter, where the class is 0xffff.
                experimenter: Option<u32>,
                /// The value.
                value: Bytes,
                /// The mask, where the header says that there is one.
                mask: Option<Bytes>,
            },
        }

        /// The rows, but for the registers.
        pub(super) static SPECS: &[FieldSpec] = &[
            $(FieldSpec {
                oxm: $oxm,
                nxm: $nxm,
                nxm_name: $nxm_name,
                name: $name,
                bits: $bits,
                len: <$type as RowType>::LEN,
            },)*
        ];

        impl MatchField {
            /// The field's header, value and mask as numbers; none for a field without a row.
            pub(in crate::openflow) fn parts(&self) -> Option<Parts> {
                let (rank, header, bits, len, (value, mask)) = match self {
                    $(Self::$field(value) => ($rank, $oxm, $bits, <$type as RowType>::LEN, value.parts()),)*
                    Self::Reg { index, value } => {
                        (REGISTER_RANK, 0x0001_0004 | u32::from(*index & 0x0f) << 9, 32, 4, value.parts())
                    }
                    Self::Other { .. } => return None,
                };
                let all = ones(bits);
                let mask = mask & all;
                Some(Parts { rank, header, len, value: value & mask, mask, all })
            }

            /// The field with this header; none where it has no row, or cannot be masked so.
            pub(super) fn build(header: u32, value: u128, mask: u128) -> Option<Self> {
                if let Some(index) = register_index(header) {
                    return Some(Self::Reg { index, value: Masked::build(value & mask, mask, ones(32))? });
                }
                let spec = FieldSpec::of(header)?;
                let all = ones(spec.bits);
                let mask = mask & all;
                let value = value & mask;
                match spec.oxm {
                    $($oxm => <$type as RowType>::build(value, mask, all).map(Self::$field),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    /// The conjunction that was fulfilled.
    ConjId(u32): 1, 0x0001_4a04, 0x0001_4a04, "NXM_NX_CONJ_ID", "conj_id", 32;
    /// The port that the packet came in on.
    InPort(PortNo): 2, 0x8000_0004, 0x0000_0002, "NXM_OF_IN_PORT", "in_port", 32;
    /// The Ethernet source.
    EthSrc(Masked<MacAddr>): 3, 0x8000_0806, 0x0000_0406, "NXM_OF_ETH_SRC", "eth_src", 48;
    /// The Ethernet destination.
    EthDst(Masked<MacAddr>): 4, 0x8000_0606, 0x0000_0206, "NXM_OF_ETH_DST", "eth_dst", 48;
    /// The Ethernet type, after VLAN tags.
    EthType(u16): 5, 0x8000_0a02, 0x0000_0602, "NXM_OF_ETH_TYPE", "eth_type", 16;
    /// The VLAN with 0x1000 (OFPVID_PRESENT) added; 0 is no tag at all.
    VlanVid(Masked<u16>): 6, 0x8000_0c02, 0x8000_0c02, "OXM_OF_VLAN_VID", "vlan_vid", 13;
    /// The VLAN priority.
    VlanPcp(u8): 7, 0x8000_0e01, 0x8000_0e01, "OXM_OF_VLAN_PCP", "vlan_pcp", 3;
    /// The IPv4 source.
    Ipv4Src(Masked<Ipv4Addr>): 8, 0x8000_1604, 0x0000_0e04, "NXM_OF_IP_SRC", "ip_src", 32;
    /// The IPv4 destination.
    Ipv4Dst(Masked<Ipv4Addr>): 9, 0x8000_1804, 0x0000_1004, "NXM_OF_IP_DST", "ip_dst", 32;
    /// The IPv6 source.
    Ipv6Src(Masked<Ipv6Addr>): 10, 0x8000_3410, 0x0001_2610, "NXM_NX_IPV6_SRC", "ipv6_src", 128;
    /// The IPv6 destination.
    Ipv6Dst(Masked<Ipv6Addr>): 11, 0x8000_3610, 0x0001_2810, "NXM_NX_IPV6_DST", "ipv6_dst", 128;
    /// Fragments: bit 0 says that it is one, bit 1 that it is not the first.
    IpFrag(Masked<u8>): 12, 0x0001_3401, 0x0001_3401, "NXM_NX_IP_FRAG", "ip_frag", 2;
    /// The differentiated services code point, not shifted.
    IpDscp(u8): 13, 0x8000_1001, 0x8000_1001, "OXM_OF_IP_DSCP", "ip_dscp", 6;
    /// Explicit congestion notification.
    IpEcn(u8): 14, 0x8000_1201, 0x0001_3801, "NXM_NX_IP_ECN", "nw_ecn", 2;
    /// The time to live, or hop limit.
    NwTtl(u8): 15, 0x0001_3a01, 0x0001_3a01, "NXM_NX_IP_TTL", "nw_ttl", 8;
    /// The IPv6 flow label.
    Ipv6Label(Masked<u32>): 16, 0x8000_3804, 0x0001_3604, "NXM_NX_IPV6_LABEL", "ipv6_label", 20;
    /// The protocol inside IPv4 or IPv6.
    IpProto(u8): 17, 0x8000_1401, 0x0000_0c01, "NXM_OF_IP_PROTO", "nw_proto", 8;
    /// The TCP source port.
    TcpSrc(Masked<u16>): 18, 0x8000_1a02, 0x0000_1202, "NXM_OF_TCP_SRC", "tcp_src", 16;
    /// The TCP destination port.
    TcpDst(Masked<u16>): 19, 0x8000_1c02, 0x0000_1402, "NXM_OF_TCP_DST", "tcp_dst", 16;
    /// The TCP flags; on the wire an experimenter field of the ONF.
    TcpFlags(Masked<u16>): 20, 0xffff_5402, 0x0001_4402, "NXM_NX_TCP_FLAGS", "tcp_flags", 12;
    /// The UDP source port.
    UdpSrc(Masked<u16>): 21, 0x8000_1e02, 0x0000_1602, "NXM_OF_UDP_SRC", "udp_src", 16;
    /// The UDP destination port.
    UdpDst(Masked<u16>): 22, 0x8000_2002, 0x0000_1802, "NXM_OF_UDP_DST", "udp_dst", 16;
    /// The SCTP source port.
    SctpSrc(Masked<u16>): 23, 0x8000_2202, 0x8000_2202, "OXM_OF_SCTP_SRC", "sctp_src", 16;
    /// The SCTP destination port.
    SctpDst(Masked<u16>): 24, 0x8000_2402, 0x8000_2402, "OXM_OF_SCTP_DST", "sctp_dst", 16;
    /// The ICMP type.
    Icmpv4Type(u8): 25, 0x8000_2601, 0x0000_1a01, "NXM_OF_ICMP_TYPE", "icmp_type", 8;
    /// The ICMP code.
    Icmpv4Code(u8): 26, 0x8000_2801, 0x0000_1c01, "NXM_OF_ICMP_CODE", "icmp_code", 8;
    /// The ICMPv6 type.
    Icmpv6Type(u8): 27, 0x8000_3a01, 0x0001_2a01, "NXM_NX_ICMPV6_TYPE", "icmpv6_type", 8;
    /// The ICMPv6 code.
    Icmpv6Code(u8): 28, 0x8000_3c01, 0x0001_2c01, "NXM_NX_ICMPV6_CODE", "icmpv6_code", 8;
    /// The reserved word of neighbour discovery, which holds the flags of an advertisement.
    NdReserved(Masked<u32>): 29, 0x1000_0204, 0x1000_0204, "ERICOXM_OF_ICMPV6_ND_RESERVED", "nd_reserved", 32;
    /// The target of neighbour discovery.
    NdTarget(Masked<Ipv6Addr>): 30, 0x8000_3e10, 0x0001_2e10, "NXM_NX_ND_TARGET", "nd_target", 128;
    /// The type of neighbour discovery's first option.
    NdOptionsType(u8): 31, 0x1000_0401, 0x1000_0401, "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", "nd_options_type", 8;
    /// The source link-layer address of a neighbour solicitation.
    NdSll(Masked<MacAddr>): 32, 0x8000_4006, 0x0001_3006, "NXM_NX_ND_SLL", "nd_sll", 48;
    /// The target link-layer address of a neighbour advertisement.
    NdTll(Masked<MacAddr>): 33, 0x8000_4206, 0x0001_3206, "NXM_NX_ND_TLL", "nd_tll", 48;
    /// The ARP operation.
    ArpOp(u16): 34, 0x8000_2a02, 0x0000_1e02, "NXM_OF_ARP_OP", "arp_op", 16;
    /// The ARP sender's protocol address.
    ArpSpa(Masked<Ipv4Addr>): 35, 0x8000_2c04, 0x0000_2004, "NXM_OF_ARP_SPA", "arp_spa", 32;
    /// The ARP target's protocol address.
    ArpTpa(Masked<Ipv4Addr>): 36, 0x8000_2e04, 0x0000_2204, "NXM_OF_ARP_TPA", "arp_tpa", 32;
    /// The ARP sender's hardware address.
    ArpSha(Masked<MacAddr>): 37, 0x8000_3006, 0x0001_2206, "NXM_NX_ARP_SHA", "arp_sha", 48;
    /// The ARP target's hardware address.
    ArpTha(Masked<MacAddr>): 38, 0x8000_3206, 0x0001_2406, "NXM_NX_ARP_THA", "arp_tha", 48;
    /// The tunnel key.
    TunnelId(Masked<u64>): 39, 0x8000_4c08, 0x0001_2008, "NXM_NX_TUN_ID", "tun_id", 64;
    /// The tunnel's remote end, as the packet's source.
    TunSrc(Masked<Ipv4Addr>): 40, 0x0001_3e04, 0x0001_3e04, "NXM_NX_TUN_IPV4_SRC", "tun_src", 32;
    /// The tunnel's local end, as the packet's destination.
    TunDst(Masked<Ipv4Addr>): 41, 0x0001_4004, 0x0001_4004, "NXM_NX_TUN_IPV4_DST", "tun_dst", 32;
    /// The mark that the packet carries in the host.
    PktMark(Masked<u32>): 43, 0x0001_4204, 0x0001_4204, "NXM_NX_PKT_MARK", "pkt_mark", 32;
    /// The connection tracking state.
    CtState(Masked<u32>): 44, 0x0001_d304, 0x0001_d304, "NXM_NX_CT_STATE", "ct_state", 32;
    /// The connection tracking zone.
    CtZone(u16): 45, 0x0001_d402, 0x0001_d402, "NXM_NX_CT_ZONE", "ct_zone", 16;
    /// The connection's mark.
    CtMark(Masked<u32>): 46, 0x0001_d604, 0x0001_d604, "NXM_NX_CT_MARK", "ct_mark", 32;
    /// The connection's label.
    CtLabel(Masked<u128>): 47, 0x0001_d810, 0x0001_d810, "NXM_NX_CT_LABEL", "ct_label", 128;
    /// What earlier tables wrote with write-metadata.
    Metadata(Masked<u64>): 48, 0x8000_0408, 0x8000_0408, "OXM_OF_METADATA", "metadata", 64;
}

/// Which register the header (without its mask bit) names.
pub(super) const fn register_index(header: u32) -> Option<u8> {
    let [class_high, class_low, field, len] = header.to_be_bytes();
    let index = field >> 1;
    if class_high == 0 && class_low == 1 && field & 1 == 0 && len == 4 && index < 16 { Some(index) } else { None }
}

impl MatchField {
    /// The field in its one form: bits outside the mask cleared, a full mask said as exact; none where no bit counts.
    pub fn canonical(self) -> Option<Self> {
        match self.parts() {
            Some(parts) if parts.mask == 0 => None,
            Some(parts) => Self::build(parts.header, parts.value, parts.mask),
            None => self.canonical_other(),
        }
    }

    fn canonical_other(self) -> Option<Self> {
        let Self::Other { header, experimenter, value, mask: Some(mask) } = self else { return Some(self) };
        if mask.iter().all(|&byte| byte == 0) {
            return None;
        }
        if mask.iter().all(|&byte| byte == 0xff) {
            let [a, b, field, _] = header.to_be_bytes();
            let experimenter_len = if experimenter.is_some() { 4 } else { 0 };
            let len = u8::try_from(value.len() + experimenter_len).unwrap_or(u8::MAX);
            let header = u32::from_be_bytes([a, b, field & !1, len]);
            return Some(Self::Other { header, experimenter, value, mask: None });
        }
        let value = value.iter().zip(&mask).map(|(value, mask)| value & mask).collect();
        Some(Self::Other { header, experimenter, value, mask: Some(mask) })
    }

    /// Whether every bit of the field counts.
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Other { mask, .. } => mask.is_none(),
            _ => self.parts().is_some_and(|parts| parts.is_exact()),
        }
    }

    /// The name in ovs-ofctl's language; empty for registers and for fields without a row.
    pub(in crate::openflow) fn name(&self) -> &'static str {
        self.parts().and_then(|parts| FieldSpec::of(parts.header)).map_or("", |spec| spec.name)
    }

    /// Where the field stands in a match: two fields with the same place are the same field.
    pub(super) fn place(&self) -> (u8, u32, Option<u32>) {
        match (self.parts(), self) {
            (Some(parts), _) => (parts.rank, parts.header, None),
            (None, Self::Other { header, experimenter, .. }) => (UNKNOWN_RANK, header >> 9, *experimenter),
            (None, _) => (UNKNOWN_RANK, 0, None),
        }
    }
}
