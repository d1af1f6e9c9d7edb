//! What 1.0 does to a packet.
//!
//! The crate's own actions and 1.0's stand for each other one to one, but for the VLAN id: 1.0 sets it and adds the tag
//! where there is none, which is a push and a set-field here.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, PortNo};
use bytes::Bytes;

use super::port;
use crate::openflow::wire::Reader;
use crate::openflow::{self, DecodeError, EncodeError, Instruction, MatchField};

const OUTPUT: u16 = 0;
const SET_VLAN_VID: u16 = 1;
const SET_VLAN_PCP: u16 = 2;
const STRIP_VLAN: u16 = 3;
const SET_DL_SRC: u16 = 4;
const SET_DL_DST: u16 = 5;
const SET_NW_SRC: u16 = 6;
const SET_NW_DST: u16 = 7;
const SET_NW_TOS: u16 = 8;
const SET_TP_SRC: u16 = 9;
const SET_TP_DST: u16 = 10;

const WHAT: &str = "action";
/// The Ethernet type of the one kind of tag that 1.0 adds.
const TAG: u16 = 0x8100;
/// OFPVID_PRESENT of 1.3: there is a tag.
const VLAN_PRESENT: u16 = 0x1000;
const VLAN_BITS: u16 = 0x0fff;

/// One step of what is done to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends the packet out of a port.
    Output {
        /// The port.
        port: u16,
        /// How many bytes of the packet go to the controller, where that is the port.
        max_len: u16,
    },
    /// Writes the VLAN id, and adds a tag where there is none.
    SetVlanVid(u16),
    /// Writes the VLAN priority, and adds a tag where there is none.
    SetVlanPcp(u8),
    /// Takes the VLAN tag off.
    StripVlan,
    /// Writes the Ethernet source.
    SetDlSrc(MacAddr),
    /// Writes the Ethernet destination.
    SetDlDst(MacAddr),
    /// Writes the IPv4 source.
    SetNwSrc(Ipv4Addr),
    /// Writes the IPv4 destination.
    SetNwDst(Ipv4Addr),
    /// Writes the differentiated services code point, shifted to its place in the byte.
    SetNwTos(u8),
    /// Writes the source port of TCP or UDP.
    SetTpSrc(u16),
    /// Writes the destination port of TCP or UDP.
    SetTpDst(u16),
    /// An action that has no variant here: the whole of it. It can be read and compared, but not sent.
    Other(Bytes),
}

impl Action {
    /// The actions in 1.0's words.
    pub fn list_from(actions: &[openflow::Action]) -> Result<Vec<Self>, EncodeError> {
        let mut list = Vec::with_capacity(actions.len());
        let mut rest = actions.iter();
        while let Some(action) = rest.next() {
            list.push(match action {
                openflow::Action::PushVlan(TAG) => match rest.next() {
                    Some(openflow::Action::SetField(MatchField::VlanVid(vid))) if vid.value & VLAN_PRESENT != 0 => {
                        Self::SetVlanVid(vid.value & VLAN_BITS)
                    }
                    _ => return Err(EncodeError::Unencodable { what: "VLAN tag without an id" }),
                },
                other => Self::try_from(other)?,
            });
        }
        Ok(list)
    }

    /// What a flow does, in 1.0's words.
    pub fn from_instructions(instructions: &[Instruction]) -> Result<Vec<Self>, EncodeError> {
        match instructions {
            [] => Ok(Vec::new()),
            [Instruction::ApplyActions(actions)] => Self::list_from(actions),
            _ => Err(EncodeError::Unencodable { what: "instruction other than to apply actions" }),
        }
    }

    /// What a flow does, in canonical form.
    pub fn to_instructions(actions: &[Self]) -> Vec<Instruction> {
        if actions.is_empty() {
            return Vec::new();
        }
        vec![Instruction::ApplyActions(actions.iter().flat_map(Self::parts).flatten().collect())]
    }

    /// Reads actions up to the end of the bytes.
    pub(super) fn read_list(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(WHAT, bytes);
        let mut actions = Vec::new();
        while !reader.is_empty() {
            actions.push(Self::read(&mut reader)?);
        }
        Ok(actions)
    }

    /// How many bytes it takes.
    pub(super) fn wire_len(&self) -> usize {
        match self {
            Self::SetDlSrc(_) | Self::SetDlDst(_) => 16,
            Self::Other(whole) => whole.len(),
            _ => 8,
        }
    }

    /// Whether it sends the packet to the controller.
    pub(super) fn is_to_controller(&self) -> bool {
        matches!(self, Self::Output { port, .. } if port::widen(*port) == PortNo::CONTROLLER)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, whole, mut body) = reader.tlv(WHAT)?;
        if !whole.len().is_multiple_of(8) {
            return Err(DecodeError::BadLength { what: WHAT, len: whole.len() });
        }
        Ok(match kind {
            OUTPUT => {
                let output = Self::Output { port: body.u16()?, max_len: body.u16()? };
                // Elsewhere the length means nothing, and some switches make one up.
                match output {
                    Self::Output { port, .. } if !output.is_to_controller() => Self::Output { port, max_len: 0 },
                    _ => output,
                }
            }
            SET_VLAN_VID => Self::SetVlanVid(body.u16()? & VLAN_BITS),
            SET_VLAN_PCP => Self::SetVlanPcp(body.u8()? & 0x07),
            STRIP_VLAN => Self::StripVlan,
            SET_DL_SRC => Self::SetDlSrc(MacAddr::new(body.array()?)),
            SET_DL_DST => Self::SetDlDst(MacAddr::new(body.array()?)),
            SET_NW_SRC => Self::SetNwSrc(body.array::<4>()?.into()),
            SET_NW_DST => Self::SetNwDst(body.array::<4>()?.into()),
            SET_NW_TOS => Self::SetNwTos(body.u8()? & 0xfc),
            SET_TP_SRC => Self::SetTpSrc(body.u16()?),
            SET_TP_DST => Self::SetTpDst(body.u16()?),
            _ => Self::Other(Bytes::copy_from_slice(whole)),
        })
    }

    fn parts(&self) -> [Option<openflow::Action>; 2] {
        let set = |field| [Some(openflow::Action::SetField(field)), None];
        match self {
            Self::Output { port, max_len } => {
                [Some(openflow::Action::Output { port: port::widen(*port), max_len: *max_len }), None]
            }
            Self::SetVlanVid(vid) => {
                let field = MatchField::VlanVid((VLAN_PRESENT | vid).into());
                [Some(openflow::Action::PushVlan(TAG)), Some(openflow::Action::SetField(field))]
            }
            Self::SetVlanPcp(pcp) => set(MatchField::VlanPcp(*pcp)),
            Self::StripVlan => [Some(openflow::Action::PopVlan), None],
            Self::SetDlSrc(mac) => set(MatchField::EthSrc((*mac).into())),
            Self::SetDlDst(mac) => set(MatchField::EthDst((*mac).into())),
            Self::SetNwSrc(address) => set(MatchField::Ipv4Src((*address).into())),
            Self::SetNwDst(address) => set(MatchField::Ipv4Dst((*address).into())),
            Self::SetNwTos(tos) => set(MatchField::IpDscp(tos >> 2)),
            Self::SetTpSrc(port) => set(MatchField::TcpSrc((*port).into())),
            Self::SetTpDst(port) => set(MatchField::TcpDst((*port).into())),
            Self::Other(whole) => [Some(openflow::Action::Other(whole.clone())), None],
        }
    }
}

impl TryFrom<&openflow::Action> for Action {
    type Error = EncodeError;

    fn try_from(action: &openflow::Action) -> Result<Self, EncodeError> {
        let refused = |what| Err(EncodeError::Unencodable { what });
        match action {
            openflow::Action::Output { port, max_len } => {
                if *max_len != 0 && *port != PortNo::CONTROLLER {
                    return refused("length of what is not for the controller");
                }
                Ok(Self::Output { port: port::narrow(*port)?, max_len: *max_len })
            }
            openflow::Action::PopVlan => Ok(Self::StripVlan),
            openflow::Action::SetField(field) if field.is_exact() => match field {
                MatchField::EthSrc(mac) => Ok(Self::SetDlSrc(mac.value)),
                MatchField::EthDst(mac) => Ok(Self::SetDlDst(mac.value)),
                MatchField::Ipv4Src(address) => Ok(Self::SetNwSrc(address.value)),
                MatchField::Ipv4Dst(address) => Ok(Self::SetNwDst(address.value)),
                MatchField::VlanPcp(pcp) => Ok(Self::SetVlanPcp(*pcp)),
                MatchField::IpDscp(dscp) => Ok(Self::SetNwTos(dscp << 2)),
                MatchField::TcpSrc(port) => Ok(Self::SetTpSrc(port.value)),
                MatchField::TcpDst(port) => Ok(Self::SetTpDst(port.value)),
                _ => refused(field.name()),
            },
            _ => refused("action of a later version"),
        }
    }
}
