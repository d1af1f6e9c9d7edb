//! Reading and writing big-endian bytes, with lengths patched after the body.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};

/// Reads one object from the front of a slice; every failure names that object.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.rest.len()
    }

    /// What was not read yet, without reading it.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What was not read yet, copied.
    pub(super) fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self.rest)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Short { what: self.what })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Short { what: self.what })?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<(), DecodeError> {
        self.bytes(len).map(drop)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// An object that begins with its type and its length (which counts these four bytes too):
    /// the type, the whole object, and a reader of what follows the length.
    pub(super) fn tlv(&mut self, what: &'static str) -> Result<(u16, &'a [u8], Reader<'a>), DecodeError> {
        let mut head = Reader::new(what, self.rest);
        let kind = head.u16()?;
        let len = usize::from(head.u16()?);
        if len < 4 {
            return Err(DecodeError::BadLength { what, len });
        }
        let whole = Reader::new(what, self.rest).bytes(len)?;
        self.skip(len)?;
        let mut body = Reader::new(what, whole);
        body.skip(4)?;
        Ok((kind, whole, body))
    }
}

/// Writes `len` zero bytes.
pub(super) fn put_padding(out: &mut BytesMut, len: usize) {
    out.put_bytes(0, len);
}

/// How many bytes bring `len` to a multiple of eight.
pub(super) const fn padding_to_8(len: usize) -> usize {
    len.next_multiple_of(8) - len
}

/// Writes `len` over the two bytes at `at`, which were written before.
pub(super) fn patch_len(out: &mut BytesMut, what: &'static str, at: usize, len: usize) -> Result<(), EncodeError> {
    let short = u16::try_from(len).map_err(|_| EncodeError::TooLong { what, len })?;
    let place = out.get_mut(at..at + 2).expect("a length is patched where its place was written");
    place.copy_from_slice(&short.to_be_bytes());
    Ok(())
}

/// Writes an object that begins with its type and its length and is padded to eight bytes, padding counted in.
pub(super) fn put_tlv(
    out: &mut BytesMut,
    what: &'static str,
    kind: u16,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    body(out)?;
    put_padding(out, padding_to_8(out.len() - start));
    let len = out.len() - start;
    patch_len(out, what, start + 2, len)
}
