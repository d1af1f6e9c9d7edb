//! Errors that a router answers a packet with (RFC 792; RFC 1812, section 4.3.2).

use std::net::Ipv4Addr;

use buoy_topology::MacAddr;

use super::checksum;
use super::header::{CHECKSUM, ETHERNET, Header, ICMP, LEAST, set_word, word};

/// What is wrong with the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Its time to live is over.
    TimeExceeded,
    /// It is longer than the next link takes, which is so many bytes, and forbids fragments (RFC 1191, section 4).
    FragmentationNeeded(u16),
}

impl ErrorKind {
    /// Type and code.
    fn numbers(self) -> (u8, u8) {
        match self {
            Self::TimeExceeded => (11, 0),
            Self::FragmentationNeeded(_) => (3, 4),
        }
    }

    /// What stands in the last two bytes before the quoted packet.
    fn argument(self) -> u16 {
        match self {
            Self::TimeExceeded => 0,
            Self::FragmentationNeeded(mtu) => mtu,
        }
    }
}

/// The frame that tells the sender of another one what was wrong with it. It goes to the MAC that the packet came from,
/// and comes from the MAC that it was sent to. Nothing where there must be no error: about errors, later fragments, and
/// packets that are to or from a group or nobody (RFC 1812, section 4.3.2.7).
pub fn error(frame: &[u8], kind: ErrorKind, from: Ipv4Addr) -> Option<Vec<u8>> {
    let header = Header::at(frame, ETHERNET).filter(|_| word(frame, 12) == Some(0x0800))?;
    let (source, destination) = (header.source(frame)?, header.destination(frame)?);
    let to_mac = MacAddr::new(*frame.get(..6)?.first_chunk()?);
    let from_mac = MacAddr::new(*frame.get(6..12)?.first_chunk()?);
    let is_error = header.protocol(frame) == Some(ICMP) && !is_question(*frame.get(header.end())?);
    let is_nobody = source.is_unspecified() || source.is_multicast() || source.is_broadcast() || source.is_loopback();
    let is_group = destination.is_multicast() || destination.is_broadcast() || !to_mac.is_unicast();
    if is_error || is_nobody || is_group || !header.is_first(frame) {
        return None;
    }
    let end = (header.at + header.total_len(frame)?).min(frame.len()).min(header.at + QUOTED);
    let quoted = frame.get(header.at..end).filter(|quoted| quoted.len() >= header.len)?;

    let mut icmp = vec![0; 8];
    let (number, code) = kind.numbers();
    icmp.splice(..2, [number, code]);
    set_word(&mut icmp, 6, kind.argument());
    icmp.extend_from_slice(quoted);
    let sum = checksum::of(&icmp);
    set_word(&mut icmp, 2, sum);

    let total_len = u16::try_from(LEAST + icmp.len()).ok()?;
    // Precedence 6, internetwork control (RFC 1812, section 4.3.2.5).
    let mut ip = vec![0x45, 0xc0, 0, 0, 0, 0, 0, 0, TIME_TO_LIVE, ICMP, 0, 0];
    ip.extend(from.octets());
    ip.extend(source.octets());
    set_word(&mut ip, 2, total_len);
    let sum = checksum::of(&ip);
    set_word(&mut ip, CHECKSUM, sum);
    Some([&from_mac.octets()[..], &to_mac.octets(), &[0x08, 0x00], &ip, &icmp].concat())
}

/// Messages that are no errors: echo, router discovery, timestamps (RFC 792, RFC 1256). What is unknown might be one.
fn is_question(icmp_type: u8) -> bool {
    matches!(icmp_type, 0 | 8 | 9 | 10 | 13 | 14 | 15 | 16)
}

/// How much of a packet is quoted: the error has 576 bytes at most (RFC 1812, section 4.3.2.3).
const QUOTED: usize = 576 - LEAST - 8;
const TIME_TO_LIVE: u8 = 64;
