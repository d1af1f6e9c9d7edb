//! A vendor's message that has no variant of its own.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::DecodeError;
use super::wire::Reader;

/// A vendor's message, kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Experimenter {
    /// The vendor.
    pub experimenter: u32,
    /// The vendor's own message type.
    pub kind: u32,
    /// What follows.
    pub body: Bytes,
}

impl Experimenter {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u32(self.experimenter);
        out.put_u32(self.kind);
        out.put_slice(&self.body);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("experimenter message", body);
        Ok(Self { experimenter: reader.u32()?, kind: reader.u32()?, body: reader.to_bytes() })
    }
}
