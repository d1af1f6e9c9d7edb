//! Bundles: messages that a switch takes in together or not at all (ONF extension 230 for 1.3).
//!
//! OVS wants the flags of the opening repeated in each add, and the inner message under the outer one's xid. An add that
//! is refused is answered with an error and leaves the bundle as it is: commit then applies the rest.

use std::ops::BitOr;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::header::{VERSION_1_3, Xid};
use super::kind;
use super::message::{Message, put_framed};
use super::vendor::ONF;
use super::wire::{Reader, put_padding};

pub(super) const CONTROL: u32 = 2300;
pub(super) const ADD: u32 = 2301;

/// Names a bundle on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId(pub u32);

/// How a bundle is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BundleFlags(pub u16);

impl BundleFlags {
    /// Packets see all of it or nothing.
    pub const ATOMIC: Self = Self(1);
    /// Messages are applied in their order.
    pub const ORDERED: Self = Self(2);

    /// Whether all these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for BundleFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a bundle control message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BundleControlKind {
    /// Begin a bundle.
    OpenRequest,
    /// It has begun.
    OpenReply,
    /// Take no more messages into it.
    CloseRequest,
    /// It is closed.
    CloseReply,
    /// Apply it.
    CommitRequest,
    /// It was applied.
    CommitReply,
    /// Forget it.
    DiscardRequest,
    /// It was forgotten.
    DiscardReply,
}

impl BundleControlKind {
    const ALL: [Self; 8] = [
        Self::OpenRequest,
        Self::OpenReply,
        Self::CloseRequest,
        Self::CloseReply,
        Self::CommitRequest,
        Self::CommitReply,
        Self::DiscardRequest,
        Self::DiscardReply,
    ];

    const fn number(self) -> u16 {
        match self {
            Self::OpenRequest => 0,
            Self::OpenReply => 1,
            Self::CloseRequest => 2,
            Self::CloseReply => 3,
            Self::CommitRequest => 4,
            Self::CommitReply => 5,
            Self::DiscardRequest => 6,
            Self::DiscardReply => 7,
        }
    }

    /// The name in upper case.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::OpenRequest => "OPEN_REQUEST",
            Self::OpenReply => "OPEN_REPLY",
            Self::CloseRequest => "CLOSE_REQUEST",
            Self::CloseReply => "CLOSE_REPLY",
            Self::CommitRequest => "COMMIT_REQUEST",
            Self::CommitReply => "COMMIT_REPLY",
            Self::DiscardRequest => "DISCARD_REQUEST",
            Self::DiscardReply => "DISCARD_REPLY",
        }
    }
}

/// Opens, closes, commits or discards a bundle, or answers that it was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BundleControl {
    /// Which bundle.
    pub id: BundleId,
    /// What is asked or answered.
    pub kind: BundleControlKind,
    /// How it is applied.
    pub flags: BundleFlags,
    /// Further properties, as they are on the wire; OVS has none.
    pub properties: Bytes,
}

impl BundleControl {
    /// The message without properties.
    pub const fn new(id: BundleId, kind: BundleControlKind, flags: BundleFlags) -> Self {
        Self { id, kind, flags, properties: Bytes::new() }
    }

    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u32(ONF);
        out.put_u32(CONTROL);
        out.put_u32(self.id.0);
        out.put_u16(self.kind.number());
        out.put_u16(self.flags.0);
        out.put_slice(&self.properties);
    }

    /// Reads what follows vendor and message type.
    pub(super) fn decode_rest(rest: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("bundle control", rest);
        let id = BundleId(reader.u32()?);
        let number = reader.u16()?;
        let kind = BundleControlKind::ALL
            .into_iter()
            .find(|kind| kind.number() == number)
            .ok_or(DecodeError::BadValue { what: "bundle control type", value: number.into() })?;
        let flags = BundleFlags(reader.u16()?);
        Ok(Self { id, kind, flags, properties: reader.to_bytes() })
    }
}

/// Puts a message into an open bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BundleAdd {
    /// Which bundle.
    pub id: BundleId,
    /// The flags that it was opened with.
    pub flags: BundleFlags,
    /// The message; it goes under the xid of the message around it.
    pub message: Box<Message>,
}

impl BundleAdd {
    pub(super) fn encode_body(&self, xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
        if matches!(*self.message, Message::BundleAdd(_) | Message::BundleControl(_)) {
            return Err(EncodeError::Unencodable { what: "bundle in a bundle" });
        }
        put_add_head(out, self.id, self.flags);
        self.message.encode(xid, out)
    }

    /// Reads what follows vendor and message type; properties after the message are left out.
    pub(super) fn decode_rest(xid: Xid, rest: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("bundle add", rest);
        let id = BundleId(reader.u32()?);
        reader.skip(2)?;
        let flags = BundleFlags(reader.u16()?);
        let (inner_xid, message) = Message::decode_in_bundle(reader.rest())?;
        if inner_xid != xid {
            return Err(DecodeError::BadValue {
                what: "xid of the message in a bundle add",
                value: inner_xid.0.into(),
            });
        }
        Ok(Self { id, flags, message: Box::new(message) })
    }
}

/// Appends a whole message that puts another one into a bundle; `inner` writes that one, under the same xid.
pub(super) fn put_add(
    out: &mut BytesMut,
    (id, flags, xid): (BundleId, BundleFlags, Xid),
    inner: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    put_framed(out, "bundle add", (VERSION_1_3, kind::EXPERIMENTER, xid), |out| {
        put_add_head(out, id, flags);
        inner(out)
    })
}

/// What stands before the message.
fn put_add_head(out: &mut BytesMut, id: BundleId, flags: BundleFlags) {
    out.put_u32(ONF);
    out.put_u32(ADD);
    out.put_u32(id.0);
    put_padding(out, 2);
    out.put_u16(flags.0);
}
