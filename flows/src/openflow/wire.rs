//! Reading and writing big-endian bytes, with lengths patched after the body.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};

/// Reads one object from the front of a slice; every failure names that object.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    /// What was not read yet, without reading it.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What was not read yet, copied.
    pub(crate) fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self.rest)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Short { what: self.what })?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Short { what: self.what })?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn skip(&mut self, len: usize) -> Result<(), DecodeError> {
        self.bytes(len).map(drop)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A text that ends at the first zero byte of a field of `len` bytes, or one byte before its end.
    ///
    /// Bytes that are no UTF-8 are replaced; what no longer fits then is left out, so that the text can be written again.
    pub(super) fn text(&mut self, len: usize) -> Result<String, DecodeError> {
        let field = self.bytes(len)?;
        let text = field.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(fitting(&String::from_utf8_lossy(text), len).to_owned())
    }

    /// An object that begins with its type and its length (which counts these four bytes too):
    /// the type, the whole object, and a reader of what follows the length.
    pub(crate) fn tlv(&mut self, what: &'static str) -> Result<(u16, &'a [u8], Reader<'a>), DecodeError> {
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

/// Writes a property: type, length without padding, value, padding.
pub(super) fn put_property(out: &mut BytesMut, what: &'static str, kind: u16, value: &[u8]) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u16(kind);
    out.put_u16(0);
    out.put_slice(value);
    let len = out.len() - start;
    patch_len(out, what, start + 2, len)?;
    put_padding(out, padding_to_8(len));
    Ok(())
}

/// Writes a text into a field of `len` bytes, at least one zero byte behind it; what does not fit is left out.
pub(super) fn put_text(out: &mut BytesMut, text: &str, len: usize) {
    let text = fitting(text.split('\0').next().unwrap_or_default(), len);
    out.put_slice(text.as_bytes());
    put_padding(out, len.saturating_sub(text.len()));
}

/// The beginning of a text that leaves room for a zero byte in a field of `len` bytes.
fn fitting(text: &str, len: usize) -> &str {
    let longest = text.len().min(len.saturating_sub(1));
    (0..=longest).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Writes `len` zero bytes.
pub(crate) fn put_padding(out: &mut BytesMut, len: usize) {
    out.put_bytes(0, len);
}

/// How many bytes bring `len` to a multiple of eight.
pub(crate) const fn padding_to_8(len: usize) -> usize {
    len.next_multiple_of(8) - len
}

/// Writes `len` over the two bytes at `at`, which were written before.
pub(crate) fn patch_len(out: &mut BytesMut, what: &'static str, at: usize, len: usize) -> Result<(), EncodeError> {
    let short = u16::try_from(len).map_err(|_| EncodeError::TooLong { what, len })?;
    let place = out.get_mut(at..at + 2).expect("a length is patched where its place was written");
    place.copy_from_slice(&short.to_be_bytes());
    Ok(())
}

/// Writes an object that begins with its type and its length and is padded to eight bytes, padding counted in.
pub(crate) fn put_tlv(
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a field of so many bytes holds once it was read, and that it is the same when it was written.
    fn check(field: &[u8], text: &str) {
        assert_eq!(Reader::new("text", field).text(field.len()).as_deref(), Ok(text));
        let mut again = BytesMut::new();
        put_text(&mut again, text, field.len());
        assert_eq!(again.len(), field.len());
        assert_eq!(Reader::new("text", &again).text(field.len()).as_deref(), Ok(text));
    }

    #[test]
    fn a_text_that_was_read_can_be_written() {
        check(b"br-ex\0\0\0", "br-ex");
        check(b"br-ex\0gb", "br-ex");
        check(b"\0\0\0\0", "");
        // No zero byte at all.
        check(b"12345678", "1234567");
        // No UTF-8: the replacement has three bytes, of which only whole ones fit.
        check(b"\xff\xff\xff\xff", "\u{fffd}");
        check("über".as_bytes(), "übe");
        check(b"", "");
    }
}
