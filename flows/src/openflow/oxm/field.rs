//! The match fields: one row each, in the order in which OVS writes them.
//!
//! A row has: name and type; rank in the canonical order; header in a match and in a set-field action; header in move
//! and load actions, where OVS rewrites newer names to older ones; the latter header's name; the name in
//! ovs-ofctl's language; how many bits count. Ranks that are left out are those of fields without a row (`untyped`).

use std::net::{Ipv4Addr, Ipv6Addr};

use buoy_topology::{MacAddr, PortNo};
use bytes::Bytes;

use super::canonical::register_index;
use super::masked::{Masked, ones};
use super::row::{RowType, fields};
use super::spec::{FieldSpec, Parts};

fields! {
    /// The datapath's own number for a packet that goes through the tables again.
    RecircId(u32): 3, 0x0001_4804, 0x0001_4804, "NXM_NX_RECIRC_ID", "recirc_id", 32;
    /// The conjunction that was fulfilled.
    ConjId(u32): 4, 0x0001_4a04, 0x0001_4a04, "NXM_NX_CONJ_ID", "conj_id", 32;
    /// The port that the packet came in on.
    InPort(PortNo): 5, 0x8000_0004, 0x0000_0002, "NXM_OF_IN_PORT", "in_port", 32;
    /// The port that the action set would send the packet to; on the wire an experimenter field of the ONF.
    ActsetOutput(PortNo): 7, 0xffff_5604, 0xffff_5604, "ONFOXM_ET_ACTSET_OUTPUT", "actset_output", 32;
    /// The Ethernet source.
    EthSrc(Masked<MacAddr>): 8, 0x8000_0806, 0x0000_0406, "NXM_OF_ETH_SRC", "eth_src", 48;
    /// The Ethernet destination.
    EthDst(Masked<MacAddr>): 9, 0x8000_0606, 0x0000_0206, "NXM_OF_ETH_DST", "eth_dst", 48;
    /// The Ethernet type, after VLAN tags.
    EthType(u16): 10, 0x8000_0a02, 0x0000_0602, "NXM_OF_ETH_TYPE", "eth_type", 16;
    /// The VLAN with 0x1000 (OFPVID_PRESENT) added; 0 is no tag at all.
    VlanVid(Masked<u16>): 11, 0x8000_0c02, 0x8000_0c02, "OXM_OF_VLAN_VID", "vlan_vid", 13;
    /// The VLAN priority.
    VlanPcp(u8): 13, 0x8000_0e01, 0x8000_0e01, "OXM_OF_VLAN_PCP", "vlan_pcp", 3;
    /// The MPLS traffic class.
    MplsTc(u8): 14, 0x8000_4601, 0x8000_4601, "OXM_OF_MPLS_TC", "mpls_tc", 3;
    /// Whether it is the last MPLS label.
    MplsBos(u8): 15, 0x8000_4801, 0x8000_4801, "OXM_OF_MPLS_BOS", "mpls_bos", 1;
    /// The MPLS time to live.
    MplsTtl(u8): 16, 0x0001_3c01, 0x0001_3c01, "NXM_NX_MPLS_TTL", "mpls_ttl", 8;
    /// The MPLS label.
    MplsLabel(u32): 17, 0x8000_4404, 0x8000_4404, "OXM_OF_MPLS_LABEL", "mpls_label", 20;
    /// The IPv4 source.
    Ipv4Src(Masked<Ipv4Addr>): 20, 0x8000_1604, 0x0000_0e04, "NXM_OF_IP_SRC", "ip_src", 32;
    /// The IPv4 destination.
    Ipv4Dst(Masked<Ipv4Addr>): 21, 0x8000_1804, 0x0000_1004, "NXM_OF_IP_DST", "ip_dst", 32;
    /// The IPv6 source.
    Ipv6Src(Masked<Ipv6Addr>): 22, 0x8000_3410, 0x0001_2610, "NXM_NX_IPV6_SRC", "ipv6_src", 128;
    /// The IPv6 destination.
    Ipv6Dst(Masked<Ipv6Addr>): 23, 0x8000_3610, 0x0001_2810, "NXM_NX_IPV6_DST", "ipv6_dst", 128;
    /// Fragments: bit 0 says that it is one, bit 1 that it is not the first.
    IpFrag(Masked<u8>): 24, 0x0001_3401, 0x0001_3401, "NXM_NX_IP_FRAG", "ip_frag", 2;
    /// The differentiated services code point, not shifted.
    IpDscp(u8): 25, 0x8000_1001, 0x8000_1001, "OXM_OF_IP_DSCP", "ip_dscp", 6;
    /// Explicit congestion notification.
    IpEcn(u8): 26, 0x8000_1201, 0x0001_3801, "NXM_NX_IP_ECN", "nw_ecn", 2;
    /// The time to live, or hop limit.
    NwTtl(u8): 27, 0x0001_3a01, 0x0001_3a01, "NXM_NX_IP_TTL", "nw_ttl", 8;
    /// The IPv6 flow label.
    Ipv6Label(Masked<u32>): 28, 0x8000_3804, 0x0001_3604, "NXM_NX_IPV6_LABEL", "ipv6_label", 20;
    /// The protocol inside IPv4 or IPv6.
    IpProto(u8): 29, 0x8000_1401, 0x0000_0c01, "NXM_OF_IP_PROTO", "nw_proto", 8;
    /// The TCP source port.
    TcpSrc(Masked<u16>): 30, 0x8000_1a02, 0x0000_1202, "NXM_OF_TCP_SRC", "tcp_src", 16;
    /// The TCP destination port.
    TcpDst(Masked<u16>): 31, 0x8000_1c02, 0x0000_1402, "NXM_OF_TCP_DST", "tcp_dst", 16;
    /// The TCP flags; on the wire an experimenter field of the ONF.
    TcpFlags(Masked<u16>): 32, 0xffff_5402, 0x0001_4402, "NXM_NX_TCP_FLAGS", "tcp_flags", 12;
    /// The UDP source port.
    UdpSrc(Masked<u16>): 33, 0x8000_1e02, 0x0000_1602, "NXM_OF_UDP_SRC", "udp_src", 16;
    /// The UDP destination port.
    UdpDst(Masked<u16>): 34, 0x8000_2002, 0x0000_1802, "NXM_OF_UDP_DST", "udp_dst", 16;
    /// The SCTP source port.
    SctpSrc(Masked<u16>): 35, 0x8000_2202, 0x8000_2202, "OXM_OF_SCTP_SRC", "sctp_src", 16;
    /// The SCTP destination port.
    SctpDst(Masked<u16>): 36, 0x8000_2402, 0x8000_2402, "OXM_OF_SCTP_DST", "sctp_dst", 16;
    /// The ICMP type.
    Icmpv4Type(u8): 37, 0x8000_2601, 0x0000_1a01, "NXM_OF_ICMP_TYPE", "icmp_type", 8;
    /// The ICMP code.
    Icmpv4Code(u8): 38, 0x8000_2801, 0x0000_1c01, "NXM_OF_ICMP_CODE", "icmp_code", 8;
    /// The ICMPv6 type.
    Icmpv6Type(u8): 39, 0x8000_3a01, 0x0001_2a01, "NXM_NX_ICMPV6_TYPE", "icmpv6_type", 8;
    /// The ICMPv6 code.
    Icmpv6Code(u8): 40, 0x8000_3c01, 0x0001_2c01, "NXM_NX_ICMPV6_CODE", "icmpv6_code", 8;
    /// The reserved word of neighbour discovery, which holds the flags of an advertisement.
    NdReserved(Masked<u32>): 41, 0x1000_0204, 0x1000_0204, "ERICOXM_OF_ICMPV6_ND_RESERVED", "nd_reserved", 32;
    /// The target of neighbour discovery.
    NdTarget(Masked<Ipv6Addr>): 42, 0x8000_3e10, 0x0001_2e10, "NXM_NX_ND_TARGET", "nd_target", 128;
    /// The type of neighbour discovery's first option.
    NdOptionsType(u8): 43, 0x1000_0401, 0x1000_0401, "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", "nd_options_type", 8;
    /// The source link-layer address of a neighbour solicitation.
    NdSll(Masked<MacAddr>): 44, 0x8000_4006, 0x0001_3006, "NXM_NX_ND_SLL", "nd_sll", 48;
    /// The target link-layer address of a neighbour advertisement.
    NdTll(Masked<MacAddr>): 45, 0x8000_4206, 0x0001_3206, "NXM_NX_ND_TLL", "nd_tll", 48;
    /// The ARP operation.
    ArpOp(u16): 46, 0x8000_2a02, 0x0000_1e02, "NXM_OF_ARP_OP", "arp_op", 16;
    /// The ARP sender's protocol address.
    ArpSpa(Masked<Ipv4Addr>): 47, 0x8000_2c04, 0x0000_2004, "NXM_OF_ARP_SPA", "arp_spa", 32;
    /// The ARP target's protocol address.
    ArpTpa(Masked<Ipv4Addr>): 48, 0x8000_2e04, 0x0000_2204, "NXM_OF_ARP_TPA", "arp_tpa", 32;
    /// The ARP sender's hardware address.
    ArpSha(Masked<MacAddr>): 49, 0x8000_3006, 0x0001_2206, "NXM_NX_ARP_SHA", "arp_sha", 48;
    /// The ARP target's hardware address.
    ArpTha(Masked<MacAddr>): 50, 0x8000_3206, 0x0001_2406, "NXM_NX_ARP_THA", "arp_tha", 48;
    /// The tunnel key.
    TunnelId(Masked<u64>): 51, 0x8000_4c08, 0x0001_2008, "NXM_NX_TUN_ID", "tun_id", 64;
    /// The tunnel's flags: bit 0 says that the packet is for its own operation and maintenance.
    TunFlags(Masked<u16>): 52, 0x0001_d002, 0x0001_d002, "NXM_NX_TUN_FLAGS", "tun_flags", 16;
    /// The tunnel's remote end, as the packet's source.
    TunSrc(Masked<Ipv4Addr>): 53, 0x0001_3e04, 0x0001_3e04, "NXM_NX_TUN_IPV4_SRC", "tun_src", 32;
    /// The tunnel's local end, as the packet's destination.
    TunDst(Masked<Ipv4Addr>): 54, 0x0001_4004, 0x0001_4004, "NXM_NX_TUN_IPV4_DST", "tun_dst", 32;
    /// The tunnel's remote end in IPv6.
    TunIpv6Src(Masked<Ipv6Addr>): 55, 0x0001_da10, 0x0001_da10, "NXM_NX_TUN_IPV6_SRC", "tun_ipv6_src", 128;
    /// The tunnel's local end in IPv6.
    TunIpv6Dst(Masked<Ipv6Addr>): 56, 0x0001_dc10, 0x0001_dc10, "NXM_NX_TUN_IPV6_DST", "tun_ipv6_dst", 128;
    /// The group policy id of a VXLAN tunnel.
    TunGbpId(Masked<u16>): 57, 0x0001_4c02, 0x0001_4c02, "NXM_NX_TUN_GBP_ID", "tun_gbp_id", 16;
    /// The group policy flags of a VXLAN tunnel.
    TunGbpFlags(Masked<u8>): 58, 0x0001_4e01, 0x0001_4e01, "NXM_NX_TUN_GBP_FLAGS", "tun_gbp_flags", 8;
    /// The mark that the packet carries in the host.
    PktMark(Masked<u32>): 80, 0x0001_4204, 0x0001_4204, "NXM_NX_PKT_MARK", "pkt_mark", 32;
    /// The connection tracking state.
    CtState(Masked<u32>): 81, 0x0001_d204, 0x0001_d204, "NXM_NX_CT_STATE", "ct_state", 32;
    /// The connection tracking zone.
    CtZone(u16): 82, 0x0001_d402, 0x0001_d402, "NXM_NX_CT_ZONE", "ct_zone", 16;
    /// The connection's mark.
    CtMark(Masked<u32>): 83, 0x0001_d604, 0x0001_d604, "NXM_NX_CT_MARK", "ct_mark", 32;
    /// The connection's label.
    CtLabel(Masked<u128>): 84, 0x0001_d810, 0x0001_d810, "NXM_NX_CT_LABEL", "ct_label", 128;
    /// The IPv4 source of the connection's first packet.
    CtNwSrc(Masked<Ipv4Addr>): 85, 0x0001_f004, 0x0001_f004, "NXM_NX_CT_NW_SRC", "ct_nw_src", 32;
    /// The IPv6 source of the connection's first packet.
    CtIpv6Src(Masked<Ipv6Addr>): 86, 0x0001_f410, 0x0001_f410, "NXM_NX_CT_IPV6_SRC", "ct_ipv6_src", 128;
    /// The IPv4 destination of the connection's first packet.
    CtNwDst(Masked<Ipv4Addr>): 87, 0x0001_f204, 0x0001_f204, "NXM_NX_CT_NW_DST", "ct_nw_dst", 32;
    /// The IPv6 destination of the connection's first packet.
    CtIpv6Dst(Masked<Ipv6Addr>): 88, 0x0001_f610, 0x0001_f610, "NXM_NX_CT_IPV6_DST", "ct_ipv6_dst", 128;
    /// The protocol of the connection's first packet.
    CtNwProto(u8): 89, 0x0001_ee01, 0x0001_ee01, "NXM_NX_CT_NW_PROTO", "ct_nw_proto", 8;
    /// The source port of the connection's first packet.
    CtTpSrc(Masked<u16>): 90, 0x0001_f802, 0x0001_f802, "NXM_NX_CT_TP_SRC", "ct_tp_src", 16;
    /// The destination port of the connection's first packet.
    CtTpDst(Masked<u16>): 91, 0x0001_fa02, 0x0001_fa02, "NXM_NX_CT_TP_DST", "ct_tp_dst", 16;
    /// What earlier tables wrote with write-metadata.
    Metadata(Masked<u64>): 92, 0x8000_0408, 0x8000_0408, "OXM_OF_METADATA", "metadata", 64;
}
