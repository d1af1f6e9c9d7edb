//! Connection tracking: the packet goes through the tracker, and on in another table.

use bytes::{BufMut, BytesMut};

use super::{Action, nicira};
use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::number::TableId;
use crate::openflow::oxm::{FieldId, Subfield};
use crate::openflow::wire::{Reader, put_padding};

/// Hands the packet to the connection tracker (NXAST_CT).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ct {
    /// Bit 0 commits the connection, bit 1 forces its direction.
    pub flags: CtFlags,
    /// The zone that the connection is in.
    pub zone: CtZone,
    /// Where the packet goes on with its state known; none where it does not.
    pub table: Option<TableId>,
    /// The helper of the protocol on this port; 0 for none.
    pub alg: u16,
    /// What is done to the connection: nat, and set-fields of its mark and label.
    pub actions: Vec<Action>,
}

/// What is asked of the tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CtFlags(pub u16);

impl CtFlags {
    /// Keep the connection.
    pub const COMMIT: Self = Self(1);
    /// Keep it in the direction of this packet, whatever it was.
    pub const FORCE: Self = Self(2);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// The zone of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtZone {
    /// This one.
    Number(u16),
    /// The one whose number a field holds.
    Field(Subfield),
}

impl Ct {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u16(self.flags.0);
        match self.zone {
            CtZone::Number(number) => {
                out.put_u32(0);
                out.put_u16(number);
            }
            CtZone::Field(field) => {
                out.put_u32(field.field.canonical().0);
                out.put_u16(nicira::offset_and_bits(field)?);
            }
        }
        out.put_u8(self.table.unwrap_or(TableId::ALL).0);
        put_padding(out, 3);
        out.put_u16(self.alg);
        Action::encode_list(&self.actions, out)
    }

    pub(super) fn read(mut body: Reader<'_>, depth: u8) -> Result<Self, DecodeError> {
        let flags = CtFlags(body.u16()?);
        let zone = match (body.u32()?, body.u16()?) {
            (0, number) => CtZone::Number(number),
            (header, word) => {
                let (offset, bits) = nicira::split_offset_and_bits(word);
                CtZone::Field(FieldId(header).canonical().part(offset, bits))
            }
        };
        let table = Some(TableId(body.u8()?)).filter(|table| *table != TableId::ALL);
        body.skip(3)?;
        let alg = body.u16()?;
        let actions = Action::decode_nested(body.rest(), depth)?;
        Ok(Self { flags, zone, table, alg, actions })
    }
}
