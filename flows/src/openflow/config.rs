//! How a switch treats fragments, and how much of a packet it sends to the controller unasked.

use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::Reader;

/// The switch's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SwitchConfig {
    /// The handling of fragments: 0 passes them to the flows.
    pub flags: u16,
    /// How many bytes of a packet are sent to the controller where no action says it.
    pub miss_send_len: u16,
}

impl SwitchConfig {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u16(self.flags);
        out.put_u16(self.miss_send_len);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("switch config", body);
        Ok(Self { flags: reader.u16()?, miss_send_len: reader.u16()? })
    }
}
