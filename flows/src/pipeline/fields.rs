//! Short words for the matches and actions that many stages use.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, PortNo, VlanId};
use ipnet::Ipv4Net;

use super::drops::DropReason;
use crate::flow::Flow;
use crate::flow::owner::Owner;
use crate::openflow::{Action, FieldId, Masked, MatchField, Subfield, TableId};

pub(super) fn ipv4() -> MatchField {
    MatchField::EthType(0x0800)
}

pub(super) fn arp() -> MatchField {
    MatchField::EthType(0x0806)
}

pub(super) fn arp_request() -> MatchField {
    MatchField::ArpOp(1)
}

pub(super) fn arp_reply() -> MatchField {
    MatchField::ArpOp(2)
}

pub(super) fn in_port(port: PortNo) -> MatchField {
    MatchField::InPort(port)
}

/// No VLAN tag at all.
pub(super) fn untagged() -> MatchField {
    MatchField::VlanVid(0x0000.into())
}

pub(super) fn output(port: PortNo) -> Action {
    Action::Output { port, max_len: 0 }
}

pub(super) fn set_eth_src(mac: MacAddr) -> Action {
    Action::SetField(MatchField::EthSrc(mac.into()))
}

pub(super) fn set_eth_dst(mac: MacAddr) -> Action {
    Action::SetField(MatchField::EthDst(mac.into()))
}

/// IPv4 of protocol 0, whose headers Open vSwitch does not rewrite, whatever the actions say. Of malformed IPv4 it reads
/// the same.
pub(super) fn unwritable_ipv4(flow: Flow) -> Flow {
    flow.on(ipv4()).on(MatchField::IpProto(0))
}

/// ARP of operation 0 or above 255, which Open vSwitch takes for 0, as it does with malformed ARP: not rewritten either.
pub(super) fn unwritable_arp(flow: Flow) -> Flow {
    flow.on(arp()).on(MatchField::ArpOp(0))
}

/// Forgets where the packet came in, so that it may leave there: OVS drops output to the ingress port in silence.
pub(super) fn forget_in_port() -> Action {
    Action::Load { dst: whole(FieldId::IN_PORT, 16), value: 0 }
}

/// Turns an ARP request into the reply that `mac` has the address asked for.
pub(super) fn arp_answer(address: Ipv4Addr, mac: MacAddr) -> [Action; 7] {
    let copy = |src, dst, bits| Action::Move { src: whole(src, bits), dst: whole(dst, bits) };
    [
        copy(FieldId::ETH_SRC, FieldId::ETH_DST, 48),
        set_eth_src(mac),
        Action::SetField(MatchField::ArpOp(2)),
        copy(FieldId::ARP_SHA, FieldId::ARP_THA, 48),
        copy(FieldId::ARP_SPA, FieldId::ARP_TPA, 32),
        Action::SetField(MatchField::ArpSha(mac.into())),
        Action::SetField(MatchField::ArpSpa(address.into())),
    ]
}

/// An ICMP echo request in one piece: what is in fragments would have to be put together before it can be answered.
pub(super) fn echo_request() -> [MatchField; 5] {
    let unfragmented = Masked::new(0, FRAGMENT);
    [
        ipv4(),
        MatchField::IpProto(1),
        MatchField::Icmpv4Type(8),
        MatchField::Icmpv4Code(0),
        MatchField::IpFrag(unfragmented),
    ]
}

/// Turns an echo request to an address into its answer.
pub(super) fn echo_answer(address: Ipv4Addr, mac: MacAddr) -> [Action; 6] {
    let copy = |src, dst, bits| Action::Move { src: whole(src, bits), dst: whole(dst, bits) };
    [
        copy(FieldId::ETH_SRC, FieldId::ETH_DST, 48),
        set_eth_src(mac),
        copy(FieldId::IPV4_SRC, FieldId::IPV4_DST, 32),
        Action::SetField(MatchField::Ipv4Src(address.into())),
        Action::SetField(MatchField::Icmpv4Type(0)),
        Action::SetField(MatchField::NwTtl(64)),
    ]
}

/// The VLAN that a tagged packet carries.
pub(super) fn on_vlan(vlan: VlanId) -> MatchField {
    MatchField::VlanVid((PRESENT | vlan.number()).into())
}

/// Adds the tag of a VLAN (IEEE 802.1Q).
pub(super) fn push_vlan(vlan: VlanId) -> [Action; 2] {
    [Action::PushVlan(0x8100), Action::SetField(on_vlan(vlan))]
}

/// The end of a table.
pub(super) fn last_drop(table: TableId, reason: DropReason) -> Flow {
    Flow::new(table, 0, Owner::dropping(reason))
}

pub(super) fn to(block: Ipv4Net) -> MatchField {
    MatchField::Ipv4Dst(block.into())
}

pub(super) fn from(block: Ipv4Net) -> MatchField {
    MatchField::Ipv4Src(block.into())
}

fn whole(field: FieldId, bits: u16) -> Subfield {
    Subfield { field, offset: 0, bits }
}

/// Any fragment, first or later (ovs-fields(7), `ip_frag`).
const FRAGMENT: u8 = 0x03;
/// OFPVID_PRESENT: there is a tag.
const PRESENT: u16 = 0x1000;
