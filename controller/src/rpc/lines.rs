//! Lines as they come over a socket, whatever is in them.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, LinesCodec, LinesCodecError};

/// What stood before an end of line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Text.
    Text(String),
    /// Bytes that are no UTF-8.
    Garbled,
    /// More bytes than are read; its end has not come yet.
    Long,
}

/// Cuts a stream into lines. What a client had not finished to write when it went is no line.
#[derive(Debug)]
pub(super) struct Lines(LinesCodec);

impl Default for Lines {
    fn default() -> Self {
        Self(LinesCodec::new_with_max_length(MAX_LINE))
    }
}

impl Decoder for Lines {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        match self.0.decode(buffer) {
            Ok(line) => Ok(line.map(Line::Text)),
            Err(LinesCodecError::MaxLineLengthExceeded) => Ok(Some(Line::Long)),
            Err(LinesCodecError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(Line::Garbled)),
            Err(LinesCodecError::Io(error)) => Err(error),
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        let line = self.decode(buffer)?;
        if line.is_none() {
            buffer.clear();
        }
        Ok(line)
    }
}

/// The longest line that is read, in bytes without its end: 1 MiB. What is longer comes in parts.
pub(crate) const MAX_LINE: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a stream that comes in pieces and then ends.
    fn lines(pieces: &[&[u8]]) -> Vec<Line> {
        let (mut decoder, mut buffer, mut lines) = (Lines::default(), BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(line) = decoder.decode(&mut buffer).unwrap() {
                lines.push(line);
            }
        }
        while let Some(line) = decoder.decode_eof(&mut buffer).unwrap() {
            lines.push(line);
        }
        lines
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn a_line_may_come_in_pieces_and_the_last_must_end() {
        assert_eq!(lines(&[b"a", b"b\nc\r\n\nd"]), [text("ab"), text("c"), text("")]);
    }

    #[test]
    fn bytes_that_are_no_text_cost_their_own_line_only() {
        assert_eq!(lines(&[b"a\n\xff\xfe\nb\n\xff"]), [text("a"), Line::Garbled, text("b")]);
    }

    #[test]
    fn a_line_of_the_longest_length_is_read_and_a_longer_one_named() {
        let longest = "x".repeat(MAX_LINE);
        assert_eq!(lines(&[longest.as_bytes(), b"\na\n"]), [text(&longest), text("a")]);
        assert_eq!(lines(&[longest.as_bytes(), b"x", b"more", b"\na\n"]), [Line::Long, text("a")]);
        assert_eq!(lines(&[longest.as_bytes(), b"x"]), [Line::Long]);
    }
}
