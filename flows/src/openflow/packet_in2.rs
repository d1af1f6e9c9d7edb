//! A packet for the controller in Nicira's form: it can carry data of the flow that sent it, and wait in the switch.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::number::{Cookie, TableId};
use super::oxm::Match;
use super::packet_in::PacketInReason;
use super::vendor::NICIRA;
use super::wire::{Reader, padding_to_8, put_property};

pub(super) const RESUME: u32 = 28;
pub(super) const PACKET_IN2: u32 = 30;

const PACKET: u16 = 0;
const FULL_LEN: u16 = 1;
const TABLE_ID: u16 = 3;
const COOKIE: u16 = 4;
const REASON: u16 = 5;
const METADATA: u16 = 6;
const USERDATA: u16 = 7;
const CONTINUATION: u16 = 8;

const WHAT: &str = "packet-in property";

/// A packet for the controller (NXT_PACKET_IN2), or one that goes on (NXT_RESUME).
///
/// It is read only in the form that OVS sends; in any other the message is kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PacketIn2 {
    /// The packet, or its beginning, from its Ethernet header on.
    pub frame: Bytes,
    /// The packet's length, where only its beginning is here.
    pub full_len: Option<u32>,
    /// The table of the flow that sent it.
    pub table: Option<TableId>,
    /// That flow's cookie.
    pub cookie: Option<Cookie>,
    /// Why it was sent.
    pub reason: Option<PacketInReason>,
    /// The port that it came in on, and the registers and metadata that are not zero.
    pub metadata: Match,
    /// What the switch needs to let the packet go on; only it can read this.
    pub continuation: Option<Bytes>,
    /// What the action gave it.
    pub userdata: Option<Bytes>,
}

impl PacketIn2 {
    pub(super) fn encode_body(&self, kind: u32, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(NICIRA);
        out.put_u32(kind);
        self.put(out)
    }

    fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_property(out, WHAT, PACKET, &self.frame)?;
        if let Some(len) = self.full_len {
            put_property(out, WHAT, FULL_LEN, &len.to_be_bytes())?;
        }
        if let Some(table) = self.table {
            put_property(out, WHAT, TABLE_ID, &[table.0])?;
        }
        if let Some(cookie) = self.cookie {
            // Numbers of 64 bits are aligned.
            put_property(out, WHAT, COOKIE, &[[0; 4].as_slice(), &cookie.0.to_be_bytes()].concat())?;
        }
        if let Some(reason) = self.reason {
            put_property(out, WHAT, REASON, &[reason.number()])?;
        }
        let mut metadata = Vec::new();
        self.metadata.encode_oxm(&mut metadata);
        put_property(out, WHAT, METADATA, &metadata)?;
        for (kind, value) in [(CONTINUATION, &self.continuation), (USERDATA, &self.userdata)] {
            if let Some(value) = value {
                put_property(out, WHAT, kind, value)?;
            }
        }
        Ok(())
    }

    /// Reads what follows vendor and message type; none where it is not in the form in which it would be written.
    pub(super) fn decode_rest(rest: &[u8]) -> Option<Self> {
        let message = Self::read(rest).ok()?;
        let mut again = BytesMut::with_capacity(rest.len());
        message.put(&mut again).ok()?;
        (again == rest).then_some(message)
    }

    fn read(rest: &[u8]) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        let mut reader = Reader::new(WHAT, rest);
        while !reader.is_empty() {
            let (kind, whole, mut value) = reader.tlv(WHAT)?;
            match kind {
                PACKET => message.frame = value.to_bytes(),
                FULL_LEN => message.full_len = Some(value.u32()?),
                TABLE_ID => message.table = Some(TableId(value.u8()?)),
                COOKIE => {
                    value.skip(4)?;
                    message.cookie = Some(Cookie(value.u64()?));
                }
                REASON => message.reason = Some(PacketInReason::from(value.u8()?)),
                METADATA => message.metadata = Match::decode_oxm(value.rest())?,
                USERDATA => message.userdata = Some(value.to_bytes()),
                CONTINUATION => message.continuation = Some(value.to_bytes()),
                _ => return Err(DecodeError::BadValue { what: WHAT, value: kind.into() }),
            }
            reader.skip(padding_to_8(whole.len()))?;
        }
        Ok(message)
    }
}
