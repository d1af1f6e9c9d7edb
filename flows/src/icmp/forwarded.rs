//! A packet on its way through us as its sender sent it, for the errors that quote it.

use std::net::Ipv4Addr;

use super::checksum::changed;
use super::header::{CHECKSUM, ETHERNET, Header, SOURCE, UDP, set_word, word};

/// Whether an IPv4 packet must not be cut into fragments (RFC 791, section 3.1).
pub fn forbids_fragments(frame: &[u8]) -> bool {
    Header::at(frame, ETHERNET).and_then(|header| word(frame, header.at + 6)).is_some_and(|flags| flags & 0x4000 != 0)
}

/// The frame of a packet with the source that it had, and with the time to live that one hop took off. The checksums
/// change by what has changed. Nothing where it is no IPv4.
pub fn as_sent(frame: &[u8], source: Ipv4Addr) -> Option<Vec<u8>> {
    let header = Header::at(frame, ETHERNET).filter(|_| word(frame, 12) == Some(0x0800))?;
    let end = (header.at + header.total_len(frame)?).min(frame.len());
    let transport = header.transport_checksum(frame, end);
    let is_udp = header.protocol(frame) == Some(UDP);
    let mut frame = frame.to_vec();
    let hop = word(&frame, header.at + TIME_TO_LIVE)?;
    put(&mut frame, header, TIME_TO_LIVE, hop.saturating_add(0x0100));
    let [a, b, c, d] = source.octets();
    for (at, new) in [(SOURCE, u16::from_be_bytes([a, b])), (SOURCE + 2, u16::from_be_bytes([c, d]))] {
        let old = put(&mut frame, header, at, new)?;
        let Some((at, sum)) = transport.and_then(|at| Some((at, word(&frame, at)?))) else { continue };
        let sum = changed(sum, old, new);
        set_word(&mut frame, at, if is_udp && sum == 0 { 0xffff } else { sum });
    }
    Some(frame)
}

/// Puts a word into the header, whose checksum covers it; gives the word that was there.
fn put(frame: &mut [u8], header: Header, at: usize, new: u16) -> Option<u16> {
    let (old, sum) = (word(frame, header.at + at)?, word(frame, header.at + CHECKSUM)?);
    set_word(frame, header.at + at, new);
    set_word(frame, header.at + CHECKSUM, changed(sum, old, new));
    Some(old)
}

/// Where the word with the time to live and the protocol stands in an IPv4 header.
const TIME_TO_LIVE: usize = 8;
