//! Matches whose fields have what they presuppose.

use std::ops::RangeInclusive;

use buoy_flows::openflow::{Masked, Match, MatchField as F};
use buoy_topology::PortNo;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

use super::{mac, masked};

/// What a packet is, which says which fields and actions go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Any,
    Arp,
    Rarp,
    Ipv4(Option<u8>),
    Ipv6(Option<u8>),
    Mpls,
    Other(u16),
}

impl Shape {
    pub(crate) const fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4(_) | Self::Ipv6(_))
    }
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let protocol = || {
        prop_oneof![
            1 => Just(None),
            4 => prop_oneof![Just(1), Just(2), Just(6), Just(17), Just(58), Just(132)].prop_map(Some),
            1 => (1_u8..=255).prop_map(Some),
        ]
    };
    prop_oneof![
        1 => Just(Shape::Any),
        1 => Just(Shape::Arp),
        1 => Just(Shape::Rarp),
        3 => protocol().prop_map(Shape::Ipv4),
        3 => protocol().prop_map(Shape::Ipv6),
        1 => Just(Shape::Mpls),
        1 => (0x0600_u16..0x0800).prop_map(Shape::Other),
    ]
}

/// A match on packets of this shape.
pub(crate) fn matching(shape: Shape) -> impl Strategy<Value = Match> {
    (some(common()), vlan(), some(of_shape(shape))).prop_map(move |(common, vlan, own)| {
        common.into_iter().chain(vlan).chain(presupposed(shape)).chain(own).collect()
    })
}

type Field = BoxedStrategy<F>;

/// Some of these fields.
fn some(fields: Vec<Field>) -> impl Strategy<Value = Vec<F>> {
    let fields: Vec<_> = fields.into_iter().map(|field| proptest::option::weighted(0.3, field)).collect();
    fields.prop_map(|fields| fields.into_iter().flatten().collect())
}

pub(crate) fn port() -> impl Strategy<Value = PortNo> + Clone {
    prop_oneof![4 => (1_u32..0xff00).prop_map(PortNo), 1 => Just(PortNo::LOCAL)]
}

pub(crate) fn register() -> impl Strategy<Value = F> + Clone {
    (0_u8..16, masked(32)).prop_map(|(index, value)| F::Reg { index, value })
}

fn common() -> Vec<Field> {
    vec![
        port().prop_map(F::InPort).boxed(),
        port().prop_map(F::ActsetOutput).boxed(),
        (1_u32..).prop_map(F::ConjId).boxed(),
        masked(32).prop_map(F::PktMark).boxed(),
        masked(64).prop_map(F::Metadata).boxed(),
        masked(48).prop_map(F::EthSrc).boxed(),
        masked(48).prop_map(F::EthDst).boxed(),
        mac().prop_map(|mac| F::EthDst(mac.into())).boxed(),
        masked(64).prop_map(F::TunnelId).boxed(),
        masked(32).prop_map(F::TunSrc).boxed(),
        masked(32).prop_map(F::TunDst).boxed(),
        masked(128).prop_map(F::TunIpv6Src).boxed(),
        masked(128).prop_map(F::TunIpv6Dst).boxed(),
        masked(16).prop_map(F::TunGbpId).boxed(),
        any::<bool>().prop_map(|oam| F::TunFlags(Masked::new(oam.into(), 1))).boxed(),
        ct_state().boxed(),
        any::<u16>().prop_map(F::CtZone).boxed(),
        masked(32).prop_map(F::CtMark).boxed(),
        masked(128).prop_map(F::CtLabel).boxed(),
        register().boxed(),
        register().boxed(),
    ]
}

/// The eight states that there are, but for `+inv`: OVS commits no connection of an invalid packet.
fn ct_state() -> impl Strategy<Value = F> {
    (any::<u8>(), 1_u8..=255).prop_map(|(value, mask)| F::CtState(Masked::new((value & !0x10).into(), mask.into())))
}

/// No VLAN, any, one, or one with a priority.
fn vlan() -> impl Strategy<Value = Vec<F>> {
    prop_oneof![
        4 => Just(Vec::new()),
        1 => Just(vec![F::VlanVid(0.into())]),
        1 => Just(vec![F::VlanVid(Masked::new(0x1000, 0x1000))]),
        1 => (0_u16..0x1000).prop_map(|vid| vec![F::VlanVid((vid | 0x1000).into())]),
        1 => (0_u16..0x1000, 0_u16..0x1000).prop_map(|(vid, mask)| vec![F::VlanVid(Masked::new(vid | 0x1000, mask | 0x1000))]),
        2 => (0_u16..0x1000, 0_u8..8).prop_map(|(vid, pcp)| vec![F::VlanVid((vid | 0x1000).into()), F::VlanPcp(pcp)]),
    ]
}

/// What a field of this shape presupposes.
fn presupposed(shape: Shape) -> Vec<F> {
    let (ethertype, protocol) = match shape {
        Shape::Any => return Vec::new(),
        Shape::Arp => (0x0806, None),
        Shape::Rarp => (0x8035, None),
        Shape::Ipv4(protocol) => (0x0800, protocol),
        Shape::Ipv6(protocol) => (0x86dd, protocol),
        Shape::Mpls => (0x8847, None),
        Shape::Other(ethertype) => (ethertype, None),
    };
    [Some(F::EthType(ethertype)), protocol.map(F::IpProto)].into_iter().flatten().collect()
}

fn of_shape(shape: Shape) -> Vec<Field> {
    match shape {
        Shape::Any | Shape::Other(_) => Vec::new(),
        Shape::Arp | Shape::Rarp => vec![
            (1_u16..=255).prop_map(F::ArpOp).boxed(),
            masked(32).prop_map(F::ArpSpa).boxed(),
            masked(32).prop_map(F::ArpTpa).boxed(),
            masked(48).prop_map(F::ArpSha).boxed(),
            masked(48).prop_map(F::ArpTha).boxed(),
        ],
        Shape::Ipv4(protocol) => {
            let mut fields = vec![masked(32).prop_map(F::Ipv4Src).boxed(), masked(32).prop_map(F::Ipv4Dst).boxed()];
            fields.extend(of_ip(protocol));
            fields.extend(of_protocol(protocol, 1));
            fields
        }
        Shape::Ipv6(protocol) => {
            let mut fields = vec![
                masked(128).prop_map(F::Ipv6Src).boxed(),
                masked(128).prop_map(F::Ipv6Dst).boxed(),
                masked(20).prop_map(F::Ipv6Label).boxed(),
            ];
            fields.extend(of_ip(protocol));
            fields.extend(of_protocol(protocol, 58));
            fields
        }
        Shape::Mpls => vec![
            (0_u32..1 << 20).prop_map(F::MplsLabel).boxed(),
            (0_u8..8).prop_map(F::MplsTc).boxed(),
            (0_u8..2).prop_map(F::MplsBos).boxed(),
            any::<u8>().prop_map(F::MplsTtl).boxed(),
        ],
    }
}

fn of_ip(protocol: Option<u8>) -> Vec<Field> {
    // Later fragments have no ports.
    let later = protocol.is_none().then_some((3, 3));
    let fragments: Vec<_> = [(0, 3), (1, 3), (1, 1), (0, 2)].into_iter().chain(later).collect();
    let fragments = proptest::sample::select(fragments).prop_map(|(value, mask)| Masked::new(value, mask));
    vec![
        (0_u8..64).prop_map(F::IpDscp).boxed(),
        (0_u8..4).prop_map(F::IpEcn).boxed(),
        any::<u8>().prop_map(F::NwTtl).boxed(),
        fragments.prop_map(F::IpFrag).boxed(),
    ]
}

fn of_protocol(protocol: Option<u8>, icmp: u8) -> Vec<Field> {
    let ports = |src: fn(Masked<u16>) -> F, dst: fn(Masked<u16>) -> F| {
        vec![masked(16).prop_map(src).boxed(), masked(16).prop_map(dst).boxed()]
    };
    let bounds: RangeInclusive<u8> = 0..=255;
    match protocol {
        Some(6) => {
            let mut fields = ports(F::TcpSrc, F::TcpDst);
            fields.push(
                (any::<u16>(), 1_u16..0x1000).prop_map(|(value, mask)| F::TcpFlags(Masked::new(value, mask))).boxed(),
            );
            fields
        }
        Some(17) => ports(F::UdpSrc, F::UdpDst),
        Some(132) => ports(F::SctpSrc, F::SctpDst),
        Some(1) if icmp == 1 => {
            vec![bounds.clone().prop_map(F::Icmpv4Type).boxed(), bounds.prop_map(F::Icmpv4Code).boxed()]
        }
        Some(58) if icmp == 58 => {
            vec![bounds.clone().prop_map(F::Icmpv6Type).boxed(), bounds.prop_map(F::Icmpv6Code).boxed()]
        }
        _ => Vec::new(),
    }
}

/// Neighbour solicitations and advertisements, whose fields presuppose type and code.
pub(crate) fn neighbour_discovery() -> impl Strategy<Value = Match> {
    (any::<bool>(), some(vec![masked(128).prop_map(F::NdTarget).boxed()]), masked(48)).prop_map(|(asks, own, mac)| {
        let (kind, link_layer) = if asks { (135, F::NdSll(mac)) } else { (136, F::NdTll(mac)) };
        let fields = [F::EthType(0x86dd), F::IpProto(58), F::Icmpv6Type(kind), F::Icmpv6Code(0), link_layer];
        fields.into_iter().chain(own).collect()
    })
}
