//! What is written is read again, whatever it is; what comes in never does harm, and is read again once it was written.

use buoy_flows::openflow::{Action, EncodeError, Match, Message, Xid};
use bytes::BytesMut;
use proptest::prelude::*;

mod generate;
mod messages;

fn encode(xid: Xid, message: &Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(xid, &mut bytes).unwrap_or_else(|error| panic!("{error}: {message:?}"));
    bytes
}

/// What can be read has a text, and is read to the same once it was written.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok((xid, message)) = Message::decode(bytes) else { return Ok(()) };
    prop_assert!(!message.with_xid(xid).to_string().is_empty());
    let mut again = BytesMut::new();
    match message.encode(xid, &mut again) {
        Ok(()) => prop_assert_eq!(Message::decode(&again), Ok((xid, message))),
        // A field may have a longer name in the form that OVS answers in.
        Err(EncodeError::TooLong { .. }) => {}
        Err(error) => prop_assert!(false, "{}: {:?}", error, message),
    }
    Ok(())
}

/// Writes the length of the whole message into its header.
fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("it is no longer than a message can be");
    if let Some(place) = bytes.get_mut(2..4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

proptest! {
    #[test]
    fn every_message_is_read_as_it_was_written(xid: u32, message in messages::message()) {
        let bytes = encode(Xid(xid), &message);
        prop_assert_eq!(Message::decode(&bytes), Ok((Xid(xid), message.clone())));
        prop_assert!(!message.with_xid(Xid(xid)).to_string().is_empty());
        prop_assert!(!message.name().is_empty());
    }

    #[test]
    fn a_message_that_was_changed_anywhere_does_no_harm(
        message in messages::message(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = encode(Xid(1), &message).to_vec();
        for (place, value) in changes {
            let at = place.index(message_len(&bytes));
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        check(&bytes)?;
        check(&with_length(bytes))?;
    }

    #[test]
    fn random_bytes_do_no_harm(version in 0_u8..7, kind in 0_u8..36, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&with_length([&[version, kind, 0, 0, 0, 0, 0, 1], &body[..]].concat()))?;
        let _ = Match::decode_oxm(&body);
        let _ = Action::decode_list(&body);
    }

    #[test]
    fn a_length_that_lies_makes_nothing_longer_than_the_bytes_that_are_there(
        message in messages::message(),
        place in any::<prop::sample::Index>(),
    ) {
        let bytes = encode(Xid(1), &message).to_vec();
        let at = place.index(message_len(&bytes));
        for claim in [[0xff, 0xff], [0xff, 0xf8], [0x00, 0x00], [0x00, 0x08]] {
            let mut lying = bytes.clone();
            if let Some(place) = lying.get_mut(at..at + 2) {
                place.copy_from_slice(&claim);
            }
            check(&lying)?;
            check(&with_length(lying))?;
        }
    }
}

/// How many bytes there are to choose from; never none.
fn message_len(bytes: &[u8]) -> usize {
    bytes.len().max(1)
}

#[test]
fn a_bundle_message_in_a_bundle_is_kept_whole() {
    let control = [4, 4, 0, 24, 0, 0, 0, 1, b'O', b'N', b'F', 0, 0, 0, 0x08, 0xfc, 0, 0, 0, 9, 0, 0, 0, 1];
    let head = [4, 4, 0, 48, 0, 0, 0, 1, b'O', b'N', b'F', 0, 0, 0, 0x08, 0xfd, 0, 0, 0, 9, 0, 0, 0, 1];
    let add = [head, control].concat();
    let (xid, message) = Message::decode(&add).expect("it is understood");
    let Message::BundleAdd(outer) = &message else { panic!("{message:?}") };
    assert!(matches!(*outer.message, Message::Experimenter(_)), "{message:?}");
    assert_eq!(encode(xid, &message), add);
}

#[test]
fn actions_in_actions_are_read_to_a_bounded_depth() {
    // Each clone has 16 bytes of its own.
    let mut actions = Vec::new();
    for depth in 1..=4_000_u16 {
        let length = (depth * 16).to_be_bytes();
        let head = [0xff, 0xff, length[0], length[1], 0, 0, 0x23, 0x20, 0, 42, 0, 0, 0, 0, 0, 0];
        actions.splice(0..0, head);
    }
    let read = Action::decode_list(&actions).expect("what is too deep is kept whole");
    let mut again = BytesMut::new();
    Action::encode_list(&read, &mut again).expect("it can be written");
    assert_eq!(again, actions);
    assert!(read.iter().all(|action| action.to_string().contains("raw(clone):")));
}

/// Where the decoder sizes memory, it does so by bytes that are there, never by a number out of them.
#[test]
fn nothing_is_sized_by_a_number_from_the_wire() {
    let mut found = Vec::new();
    let mut rest = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openflow")];
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(std::fs::read_dir(&path).expect("it is there").map(|entry| entry.expect("a file").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("it is text");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let sized = ["with_capacity", ".reserve(", ".resize", "vec![0", "vec![None", "repeat_n"];
        found.extend(
            code.lines().filter(|line| sized.iter().any(|word| line.contains(word))).map(str::trim).map(String::from),
        );
    }
    found.sort();
    assert_eq!(found, SIZED);
}

/// The frame reserves for one message, at most 65,535 bytes; what is read only in one form is written again, into as many
/// bytes as it was read from.
const SIZED: [&str; 3] = [
    "buf.reserve(length - buf.len());",
    "let mut again = BytesMut::with_capacity(rest.len());",
    "let mut again = BytesMut::with_capacity(whole.len());",
];
