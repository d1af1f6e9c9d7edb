//! The Internet checksum (RFC 1071) and its change word by word (RFC 1624).

/// The checksum of bytes whose own checksum field is zero.
pub(super) fn of(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks();
    let last = rest.first().map(|byte| u32::from(*byte) << 8);
    let sum = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).chain(last).sum();
    !folded(sum)
}

/// The checksum after one word of what it covers has changed (RFC 1624, equation 3).
pub(super) fn changed(checksum: u16, old: u16, new: u16) -> u16 {
    !folded(u32::from(!checksum) + u32::from(!old) + u32::from(new))
}

fn folded(mut sum: u32) -> u16 {
    while let Some(carry) = Some(sum >> 16).filter(|carry| *carry != 0) {
        sum = (sum & 0xffff) + carry;
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}
