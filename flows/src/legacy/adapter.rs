//! The one file that writes OpenFlow 1.0 through `rust_ofp`, and mends or refuses what that gets wrong.
//!
//! Found by reading rust_ofp 0.2.1 and by holding its bytes against those of ovs-ofctl:
//! - a MAC is written last byte first, in matches and actions: it is given the other way round;
//! - `nw_proto` stands two bytes late, in the padding: it is moved;
//! - a VLAN that is left open is written as "no tag": it is cleared, as everywhere else;
//! - the padding of strip-vlan is not zero: it is cleared;
//! - an output to the controller is moved to the end of the list: other actions after it are refused;
//! - an output to OFPP_TABLE in a flow mod panics: it is refused;
//! - lengths wrap beyond 65,535 bytes: longer messages are refused.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the file that may use rust_ofp")]

use bytes::{BufMut, BytesMut};
use ipnet::Ipv4Net;
use rust_ofp::ofp_message::OfpMessage;
use rust_ofp::openflow0x01::message::Message;
use rust_ofp::openflow0x01::{self as ofp, FlowModCmd, Mask, Pattern, Payload, PseudoPort, Timeout};

use buoy_topology::MacAddr;

use super::action::Action;
use super::flow_mod::FlowMod;
use super::matching::{Match, Vlan};
use super::packet_out::PacketOut;
use crate::openflow::{EncodeError, FlowModCommand, Header, Xid};

// OFPP_*
const IN_PORT: u16 = 0xfff8;
const TABLE: u16 = 0xfff9;
const NORMAL: u16 = 0xfffa;
const FLOOD: u16 = 0xfffb;
const ALL: u16 = 0xfffc;
const CONTROLLER: u16 = 0xfffd;
const LOCAL: u16 = 0xfffe;
const NONE: u16 = 0xffff;

// Places in a flow mod and in a packet-out.
const DL_VLAN: usize = Header::LEN + 18;
const NW_PROTO: usize = Header::LEN + 25;
const NW_PROTO_WRITTEN: usize = Header::LEN + 27;
const FLOW_MOD_ACTIONS: usize = Header::LEN + 64;
const PACKET_OUT_ACTIONS: usize = Header::LEN + 8;

pub(super) fn hello(xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
    put("hello", marshal(xid, Message::Hello), out)
}

pub(super) fn echo_request(xid: Xid, payload: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
    put("echo request", marshal(xid, Message::EchoRequest(payload.to_vec())), out)
}

pub(super) fn echo_reply(xid: Xid, payload: &[u8], out: &mut BytesMut) -> Result<(), EncodeError> {
    put("echo reply", marshal(xid, Message::EchoReply(payload.to_vec())), out)
}

pub(super) fn features_request(xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
    put("features request", marshal(xid, Message::FeaturesReq), out)
}

pub(super) fn barrier_request(xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
    put("barrier request", marshal(xid, Message::BarrierRequest), out)
}

pub(super) fn packet_out(xid: Xid, packet: &PacketOut, out: &mut BytesMut) -> Result<(), EncodeError> {
    let message = ofp::PacketOut {
        output_payload: Payload::NotBuffered(packet.frame.to_vec()),
        port_id: (packet.in_port != NONE).then_some(packet.in_port),
        apply_actions: actions(&packet.actions)?,
    };
    let mut bytes = marshal(xid, Message::PacketOut(message));
    clear_padding(&packet.actions, PACKET_OUT_ACTIONS, &mut bytes);
    put("packet-out", bytes, out)
}

pub(super) fn flow_mod(xid: Xid, flow_mod: &FlowMod, out: &mut BytesMut) -> Result<(), EncodeError> {
    if flow_mod.actions.iter().any(|action| matches!(action, Action::Output { port: TABLE, .. })) {
        return Err(EncodeError::Unencodable { what: "output to the table in a flow" });
    }
    let timeout = |seconds| if seconds == 0 { Timeout::Permanent } else { Timeout::ExpiresAfter(seconds) };
    let message = ofp::FlowMod {
        command: command(flow_mod.command),
        pattern: pattern(&flow_mod.matching),
        priority: flow_mod.priority,
        actions: actions(&flow_mod.actions)?,
        cookie: flow_mod.cookie.0,
        idle_timeout: timeout(flow_mod.idle_timeout),
        hard_timeout: timeout(flow_mod.hard_timeout),
        notify_when_removed: flow_mod.tells_removal,
        apply_to_packet: None,
        out_port: None,
        check_overlap: flow_mod.checks_overlap,
    };
    let mut bytes = marshal(xid, Message::FlowMod(message));
    bytes.swap(NW_PROTO, NW_PROTO_WRITTEN);
    if flow_mod.matching.dl_vlan.is_none() {
        clear(&mut bytes, DL_VLAN, 2);
    }
    clear_padding(&flow_mod.actions, FLOW_MOD_ACTIONS, &mut bytes);
    put("flow mod", bytes, out)
}

fn marshal(xid: Xid, message: Message) -> Vec<u8> {
    Message::marshal(xid.0, message)
}

/// Hands bytes over whose length field has not wrapped.
fn put(what: &'static str, bytes: Vec<u8>, out: &mut BytesMut) -> Result<(), EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(EncodeError::TooLong { what, len: bytes.len() });
    }
    out.put_slice(&bytes);
    Ok(())
}

fn command(command: FlowModCommand) -> FlowModCmd {
    match command {
        FlowModCommand::Add => FlowModCmd::AddFlow,
        FlowModCommand::Modify => FlowModCmd::ModFlow,
        FlowModCommand::ModifyStrict => FlowModCmd::ModStrictFlow,
        FlowModCommand::Delete => FlowModCmd::DeleteFlow,
        FlowModCommand::DeleteStrict => FlowModCmd::DeleteStrictFlow,
    }
}

fn pattern(matching: &Match) -> Pattern {
    let is_untagged = matching.dl_vlan == Some(Vlan::Untagged);
    Pattern {
        dl_src: matching.dl_src.map(reversed),
        dl_dst: matching.dl_dst.map(reversed),
        dl_typ: matching.dl_type,
        dl_vlan: matching.dl_vlan.map(|vlan| match vlan {
            Vlan::Untagged => None,
            Vlan::Tagged(id) => Some(id),
        }),
        // Without a tag there is no priority either: OVS asks for zero then.
        dl_vlan_pcp: if is_untagged { Some(0) } else { matching.dl_vlan_pcp },
        nw_src: matching.nw_src.map(mask),
        nw_dst: matching.nw_dst.map(mask),
        nw_proto: matching.nw_proto,
        nw_tos: matching.nw_tos,
        tp_src: matching.tp_src,
        tp_dst: matching.tp_dst,
        in_port: matching.in_port,
    }
}

/// A block of addresses, as rust_ofp wants it: how many bits are open.
fn mask(net: Ipv4Net) -> Mask<u32> {
    let open = 32 - u32::from(net.prefix_len());
    Mask { value: net.network().into(), mask: (open > 0).then_some(open) }
}

/// The number that rust_ofp writes as this MAC.
fn reversed(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.octets();
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

fn actions(actions: &[Action]) -> Result<Vec<ofp::Action>, EncodeError> {
    let to_controller = actions.iter().skip_while(|action| !action.is_to_controller());
    if to_controller.into_iter().any(|action| !action.is_to_controller()) {
        return Err(EncodeError::Unencodable { what: "action after an output to the controller" });
    }
    actions.iter().map(action).collect()
}

fn action(action: &Action) -> Result<ofp::Action, EncodeError> {
    Ok(match action {
        Action::Output { port, max_len } => ofp::Action::Output(pseudo_port(*port, *max_len)?),
        Action::SetVlanVid(vid) => ofp::Action::SetDlVlan(Some(*vid)),
        Action::SetVlanPcp(pcp) => ofp::Action::SetDlVlanPcp(*pcp),
        Action::StripVlan => ofp::Action::SetDlVlan(None),
        Action::SetDlSrc(mac) => ofp::Action::SetDlSrc(reversed(*mac)),
        Action::SetDlDst(mac) => ofp::Action::SetDlDst(reversed(*mac)),
        Action::SetNwSrc(address) => ofp::Action::SetNwSrc((*address).into()),
        Action::SetNwDst(address) => ofp::Action::SetNwDst((*address).into()),
        Action::SetNwTos(tos) => ofp::Action::SetNwTos(*tos),
        Action::SetTpSrc(port) => ofp::Action::SetTpSrc(*port),
        Action::SetTpDst(port) => ofp::Action::SetTpDst(*port),
        Action::Other(_) => return Err(EncodeError::Unencodable { what: "unknown action of OpenFlow 1.0" }),
    })
}

fn pseudo_port(port: u16, max_len: u16) -> Result<PseudoPort, EncodeError> {
    Ok(match port {
        IN_PORT => PseudoPort::InPort,
        TABLE => PseudoPort::Table,
        NORMAL => PseudoPort::Normal,
        FLOOD => PseudoPort::Flood,
        ALL => PseudoPort::AllPorts,
        CONTROLLER => PseudoPort::Controller(max_len.into()),
        LOCAL => PseudoPort::Local,
        NONE => return Err(EncodeError::Unencodable { what: "output to no port" }),
        number => PseudoPort::PhysicalPort(number),
    })
}

/// Clears the padding of each strip-vlan. The actions begin at `start`, in the order in which they were given.
fn clear_padding(actions: &[Action], start: usize, bytes: &mut [u8]) {
    let mut at = start;
    for action in actions {
        if matches!(action, Action::StripVlan) {
            clear(bytes, at + 4, 4);
        }
        at += action.wire_len();
    }
}

fn clear(bytes: &mut [u8], at: usize, len: usize) {
    bytes.get_mut(at..at + len).expect("what rust_ofp wrote has these bytes").fill(0);
}
