//! What a switch finds wrong with a message.
//!
//! OVS sends the ONF's and Nicira's errors as OpenFlow 1.3's experimenter errors: type 0xffff, the experimenter's type in
//! place of the code, and the experimenter's id before the bytes of the message that was wrong.

mod names;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::DecodeError;
use super::header::Header;
use super::vendor::{NICIRA, ONF};
use super::wire::Reader;

const HELLO_FAILED: u16 = 0;
const INCOMPATIBLE: u16 = 0;
const EXPERIMENTER: u16 = 0xffff;

/// What was wrong with an earlier message, which the error's xid names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorMsg {
    /// The type of error.
    pub kind: u16,
    /// What it is within its type.
    pub code: u16,
    /// At least the first 64 bytes of the message that was wrong, or a text.
    pub data: Bytes,
}

impl ErrorMsg {
    /// Says that there is no version that both sides speak, with a text for whoever reads the switch's log.
    pub fn incompatible(text: &str) -> Self {
        Self { kind: HELLO_FAILED, code: INCOMPATIBLE, data: Bytes::copy_from_slice(text.as_bytes()) }
    }

    /// Whether the peers speak no common version.
    pub const fn is_incompatible(&self) -> bool {
        self.kind == HELLO_FAILED
    }

    /// The vendor whose error it is; none for OpenFlow's own.
    pub fn experimenter(&self) -> Option<u32> {
        self.data.first_chunk().filter(|_| self.kind == EXPERIMENTER).map(|id| u32::from_be_bytes(*id))
    }

    /// The name that OVS gives the error, like `OFPBAC_BAD_OUT_PORT`.
    pub fn name(&self) -> Option<&'static str> {
        match self.experimenter() {
            Some(vendor) => names::experimenter(vendor, self.code),
            None => names::standard(self.kind, self.code),
        }
    }

    /// The beginning of the message that was wrong; empty for a text.
    pub fn failed_message(&self) -> &[u8] {
        match self.kind {
            HELLO_FAILED => &[],
            EXPERIMENTER => self.data.get(4..).unwrap_or_default(),
            _ => &self.data,
        }
    }

    /// The header of the message that was wrong.
    pub fn failed_header(&self) -> Option<Header> {
        self.failed_message().first_chunk().copied().map(Header::parse)
    }

    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u16(self.kind);
        out.put_u16(self.code);
        out.put_slice(&self.data);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("error", body);
        Ok(Self { kind: reader.u16()?, code: reader.u16()?, data: reader.to_bytes() })
    }
}

impl fmt::Display for ErrorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter()) {
            (Some(name), _) => f.write_str(name)?,
            (None, Some(vendor)) => write!(f, "error {} of experimenter {vendor:#010x}", self.code)?,
            (None, None) => write!(f, "error type {} code {}", self.kind, self.code)?,
        }
        if self.kind == HELLO_FAILED && !self.data.is_empty() {
            write!(f, ": {}", String::from_utf8_lossy(&self.data).escape_debug())?;
        }
        Ok(())
    }
}
