//! The first message of either side: which versions it speaks.

use buoy_topology::Dialect;
use bytes::{BufMut, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::header::{VERSION_1_0, VERSION_1_3};
use super::wire::{Reader, padding_to_8, patch_len, put_padding};

const ELEMENT_VERSION_BITMAP: u16 = 1;

/// The versions that one side offers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The version in the header: the highest one offered.
    pub version: u8,
    /// One bit for each version, the lowest bit of the first word being version 0; older switches send none.
    pub bitmap: Option<Vec<u32>>,
}

impl Hello {
    /// What Buoy offers: 1.3, and 1.0 for old bridges.
    pub fn ours() -> Self {
        Self { version: VERSION_1_3, bitmap: Some(vec![1 << VERSION_1_3 | 1 << VERSION_1_0]) }
    }

    /// Whether the sender speaks this version: one without a bitmap speaks all up to its header's.
    pub fn supports(&self, version: u8) -> bool {
        match &self.bitmap {
            None => (VERSION_1_0..=self.version).contains(&version),
            Some(words) => {
                let (word, bit) = (usize::from(version / 32), version % 32);
                words.get(word).is_some_and(|word| word >> bit & 1 == 1)
            }
        }
    }

    /// What is spoken with the sender; none where that is nothing we know. One without a bitmap expects the lower of the
    /// two headers' versions, so that 1.0 is agreed upon only where it offers nothing newer.
    pub fn dialect(&self) -> Option<Dialect> {
        let agrees_on_1_0 = self.bitmap.is_some() || self.version == VERSION_1_0;
        if self.supports(VERSION_1_3) {
            Some(Dialect::OpenFlow13)
        } else {
            (agrees_on_1_0 && self.supports(VERSION_1_0)).then_some(Dialect::OpenFlow10)
        }
    }

    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let Some(words) = &self.bitmap else { return Ok(()) };
        let start = out.len();
        out.put_u16(ELEMENT_VERSION_BITMAP);
        out.put_u16(0);
        words.iter().for_each(|&word| out.put_u32(word));
        // Padding is not counted in an element's length.
        let len = out.len() - start;
        patch_len(out, "hello version bitmap", start + 2, len)?;
        put_padding(out, padding_to_8(len));
        Ok(())
    }

    /// Reads the elements; what comes after a broken one is left out, for a hello must never be a reason to part.
    pub(crate) fn decode_body(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut bitmap = None;
        let mut reader = Reader::new("hello", body);
        while !reader.is_empty() {
            let Ok((kind, whole, mut element)) = reader.tlv("hello element") else { break };
            if kind == ELEMENT_VERSION_BITMAP && bitmap.is_none() {
                if element.is_empty() || !element.len().is_multiple_of(4) {
                    return Err(DecodeError::BadLength { what: "hello version bitmap", len: whole.len() });
                }
                let mut words = Vec::new();
                while !element.is_empty() {
                    words.push(element.u32()?);
                }
                bitmap = Some(words);
            }
            if reader.skip(padding_to_8(whole.len())).is_err() {
                break;
            }
        }
        Ok(Self { version, bitmap })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bitmap_means_everything_up_to_the_header() {
        let hello = Hello { version: 6, bitmap: None };
        let spoken: Vec<u8> = (0..=255).filter(|&version| hello.supports(version)).collect();
        assert_eq!(spoken, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn newest_version_of_both_sides_is_spoken() {
        let check = |version, bitmap: Option<u32>, dialect| {
            assert_eq!(
                Hello { version, bitmap: bitmap.map(|word| vec![word]) }.dialect(),
                dialect,
                "{version} {bitmap:?}"
            );
        };
        check(6, None, Some(Dialect::OpenFlow13));
        check(4, Some(1 << 1 | 1 << 4), Some(Dialect::OpenFlow13));
        check(1, None, Some(Dialect::OpenFlow10));
        check(2, Some(1 << 1 | 1 << 2), Some(Dialect::OpenFlow10));
        check(6, Some(1 << 1 | 1 << 6), Some(Dialect::OpenFlow10));
        check(2, None, None);
        check(6, Some(1 << 6), None);
    }

    #[test]
    fn bitmap_outranks_the_header() {
        let hello = Hello { version: 6, bitmap: Some(vec![1 << 1 | 1 << 6, 1]) };
        let spoken: Vec<u8> = (0..=255).filter(|&version| hello.supports(version)).collect();
        assert_eq!(spoken, [1, 6, 32]);
    }
}
