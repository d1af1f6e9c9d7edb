//! The envelope around each stored value: what shows that the value is whole and stands where it belongs.
//!
//! ```text
//!  0      1        2           6          10
//! +------+--------+-----------+----------+-------------------------+
//! | 0x42 | format | length BE | crc32 BE | the first 4,096 bytes   |     at KEY
//! +------+--------+-----------+----------+-------------------------+
//!                                        | the next 4,096 bytes    |     at KEY 0x00 0x00000001
//!                                        +-------------------------+     and so on
//! ```
//!
//! A long value is cut into parts because sled moves a page above 128 KiB (17 values) into a file of its own, which it
//! never syncs.

use super::table::Place;

/// What stands before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    len: u32,
    crc: u32,
}

impl Header {
    /// The header of a value at a place.
    pub(super) fn of(place: &Place, value: &[u8]) -> Self {
        let len = u32::try_from(value.len()).expect("a record has less than 4 GiB");
        Self { len, crc: checksum(place, value) }
    }

    /// Reads the header in front of a value's first part.
    pub(super) fn parse(stored: &[u8]) -> Result<(Self, &[u8]), EnvelopeError> {
        let Some(([magic, format, l0, l1, l2, l3, c0, c1, c2, c3], part)) = stored.split_first_chunk() else {
            return Err(EnvelopeError::Short);
        };
        if (*magic, *format) != (MAGIC, FORMAT) {
            return Err(EnvelopeError::Format);
        }
        let len = u32::from_be_bytes([*l0, *l1, *l2, *l3]);
        Ok((Self { len, crc: u32::from_be_bytes([*c0, *c1, *c2, *c3]) }, part))
    }

    /// Whether this is the value that was stored at the place.
    pub(super) fn check(self, place: &Place, value: &[u8]) -> Result<(), EnvelopeError> {
        if u32::try_from(value.len()) != Ok(self.len) {
            return Err(EnvelopeError::Length);
        }
        if checksum(place, value) != self.crc {
            return Err(EnvelopeError::Checksum);
        }
        Ok(())
    }

    /// What the value adds to its table's tally: the checksum and the length, well mixed (splitmix64), so that sums of
    /// different values differ.
    pub(super) fn weight(self) -> u64 {
        let mut word = (u64::from(self.crc) << 32 | u64::from(self.len)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// The sled keys under which parts after the first are stored.
    pub(super) fn further_keys(self, key: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        let last = self.len.saturating_sub(1) / PART_LEN;
        (1..=last).map(|part| further_key(key, part))
    }

    /// The bytes in front of the first part.
    fn bytes(self) -> [u8; 10] {
        let [l0, l1, l2, l3] = self.len.to_be_bytes();
        let [c0, c1, c2, c3] = self.crc.to_be_bytes();
        [MAGIC, FORMAT, l0, l1, l2, l3, c0, c1, c2, c3]
    }
}

/// The sled keys and values that a value at a place is stored as.
pub(super) fn seal(place: &Place, value: &[u8]) -> (Header, Vec<Part>) {
    let header = Header::of(place, value);
    let part_len = usize::try_from(PART_LEN).expect("usize has at least 32 bits");
    let (first, rest) = value.split_at(value.len().min(part_len));
    let mut parts = vec![(place.key.clone(), [&header.bytes(), first].concat())];
    parts.extend(header.further_keys(&place.key).zip(rest.chunks(part_len).map(<[u8]>::to_vec)));
    (header, parts)
}

/// A key and a value of sled's.
type Part = (Vec<u8>, Vec<u8>);

/// The key of a part after the first.
fn further_key(key: &[u8], part: u32) -> Vec<u8> {
    [key, &[0x00], &part.to_be_bytes()].concat()
}

/// The checksum covers the table and the key, so that a value in a wrong place is noticed.
fn checksum(place: &Place, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for bytes in [place.table.name().as_bytes(), &[0x00], &place.key, &[0x00], value] {
        hasher.update(bytes);
    }
    hasher.finalize()
}

/// Why a value is not what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EnvelopeError {
    /// Less than a header.
    #[error("it is too short")]
    Short,
    /// The first bytes are not ours.
    #[error("its format is unknown")]
    Format,
    /// Parts are missing or too many.
    #[error("its length is wrong")]
    Length,
    /// The bytes changed.
    #[error("its checksum is wrong")]
    Checksum,
}

const MAGIC: u8 = 0x42;
const FORMAT: u8 = 0x01;
const PART_LEN: u32 = 4_096;

#[cfg(test)]
mod tests {
    use super::super::table::Table;
    use super::*;

    fn place() -> Place {
        Place { table: Table::Pools, key: b"public".into() }
    }

    #[test]
    fn value_is_cut_where_a_part_is_full() {
        for (len, parts) in [(0, 1), (1, 1), (4_096, 1), (4_097, 2), (8_192, 2), (8_193, 3)] {
            let value: Vec<u8> = (0..len).map(|i: u32| i.to_be_bytes()[3]).collect();
            let (header, sealed) = seal(&place(), &value);
            assert_eq!(sealed.len(), parts, "{len} bytes");
            let (read, first) = Header::parse(&sealed[0].1).unwrap();
            assert_eq!(read, header, "{len} bytes");
            let whole = sealed[1..].iter().fold(first.to_vec(), |whole, (_, part)| [whole, part.clone()].concat());
            assert_eq!(whole, value, "{len} bytes");
            assert_eq!(read.check(&place(), &whole), Ok(()), "{len} bytes");
        }
    }

    #[test]
    fn further_parts_sort_right_behind_the_first() {
        let (header, _) = seal(&place(), &[0; 20_000]);
        let keys: Vec<_> = header.further_keys(b"public").collect();
        assert!(keys.is_sorted());
        assert!(b"public".as_slice() < keys[0].as_slice() && keys[3].as_slice() < b"public.".as_slice());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (_, sealed) = seal(&place(), b"198.51.100.4");
        let stored = &sealed[0].1;
        for bit in 0..stored.len() * 8 {
            let mut bent = stored.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let read = Header::parse(&bent).and_then(|(header, value)| header.check(&place(), value));
            assert!(read.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn value_in_a_wrong_place_is_noticed() {
        let (header, _) = seal(&place(), b"value");
        let elsewhere = [
            Place { table: Table::Networks, key: b"public".into() },
            Place { table: Table::Pools, key: b"publicv".into() },
        ];
        for place in elsewhere {
            assert_eq!(header.check(&place, b"value"), Err(EnvelopeError::Checksum), "{place}");
        }
    }

    #[test]
    fn too_short_for_a_header_is_refused() {
        assert_eq!(Header::parse(&[MAGIC, FORMAT, 0, 0, 0, 0, 0, 0, 0]), Err(EnvelopeError::Short));
    }
}
