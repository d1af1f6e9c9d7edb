//! What can go wrong between bytes and messages.

use thiserror::Error;

/// Bytes that are no OpenFlow message: what was being read, and what was wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end before the object does.
    #[error("{what} is cut short")]
    Short {
        /// The object that was being read.
        what: &'static str,
    },
    /// A length field contradicts the bytes around it, or the kind of object.
    #[error("{what} cannot be {len} bytes long")]
    BadLength {
        /// The object that was being read.
        what: &'static str,
        /// The length that it claims.
        len: usize,
    },
    /// A field holds a value that has no meaning.
    #[error("{what} cannot be {value:#x}")]
    BadValue {
        /// The field that was being read.
        what: &'static str,
        /// The value that it holds.
        value: u64,
    },
}

/// A message that OpenFlow has no bytes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The object needs more bytes than its length field can say.
    #[error("{what} of {len} bytes is too long")]
    TooLong {
        /// The object that was being written.
        what: &'static str,
        /// The bytes that it needs.
        len: usize,
    },
    /// The object holds a value that cannot be written.
    #[error("{what} has no encoding")]
    Unencodable {
        /// The object that was being written.
        what: &'static str,
    },
}
