//! The eight bytes that begin every OpenFlow message of every version.

#[expect(clippy::disallowed_types, reason = "this is where it is used")]
use rust_ofp::ofp_header::OfpHeader;

/// OpenFlow 1.3 in the version byte, the one dialect that [`super::Message`] speaks.
pub const VERSION_1_3: u8 = 0x04;
/// OpenFlow 1.0 in the version byte.
pub const VERSION_1_0: u8 = 0x01;

/// Pairs a reply with its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid(pub u32);

/// The fields of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version byte.
    pub version: u8,
    /// The type byte, which means different things in different versions.
    pub kind: u8,
    /// The length of the whole message, the header included.
    pub length: usize,
    /// The transaction id.
    pub xid: Xid,
}

impl Header {
    /// How many bytes the header has.
    pub const LEN: usize = 8;

    /// Reads the header; any eight bytes are one.
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "rust_ofp reads version, length and xid right for every version"
    )]
    pub fn parse(bytes: [u8; Self::LEN]) -> Self {
        // The type is taken by hand: rust_ofp makes an enum of it, which knows OpenFlow 1.0 only.
        let [_, kind, ..] = bytes;
        let parsed = OfpHeader::parse(bytes);
        Self { version: parsed.version(), kind, length: parsed.length(), xid: Xid(parsed.xid()) }
    }
}
