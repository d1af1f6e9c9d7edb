//! What a flow does with its packets: actions, metadata, the next table.
//!
//! OVS keeps at most one instruction of each kind, drops empty lists of actions, and answers in one fixed order. Lists
//! are written and read in that order too, so that a list in canonical form comes back from a dump as it was sent.

use bytes::{BufMut, Bytes, BytesMut};

use super::action::Action;
use super::codec_error::{DecodeError, EncodeError};
use super::number::TableId;
use super::wire::{Reader, patch_len, put_padding, put_tlv};

const GOTO_TABLE: u16 = 1;
const WRITE_METADATA: u16 = 2;
const WRITE_ACTIONS: u16 = 3;
const APPLY_ACTIONS: u16 = 4;
const CLEAR_ACTIONS: u16 = 5;
const METER: u16 = 6;

const WHAT: &str = "instruction";

/// One part of what a flow does with its packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Instruction {
    /// Goes on in a later table.
    GotoTable(TableId),
    /// Writes bits of the metadata, for later tables.
    WriteMetadata {
        /// The bits.
        value: u64,
        /// Which ones.
        mask: u64,
    },
    /// Adds to the actions that are done when the last table was left.
    WriteActions(Vec<Action>),
    /// Does these actions at once, in this order.
    ApplyActions(Vec<Action>),
    /// Forgets the actions that would be done when the last table was left.
    ClearActions,
    /// Passes the packet through a meter first.
    Meter(u32),
    /// An instruction that has no variant here: the whole of it, its header included.
    Other(Bytes),
}

impl Instruction {
    /// Brings a list into the order in which OVS answers, and leaves out empty lists of actions.
    pub fn canonicalise(list: &mut Vec<Self>) {
        list.retain(|instruction| match instruction {
            Self::ApplyActions(actions) | Self::WriteActions(actions) => !actions.is_empty(),
            _ => true,
        });
        list.sort_by_key(Self::rank);
    }

    /// Writes the instructions in canonical order.
    pub fn encode_list(list: &[Self], out: &mut BytesMut) -> Result<(), EncodeError> {
        let mut ranked: Vec<&Self> = list.iter().collect();
        ranked.sort_by_key(|instruction| instruction.rank());
        ranked.into_iter().try_for_each(|instruction| instruction.encode(out))
    }

    /// Reads instructions up to the end of the bytes, into canonical order.
    pub fn decode_list(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut reader = Reader::new(WHAT, bytes);
        let mut list = Vec::new();
        while !reader.is_empty() {
            list.push(Self::read(&mut reader)?);
        }
        Self::canonicalise(&mut list);
        Ok(list)
    }

    /// The place in OVS's order.
    const fn rank(&self) -> u8 {
        match self {
            Self::Meter(_) => 0,
            Self::ApplyActions(_) => 1,
            Self::ClearActions => 2,
            Self::WriteActions(_) => 3,
            Self::WriteMetadata { .. } => 4,
            Self::GotoTable(_) => 5,
            Self::Other(_) => 6,
        }
    }

    fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::GotoTable(table) => put_tlv(out, WHAT, GOTO_TABLE, |out| {
                out.put_u8(table.0);
                put_padding(out, 3);
                Ok(())
            }),
            Self::WriteMetadata { value, mask } => put_tlv(out, WHAT, WRITE_METADATA, |out| {
                put_padding(out, 4);
                out.put_u64(*value);
                out.put_u64(*mask);
                Ok(())
            }),
            Self::ApplyActions(actions) if actions.is_empty() => Ok(()),
            Self::WriteActions(actions) if actions.is_empty() => Ok(()),
            Self::ApplyActions(actions) => put_actions(out, APPLY_ACTIONS, actions),
            Self::WriteActions(actions) => put_actions(out, WRITE_ACTIONS, actions),
            Self::ClearActions => put_actions(out, CLEAR_ACTIONS, &[]),
            Self::Meter(meter) => put_tlv(out, WHAT, METER, |out| {
                out.put_u32(*meter);
                Ok(())
            }),
            Self::Other(whole) if whole.len() >= 8 && whole.len().is_multiple_of(8) => {
                let start = out.len();
                out.put_slice(whole);
                patch_len(out, WHAT, start + 2, whole.len())
            }
            Self::Other(_) => {
                Err(EncodeError::Unencodable { what: "raw instruction that is not a multiple of 8 bytes" })
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, whole, mut body) = reader.tlv(WHAT)?;
        if !whole.len().is_multiple_of(8) {
            return Err(DecodeError::BadLength { what: WHAT, len: whole.len() });
        }
        Ok(match kind {
            GOTO_TABLE => Self::GotoTable(TableId(body.u8()?)),
            WRITE_METADATA => {
                body.skip(4)?;
                Self::WriteMetadata { value: body.u64()?, mask: body.u64()? }
            }
            WRITE_ACTIONS | APPLY_ACTIONS => {
                body.skip(4)?;
                let actions = Action::decode_list(body.rest())?;
                if kind == APPLY_ACTIONS { Self::ApplyActions(actions) } else { Self::WriteActions(actions) }
            }
            CLEAR_ACTIONS => Self::ClearActions,
            METER => Self::Meter(body.u32()?),
            _ => Self::Other(Bytes::copy_from_slice(whole)),
        })
    }
}

fn put_actions(out: &mut BytesMut, kind: u16, actions: &[Action]) -> Result<(), EncodeError> {
    put_tlv(out, WHAT, kind, |out| {
        put_padding(out, 4);
        Action::encode_list(actions, out)
    })
}
