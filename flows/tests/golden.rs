//! Messages that Open vSwitch and ovs-ofctl made (`flows/tests/golden`, each under its command) are read, written back to
//! the same bytes, and printed under their names.

use std::collections::BTreeSet;
use std::path::Path;

use buoy_flows::openflow::{Action, Instruction, MatchField, Message, MultipartReplyBody, MultipartRequestBody};
use bytes::BytesMut;

/// A message, and the command that it was heard of.
struct Golden {
    command: String,
    frame: Vec<u8>,
}

/// All messages of a file.
fn read(name: &str) -> Vec<Golden> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut command = String::new();
    let mut messages = Vec::new();
    for line in text.lines() {
        match line.split_at_checked(2) {
            Some(("$ ", rest)) => command = rest.to_owned(),
            Some(("> " | "< ", hex)) => messages.push(Golden { command: command.clone(), frame: bytes(hex) }),
            _ => {}
        }
    }
    assert!(messages.len() > 50, "{name} has only {} messages", messages.len());
    messages
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit")).collect();
    let (pairs, []) = digits.as_chunks::<2>() else { panic!("half a byte: {hex}") };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).expect("a byte")).collect()
}

#[test]
fn golden_messages_are_read_and_written_back_to_the_same_bytes() {
    for Golden { command, frame } in ["encoded.txt", "dialogues.txt"].into_iter().flat_map(read) {
        let (xid, message) = Message::decode(&frame).unwrap_or_else(|error| panic!("{command}: {error}"));
        let mut again = BytesMut::new();
        message.encode(xid, &mut again).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(again, frame, "{command}: {message:?}");
        let name = message.openflow_name().unwrap_or_else(|| panic!("{command} has no name: {message:?}"));
        assert!(message.with_xid(xid).to_string().starts_with(name), "{command}: {message}");
    }
}

#[test]
fn no_golden_message_can_be_cut_or_made_longer() {
    for Golden { command, frame } in ["encoded.txt", "dialogues.txt"].into_iter().flat_map(read) {
        for len in 0..frame.len() {
            assert!(Message::decode(&frame[..len]).is_err(), "{command}: {len} bytes of it");
        }
        assert!(Message::decode(&[&frame[..], &[0]].concat()).is_err(), "{command}");
    }
}

#[test]
fn only_what_buoy_neither_sends_nor_acts_on_is_kept_whole() {
    let mut kept = BTreeSet::new();
    for Golden { frame, .. } in ["encoded.txt", "dialogues.txt"].into_iter().flat_map(read) {
        let (_, message) = Message::decode(&frame).expect("it is understood");
        let whole = match &message {
            Message::Other(_) | Message::Experimenter(_) => true,
            Message::MultipartRequest(request) => matches!(request.body, MultipartRequestBody::Other { .. }),
            Message::MultipartReply(reply) => matches!(reply.body, MultipartReplyBody::Other { .. }),
            _ => false,
        };
        if whole {
            kept.insert(message.openflow_name().expect("it has a name"));
        }
    }
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), KEPT);
}

const KEPT: &[&str] = &[
    "NXST_IPFIX_BRIDGE request",
    "NXST_IPFIX_FLOW request",
    "NXT_CT_FLUSH_ZONE",
    "NXT_SET_PACKET_IN_FORMAT",
    "NXT_TLV_TABLE_MOD",
    "NXT_TLV_TABLE_REPLY",
    "NXT_TLV_TABLE_REQUEST",
    "OFPST_AGGREGATE reply",
    "OFPST_AGGREGATE request",
    "OFPST_GROUP reply",
    "OFPST_GROUP request",
    "OFPST_GROUP_DESC reply",
    "OFPST_GROUP_DESC request",
    "OFPST_GROUP_FEATURES reply",
    "OFPST_GROUP_FEATURES request",
    "OFPST_METER reply",
    "OFPST_METER request",
    "OFPST_METER_CONFIG reply",
    "OFPST_METER_CONFIG request",
    "OFPST_PORT reply",
    "OFPST_PORT request",
    "OFPST_QUEUE reply",
    "OFPST_QUEUE request",
    "OFPST_TABLE request",
    "OFPST_TABLE_FEATURES request",
    "OFPT_GROUP_MOD",
    "OFPT_PORT_MOD",
    "OFPT_QUEUE_GET_CONFIG_REPLY",
    "OFPT_QUEUE_GET_CONFIG_REQUEST",
];

#[test]
fn fields_and_actions_of_golden_flows_are_typed_but_for_those_that_are_listed() {
    let (mut fields, mut actions) = (BTreeSet::new(), BTreeSet::new());
    for Golden { frame, .. } in read("encoded.txt") {
        let (_, Message::FlowMod(flow)) = Message::decode(&frame).expect("it is understood") else { continue };
        for field in flow.matching.fields() {
            if let MatchField::Other { .. } = field {
                let text = flow.matching.to_string();
                assert!(!text.contains("0x0001") && !text.contains("0xffff:"), "a field has no name: {text}");
                fields.insert(field.clone());
            }
        }
        for instruction in &flow.instructions {
            assert!(!matches!(instruction, Instruction::Other(_)), "{flow}");
            let (Instruction::ApplyActions(list) | Instruction::WriteActions(list)) = instruction else { continue };
            actions.extend(list.iter().filter(|action| matches!(action, Action::Other(_))).map(|action| {
                let text = action.to_string();
                text.split_once(')').map_or(text.clone(), |(name, _)| name.replace("raw(", ""))
            }));
        }
    }
    assert_eq!(fields.len(), UNTYPED_FIELDS);
    assert_eq!(actions.iter().map(String::as_str).collect::<Vec<_>>(), UNTYPED_ACTIONS);
}

/// Two of tun_metadata, those of NSH, ERSPAN and GTP-U, packet_type, dp_hash; with and without masks.
const UNTYPED_FIELDS: usize = 19;

const UNTYPED_ACTIONS: &[&str] =
    &["bundle", "bundle_load", "dec_nsh_ttl", "decap", "delete_field", "encap", "mod_nw_ttl", "multipath", "sample"];
