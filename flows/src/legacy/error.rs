//! What a 1.0 switch finds wrong with a message. The numbers mean other things than in 1.3.

use std::fmt;

use bytes::Bytes;

use crate::openflow::DecodeError;
use crate::openflow::wire::Reader;

const VENDOR: u16 = 0xb0c2;

/// The names of OpenFlow 1.0, by type and code.
const NAMES: [(u16, &[&str]); 6] = [
    (0, &["OFPHFC_INCOMPATIBLE", "OFPHFC_EPERM"]),
    (
        1,
        &[
            "OFPBRC_BAD_VERSION",
            "OFPBRC_BAD_TYPE",
            "OFPBRC_BAD_STAT",
            "OFPBRC_BAD_VENDOR",
            "OFPBRC_BAD_SUBTYPE",
            "OFPBRC_EPERM",
            "OFPBRC_BAD_LEN",
            "OFPBRC_BUFFER_EMPTY",
            "OFPBRC_BUFFER_UNKNOWN",
        ],
    ),
    (
        2,
        &[
            "OFPBAC_BAD_TYPE",
            "OFPBAC_BAD_LEN",
            "OFPBAC_BAD_VENDOR",
            "OFPBAC_BAD_VENDOR_TYPE",
            "OFPBAC_BAD_OUT_PORT",
            "OFPBAC_BAD_ARGUMENT",
            "OFPBAC_EPERM",
            "OFPBAC_TOO_MANY",
            "OFPBAC_BAD_QUEUE",
        ],
    ),
    (
        3,
        &[
            "OFPFMFC_ALL_TABLES_FULL",
            "OFPFMFC_OVERLAP",
            "OFPFMFC_EPERM",
            "OFPFMFC_BAD_EMERG_TIMEOUT",
            "OFPFMFC_BAD_COMMAND",
            "OFPFMFC_UNSUPPORTED",
        ],
    ),
    (4, &["OFPPMFC_BAD_PORT", "OFPPMFC_BAD_HW_ADDR"]),
    (5, &["OFPQOFC_BAD_PORT", "OFPQOFC_BAD_QUEUE", "OFPQOFC_EPERM"]),
];

/// What was wrong with an earlier message, which the error's xid names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorMsg {
    /// The type of error.
    pub kind: u16,
    /// What it is within its type.
    pub code: u16,
    /// The beginning of the message that was wrong, or a text.
    pub data: Bytes,
}

impl ErrorMsg {
    /// The name that OpenFlow 1.0 gives the error.
    pub fn name(&self) -> Option<&'static str> {
        let (_, codes) = NAMES.iter().find(|(kind, _)| *kind == self.kind)?;
        codes.get(usize::from(self.code)).copied()
    }

    pub(super) fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("error", body);
        Ok(Self { kind: reader.u16()?, code: reader.u16()?, data: reader.to_bytes() })
    }
}

impl fmt::Display for ErrorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.data.as_ref()) {
            (Some(name), _) => f.write_str(name),
            // OVS's own errors: vendor, type and code stand before the message.
            (None, [a, b, c, d, e, g, h, i, ..]) if self.kind == VENDOR => {
                let vendor = u32::from_be_bytes([*a, *b, *c, *d]);
                let (kind, code) = (u16::from_be_bytes([*e, *g]), u16::from_be_bytes([*h, *i]));
                write!(f, "error type {kind} code {code} of vendor {vendor:#010x}")
            }
            (None, _) => write!(f, "error type {} code {}", self.kind, self.code),
        }
    }
}
