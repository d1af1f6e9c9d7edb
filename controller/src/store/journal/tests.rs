use super::*;

fn writes(seed: u8) -> Writes {
    let place = |table, key: &[u8]| Place { table, key: key.to_vec() };
    Writes::from([
        (place(Table::FloatingIps, &[198, 51, 100, seed]), Some(vec![seed; usize::from(seed) * 30])),
        (place(Table::Pools, b"public"), None),
        (place(Table::Meta, b"state"), Some(b"{}".to_vec())),
        (place(Table::Learnt, &[0xff; 8]), Some(vec![])),
    ])
}

/// A journal that goes on from commit 9, with these commits; behind it stands what there was before.
fn journal(numbers: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut bytes: Vec<u8> = numbers.into_iter().flat_map(|n| encode(CommitNo(n.into()), 77, &writes(n))).collect();
    bytes.extend((1..9).flat_map(|n| encode(CommitNo(n), 77, &writes(1))));
    bytes.extend([0; 10_000]);
    bytes
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.records.iter().map(|record| record.number.0).collect()
}

#[test]
fn records_are_read_back() {
    let found = read(&journal(10..=200), CommitNo(9));
    assert_eq!(found.gap, None);
    let expected: Vec<_> =
        (10..=200).map(|n| Record { number: CommitNo(n.into()), before: 77, writes: writes(n) }).collect();
    assert_eq!(found.records, expected);
    assert!(found.records.iter().all(|record| record.after() == Some(crc32fast::hash(b"{}"))));
}

#[test]
fn the_length_is_known_before() {
    for n in 0..=255 {
        assert_eq!(encoded_len(&writes(n)), encode(CommitNo(1), 77, &writes(n)).len(), "{n}");
    }
}

#[test]
fn nothing_is_read_of_an_empty_journal_or_one_of_before() {
    for bytes in [vec![], vec![0; 100_000], journal([])] {
        assert_eq!(read(&bytes, CommitNo(9)), Journal::default());
    }
}

#[test]
fn a_torn_last_record_is_cut_off() {
    let begins = encode(CommitNo(10), 77, &writes(10)).len();
    let new = encode(CommitNo(11), 77, &writes(200));
    assert!(new.len() > BLOCK, "it can be torn between blocks");
    let mut before = journal([10]);
    before.resize(begins + new.len() + 50_000, 0);
    // The disk has its front, or its end, up to anywhere.
    for torn in (0..=new.len()).step_by(7).chain([new.len()]) {
        let (mut front, mut end) = (before.clone(), before.clone());
        front[begins..begins + torn].copy_from_slice(&new[..torn]);
        end[begins + torn..begins + new.len()].copy_from_slice(&new[torn..]);
        for bytes in [front, end] {
            let is_whole = bytes[begins..].starts_with(&new);
            let found = read(&bytes, CommitNo(9));
            assert_eq!(numbers(&found), if is_whole { vec![10, 11] } else { vec![10] }, "{torn}");
            assert_eq!(found.gap, None, "{torn}");
        }
    }
}

#[test]
fn a_record_that_is_damaged_before_others_is_noticed() {
    let whole = journal(10..=15);
    let begins: Vec<_> = (10..=15).map(|n| encode(CommitNo(n.into()), 77, &writes(n)).len()).collect();
    let begin = |n: usize| begins[..n].iter().sum::<usize>();
    for nth in 0..6 {
        let record = encode(CommitNo(0), 77, &writes(10 + u8::try_from(nth).unwrap()));
        let used = record.iter().rposition(|b| *b != 0).unwrap();
        for bit in (0..used * 8).step_by(3) {
            let mut bent = whole.clone();
            bent[begin(nth) + bit / 8] ^= 1 << (bit % 8);
            let found = read(&bent, CommitNo(9));
            let number = 10 + u64::try_from(nth).unwrap();
            assert_eq!(numbers(&found), (10..number).collect::<Vec<_>>(), "record {nth}, bit {bit}");
            let expected = (nth < 5).then_some((CommitNo(number), CommitNo(15)));
            assert_eq!(found.gap, expected, "record {nth}, bit {bit}");
        }
    }
}

/// No buoyd wrote it, or one with other tables: that is not what a torn write leaves.
#[test]
fn a_whole_record_that_is_not_understood_is_noticed() {
    let whole = journal(10..=12);
    let begin = encode(CommitNo(10), 77, &writes(10)).len() + encode(CommitNo(11), 77, &writes(11)).len();
    let head = Header::parse(whole[begin..].first_chunk().unwrap()).unwrap();
    let body = begin + HEADER_LEN..begin + HEADER_LEN + usize::try_from(head.len).unwrap();
    for at in [0, 1] {
        let mut bent = whole.clone();
        bent[body.start + at] ^= 0x20;
        let crc = crc32fast::hash(&bent[body.clone()]);
        bent[begin..begin + HEADER_LEN].copy_from_slice(&Header { crc, ..head }.bytes());
        let found = read(&bent, CommitNo(9));
        assert_eq!((numbers(&found), found.foreign), (vec![10, 11], Some(CommitNo(12))), "{at}");
    }
    assert_eq!(read(&whole, CommitNo(9)).foreign, None);
}

#[test]
fn a_number_before_the_journal_shows_that_something_is_missing() {
    let found = read(&journal(10..=15), CommitNo(7));
    assert_eq!((numbers(&found), found.gap), (vec![], Some((CommitNo(8), CommitNo(15)))));
}
