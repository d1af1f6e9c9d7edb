//! What is done to a packet.
//!
//! OVS answers a dump with the actions that it was sent, byte for byte, in these forms: output (with its max_len),
//! set-field of a whole field by its OXM name (registers, TTL and in_port by their Nicira names), move and load by
//! Nicira names, dec-ttl, push and pop of VLAN tags, set-queue, group, resubmit, controller, learn, note. What it
//! rewrites is brought into the same form here, when it is written and when it is read: OXM names in move and load
//! become Nicira names. A set-field stays a set-field and a load stays a load. A masked set-field is refused by
//! OVS in 1.3: load a part of the field instead. Nicira's longer actions are read only in the form that OVS sends;
//! in any other they are kept whole, and so is what is nested too deep.
//!
//! Read in this order: this file, `nicira`, `extended`, then `ct`, `nat`, `learn`, `controller`; `names` are those of
//! actions that are kept whole.

mod controller;
mod ct;
mod extended;
mod learn;
mod names;
mod nat;
mod nicira;

pub use controller::Controller;
pub use ct::{Ct, CtFlags, CtZone};
pub use learn::{Learn, LearnFlags, LearnLimit, LearnSource, LearnSpec, LearnTarget};
pub(super) use names::name;
pub use nat::{Nat, NatFlags, NatRange};

use buoy_topology::PortNo;
use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::number::{Narrow as _, TableId};
use super::oxm::{MatchField, Subfield};
use super::packet_in::PacketInReason;
use super::wire::{Reader, patch_len, put_padding, put_tlv};

const OUTPUT: u16 = 0;
const DEC_MPLS_TTL: u16 = 16;
const PUSH_VLAN: u16 = 17;
const POP_VLAN: u16 = 18;
const PUSH_MPLS: u16 = 19;
const POP_MPLS: u16 = 20;
const SET_QUEUE: u16 = 21;
const GROUP: u16 = 22;
const DEC_NW_TTL: u16 = 24;
const SET_FIELD: u16 = 25;
const EXPERIMENTER: u16 = 0xffff;

const WHAT: &str = "action";

/// How deep actions may stand in actions (ct, clone); deeper ones are kept whole.
const DEPTH: u8 = 4;

/// One step of what is done to a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Sends the packet out of a port.
    Output {
        /// The port.
        port: PortNo,
        /// How many bytes of the packet go to the controller, where that is the port.
        max_len: u16,
    },
    /// Sends the packet out of the port whose number a field holds.
    OutputReg {
        /// Where the number is.
        source: Subfield,
        /// How many bytes of the packet go to the controller, where that is the port.
        max_len: u16,
    },
    /// Writes a whole field; a masked value cannot be encoded.
    SetField(MatchField),
    /// Takes one off the time to live; a packet whose time is over goes to the controller.
    DecNwTtl,
    /// Adds a VLAN tag of this Ethernet type.
    PushVlan(u16),
    /// Takes the outer VLAN tag off.
    PopVlan,
    /// Hands the packet to a group.
    Group(u32),
    /// Chooses the queue for later outputs.
    SetQueue(u32),
    /// Copies bits from one field into another.
    Move {
        /// Where the bits come from.
        src: Subfield,
        /// Where they go; its width counts for both.
        dst: Subfield,
    },
    /// Writes a number into a part of a field.
    Load {
        /// The part.
        dst: Subfield,
        /// The number, which must fit.
        value: u64,
    },
    /// Looks the packet up in another table, and comes back.
    Resubmit {
        /// The port to look it up with; none for the one it came in on.
        port: Option<PortNo>,
        /// The table; [`TableId::ALL`] for the current one.
        table: TableId,
    },
    /// Adds a flow made of the packet.
    Learn(Learn),
    /// Does nothing; OVS pads the note with zeros to 6, 14, 22… bytes.
    Note(Bytes),
    /// Sends the packet to a certain controller, or with a certain reason.
    ControllerExt {
        /// How many bytes of the packet.
        max_len: u16,
        /// The controller's id; 0 for every one that did not choose another.
        controller_id: u16,
        /// The reason that the packet-in gives.
        reason: PacketInReason,
    },
    /// Sends the packet to a controller, with data for it, or to wait for it.
    Controller(Controller),
    /// Adds an MPLS label under this Ethernet type.
    PushMpls(u16),
    /// Takes the outer MPLS label off; this Ethernet type is below it.
    PopMpls(u16),
    /// Takes one off the time to live in the outer MPLS label.
    DecMplsTtl,
    /// Takes one off the time to live; a packet whose time is over goes to the controllers with these ids.
    DecTtlIds(Vec<u16>),
    /// Looks the packet up in another table with its connection's first addresses and ports in place of its own.
    ResubmitCt {
        /// The port to look it up with; none for the one it came in on.
        port: Option<PortNo>,
        /// The table; [`TableId::ALL`] for the current one.
        table: TableId,
    },
    /// Sends the beginning of the packet out of a port.
    OutputTrunc {
        /// The port.
        port: PortNo,
        /// How many bytes of the packet.
        max_len: u32,
    },
    /// Hands the packet to the connection tracker.
    Ct(Ct),
    /// Forgets what the connection tracker said of the packet.
    CtClear,
    /// Translates the addresses of a connection; stands in a ct action only.
    Nat(Nat),
    /// Fulfils one clause of a conjunction.
    Conjunction {
        /// The conjunction.
        id: u32,
        /// The clause, counted from 0.
        clause: u8,
        /// How many clauses it has.
        clauses: u8,
    },
    /// Does these actions to a copy.
    Clone(Vec<Self>),
    /// Says in a bit whether the packet is longer than this.
    CheckPktLarger {
        /// The length in bytes.
        len: u16,
        /// The bit.
        dst: Subfield,
    },
    /// Gives the flow other timeouts after a FIN or RST.
    FinTimeout {
        /// The new idle timeout; 0 for no change.
        idle: u16,
        /// The new hard timeout; 0 for no change.
        hard: u16,
    },
    /// Keeps the value of a field on the stack.
    StackPush(Subfield),
    /// Takes a value off the stack into a field.
    StackPop(Subfield),
    /// Chooses the queue that was chosen before set-queue.
    PopQueue,
    /// Does nothing further.
    Exit,
    /// An action that has no variant here: the whole action, its header included.
    Other(Bytes),
}

impl Action {
    /// Sends the packet out of a port.
    pub const fn output(port: PortNo) -> Self {
        Self::Output { port, max_len: 0 }
    }

    /// Sends the whole packet to the controller.
    pub const fn controller() -> Self {
        Self::Output { port: PortNo::CONTROLLER, max_len: 0xffff }
    }

    /// Sends the whole packet to the controller, as far as a meter lets it; the switch must have the meter before the
    /// flow.
    pub fn metered_controller(meter: u32) -> Self {
        Self::Controller(Controller { meter, ..Controller::default() })
    }

    /// Writes the actions one after the other.
    pub fn encode_list(actions: &[Self], out: &mut BytesMut) -> Result<(), EncodeError> {
        actions.iter().try_for_each(|action| action.encode(out))
    }

    /// Reads actions up to the end of the bytes.
    pub fn decode_list(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Self::decode_nested(bytes, 0)
    }

    /// Reads actions that stand in so many others.
    fn decode_nested(bytes: &[u8], depth: u8) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(WHAT, bytes);
        let mut actions = Vec::new();
        while !reader.is_empty() {
            actions.push(Self::read(&mut reader, depth)?);
        }
        Ok(actions)
    }

    fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Output { port, max_len } => put_tlv(out, WHAT, OUTPUT, |out| {
                out.put_u32(port.0);
                out.put_u16(*max_len);
                put_padding(out, 6);
                Ok(())
            }),
            Self::SetField(field) => {
                if !field.is_exact() {
                    return Err(EncodeError::Unencodable { what: "masked set-field" });
                }
                put_tlv(out, WHAT, SET_FIELD, |out| field.put_for_action(out))
            }
            Self::DecNwTtl => put_plain(out, DEC_NW_TTL, 0),
            Self::PushVlan(ethertype) => put_plain(out, PUSH_VLAN, u32::from(*ethertype) << 16),
            Self::PopVlan => put_plain(out, POP_VLAN, 0),
            Self::Group(group) => put_plain(out, GROUP, *group),
            Self::SetQueue(queue) => put_plain(out, SET_QUEUE, *queue),
            Self::PushMpls(ethertype) => put_plain(out, PUSH_MPLS, u32::from(*ethertype) << 16),
            Self::PopMpls(ethertype) => put_plain(out, POP_MPLS, u32::from(*ethertype) << 16),
            Self::DecMplsTtl => put_plain(out, DEC_MPLS_TTL, 0),
            Self::Other(whole) => put_whole(out, whole),
            _ => self.encode_nicira(out),
        }
    }

    fn read(reader: &mut Reader<'_>, depth: u8) -> Result<Self, DecodeError> {
        let (kind, whole, mut body) = reader.tlv(WHAT)?;
        if !whole.len().is_multiple_of(8) {
            return Err(DecodeError::BadLength { what: WHAT, len: whole.len() });
        }
        Ok(match kind {
            OUTPUT => {
                let port = PortNo(body.u32()?);
                Self::Output { port, max_len: body.u16()? }
            }
            PUSH_VLAN => Self::PushVlan(body.u16()?),
            POP_VLAN => Self::PopVlan,
            SET_QUEUE => Self::SetQueue(body.u32()?),
            GROUP => Self::Group(body.u32()?),
            DEC_NW_TTL => Self::DecNwTtl,
            SET_FIELD => {
                let field = MatchField::read(&mut body)?;
                match field.is_exact().then(|| field.canonical()).flatten() {
                    Some(MatchField::InPort(port)) if port.narrow().is_err() => {
                        Self::Other(Bytes::copy_from_slice(whole))
                    }
                    Some(field) => Self::SetField(field),
                    None => Self::Other(Bytes::copy_from_slice(whole)),
                }
            }
            DEC_MPLS_TTL => Self::DecMplsTtl,
            PUSH_MPLS => Self::PushMpls(body.u16()?),
            POP_MPLS => Self::PopMpls(body.u16()?),
            EXPERIMENTER => Self::read_nicira(whole, body, depth)?,
            _ => Self::Other(Bytes::copy_from_slice(whole)),
        })
    }
}

fn put_plain(out: &mut BytesMut, kind: u16, argument: u32) -> Result<(), EncodeError> {
    put_tlv(out, WHAT, kind, |out| {
        out.put_u32(argument);
        Ok(())
    })
}

/// Writes an action that was kept whole; its length is made to agree with its bytes.
fn put_whole(out: &mut BytesMut, whole: &Bytes) -> Result<(), EncodeError> {
    if whole.len() < 8 || !whole.len().is_multiple_of(8) {
        return Err(EncodeError::Unencodable { what: "raw action that is not a multiple of 8 bytes" });
    }
    let start = out.len();
    out.put_slice(whole);
    patch_len(out, WHAT, start + 2, whole.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_field_of_a_port_above_16_bits_is_kept_whole() {
        let whole = Bytes::from_static(b"\x00\x19\x00\x10\x80\x00\x00\x04\x00\xff\x03\x00\0\0\0\0");
        let actions = Action::decode_list(&whole).unwrap();
        assert_eq!(actions, [Action::Other(whole)]);
        let unencodable = Action::SetField(MatchField::InPort(PortNo(0x00ff_0300)));
        let error = EncodeError::Unencodable { what: "port above 16 bits" };
        assert_eq!(Action::encode_list(&[unencodable], &mut BytesMut::new()), Err(error));
    }
}
