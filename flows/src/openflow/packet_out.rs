//! A packet that the controller hands to the switch.

use buoy_topology::PortNo;
use bytes::{BufMut, Bytes, BytesMut};

use super::action::Action;
use super::codec_error::{DecodeError, EncodeError};
use super::number::BufferId;
use super::wire::{Reader, patch_len, put_padding};

/// A packet that the controller hands to the switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PacketOut {
    /// Where the switch holds the packet; none where it comes with the message.
    pub buffer_id: BufferId,
    /// The port that it shall seem to come in on.
    pub in_port: PortNo,
    /// What is done to it.
    pub actions: Vec<Action>,
    /// The packet, from its Ethernet header on.
    pub frame: Bytes,
}

impl PacketOut {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u32(self.buffer_id.0);
        out.put_u32(self.in_port.0);
        let len_at = out.len();
        put_padding(out, 8);
        let start = out.len();
        Action::encode_list(&self.actions, out)?;
        let len = out.len() - start;
        patch_len(out, "packet-out actions", len_at, len)?;
        out.put_slice(&self.frame);
        Ok(())
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("packet-out", body);
        let buffer_id = BufferId(reader.u32()?);
        let in_port = PortNo(reader.u32()?);
        let actions_len = reader.u16()?;
        reader.skip(6)?;
        let actions = Action::decode_list(reader.bytes(actions_len.into())?)?;
        Ok(Self { buffer_id, in_port, actions, frame: reader.to_bytes() })
    }
}
