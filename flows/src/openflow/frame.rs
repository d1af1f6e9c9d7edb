//! Cuts a byte stream into OpenFlow messages.
//!
//! The header is read through `rust_ofp`, whose version, length and xid are right for every version. A length field
//! has 16 bits, so a frame, and what waits for its end, is bounded by 65,535 bytes.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::header::Header;

/// The stream cannot be cut any further: there is no way to find the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A header claims less than its own eight bytes.
    #[error("openflow header claims a message of {length} bytes")]
    BadLength {
        /// The length that it claims.
        length: usize,
    },
}

/// Takes the first whole message off `buf`; none when its end has not arrived yet.
pub fn split_frame(buf: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
    let Some(header) = buf.first_chunk().copied().map(Header::parse) else {
        return Ok(None);
    };
    let length = header.length;
    if length < Header::LEN {
        return Err(FrameError::BadLength { length });
    }
    if buf.len() < length {
        buf.reserve(length - buf.len());
        return Ok(None);
    }
    Ok(Some(buf.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, len: u16) -> Vec<u8> {
        let mut bytes = vec![0x04, kind];
        bytes.extend(len.to_be_bytes());
        bytes.resize(usize::from(len), kind);
        bytes
    }

    #[test]
    fn header_claiming_less_than_itself_is_refused() {
        for length in 0..8 {
            let mut buf = BytesMut::from(&[4, 0, 0, length, 0, 0, 0, 1][..]);
            assert_eq!(split_frame(&mut buf), Err(FrameError::BadLength { length: length.into() }));
        }
    }

    #[test]
    fn longest_message_and_unknown_types_are_frames() {
        let stream = [frame(200, 65_535), frame(36, 8)].concat();
        let mut buf = BytesMut::from(&stream[..]);
        assert_eq!(split_frame(&mut buf).unwrap().unwrap(), frame(200, 65_535));
        assert_eq!(split_frame(&mut buf).unwrap().unwrap(), frame(36, 8));
        assert_eq!(split_frame(&mut buf), Ok(None));
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_the_stream_was_cut(
            lengths in proptest::collection::vec(8u16..200, 1..20),
            segments in proptest::collection::vec(1usize..40, 1..20),
        ) {
            let sent: Vec<Vec<u8>> = lengths.iter().zip(0u8..).map(|(&len, kind)| frame(kind, len)).collect();
            let stream = sent.concat();
            let mut rest = &stream[..];
            let mut buf = BytesMut::new();
            let mut received = Vec::new();
            for &segment in segments.iter().cycle() {
                let (head, tail) = rest.split_at(segment.min(rest.len()));
                buf.extend_from_slice(head);
                while let Some(frame) = split_frame(&mut buf).unwrap() {
                    received.push(frame.to_vec());
                }
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(received, sent);
            prop_assert!(buf.is_empty());
        }
    }
}
