//! What is refused: each error of the decoder and of the encoder, with bytes and values that bring it about.

use buoy_flows::openflow::{
    Action, BundleAdd, BundleControl, BundleControlKind, BundleFlags, BundleId, CtFlags, CtZone, DecodeError,
    EncodeError, FieldId, FlowMod, FrameError, Hello, Instruction, LearnFlags, LearnSource, LearnSpec, LearnTarget,
    Masked, Match, MatchField, Message, Nat, PacketOut, Xid, split_frame,
};
use buoy_flows::openflow::{BufferId, Cookie, Ct, Learn, TableId};
use buoy_topology::{MacAddr, PortNo};
use bytes::{Bytes, BytesMut};

/// A whole message of OpenFlow 1.3 with a right length.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(8 + body.len()).expect("it is short").to_be_bytes();
    [&[4, kind, high, low, 0, 0, 0, 1], body].concat()
}

#[test]
fn messages_that_make_no_sense_are_refused_with_what_is_wrong() {
    let check = |frame: &[u8], error: DecodeError| assert_eq!(Message::decode(frame), Err(error), "{frame:02x?}");
    let short = |what| DecodeError::Short { what };
    let length = |what, len| DecodeError::BadLength { what, len };
    let value = |what, value| DecodeError::BadValue { what, value };

    check(b"\x04\x00\x00", short("message"));
    check(b"\x04\x00\x00\x09\x00\x00\x00\x01", short("message"));
    check(b"\x04\x00\x00\x07\x00\x00\x00\x01", length("message", 7));
    check(b"\x04\x00\x00\x08\x00\x00\x00\x01\x00", length("message", 8));
    check(&frame(1, &[0]), short("error"));
    check(&frame(0, &[0, 1, 0, 5, 9]), length("hello version bitmap", 5));
    check(&frame(4, &[0, 0, 0x23]), short("experimenter message"));
    check(&frame(6, &[0; 8]), short("features reply"));
    check(&frame(9, &[0; 2]), short("switch config"));
    check(&frame(10, &[0; 9]), short("packet-in"));
    check(&frame(11, &[0; 9]), short("flow removed"));
    check(&frame(12, &[7; 72]), value("port status reason", 7));
    check(&frame(13, &[0xff; 16]), short("packet-out"));
    check(&frame(14, &[0; 39]), short("flow mod"));
    check(&frame(14, &flow_mod(5, &[])), value("flow mod command", 5));
    check(&frame(14, &flow_mod(0, &[0, 2, 0, 4, 0, 0, 0, 0])), value("match type", 2));
    check(&frame(14, &flow_mod(0, &[0, 1, 0, 3, 0, 0, 0, 0])), length("match", 3));
    check(&frame(14, &flow_mod(0, &[0, 1, 0, 9, 0, 0, 0, 0])), short("match"));
    let twice = [0, 1, 0, 16, 0x80, 0, 0x0a, 2, 8, 0, 0x80, 0, 0x0a, 2, 8, 0];
    check(&frame(14, &flow_mod(0, &twice)), value("repeated match field", 0x8000_0a02));
    let odd_mask = [0, 1, 0, 11, 0x80, 0, 0x0b, 3, 8, 0, 0, 0, 0, 0, 0, 0];
    check(&frame(14, &flow_mod(0, &odd_mask)), length("match field", 3));
    let any = [0, 1, 0, 4, 0, 0, 0, 0];
    let with = |instruction: &[u8]| frame(14, &flow_mod(0, &[&any[..], instruction].concat()));
    check(&with(&[0, 1, 0, 7, 0, 0, 0]), length("instruction", 7));
    check(&with(&[0, 1, 0, 3]), length("instruction", 3));
    check(&with(&[0, 1, 0, 16, 0, 0, 0, 0]), short("instruction"));
    check(&with(&[0, 2, 0, 8, 0, 0, 0, 0]), short("instruction"));
    check(&with(&[0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 4]), length("instruction", 12));
    check(&with(&[0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1]), length("action", 4));
    check(&with(&[0, 4, 0, 16, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1]), short("action"));
    check(&frame(18, &[0; 3]), short("multipart request"));
    check(&frame(19, &[0; 3]), short("multipart reply"));
    check(&frame(19, &[&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 1]].concat()), length("flow stats", 1));
    check(&frame(19, &[&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 99]].concat()), short("flow stats"));
    check(&frame(24, &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), value("controller role", 9));
    check(&frame(29, &[0, 9, 0, 0, 0, 0, 0, 0]), value("meter mod command", 9));
    check(&frame(29, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5, 0]), length("meter band", 5));
    let bundle = |kind: u8, rest: &[u8]| frame(4, &[&b"ONF\0\0\0\x08"[..], &[kind], rest].concat());
    check(&bundle(0xfc, &[0, 0, 0, 1, 0, 8, 0, 0]), value("bundle control type", 8));
    check(&bundle(0xfd, &[0, 0, 0, 1]), short("bundle add"));
    let other_xid = [0, 0, 0, 1, 0, 0, 0, 1, 4, 20, 0, 8, 0, 0, 0, 2];
    check(&bundle(0xfd, &other_xid), value("xid of the message in a bundle add", 2));
}

/// The fixed part of a flow mod with this command, and what follows it.
fn flow_mod(command: u8, rest: &[u8]) -> Vec<u8> {
    [&[0; 17][..], &[command], &[0; 22], rest].concat()
}

#[test]
fn values_that_have_no_bytes_are_refused_and_leave_nothing_behind() {
    let check = |message: Message, error: EncodeError| {
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(message.encode(Xid(1), &mut out), Err(error), "{message:?}");
        assert_eq!(out, b"before"[..]);
    };
    let unencodable = |what| EncodeError::Unencodable { what };
    let with = |action: Action| {
        let instructions = vec![Instruction::ApplyActions(vec![action])];
        Message::FlowMod(FlowMod { instructions, ..FlowMod::default() })
    };

    let long = Bytes::from(vec![0; 65_528]);
    check(Message::EchoRequest(long.clone()), EncodeError::TooLong { what: "echo request", len: 65_536 });
    let bitmap = Some(vec![0; 20_000]);
    check(
        Message::Hello(Hello { version: 4, bitmap }),
        EncodeError::TooLong { what: "hello version bitmap", len: 80_004 },
    );
    check(with(Action::Note(long)), EncodeError::TooLong { what: "action", len: 65_544 });
    let actions = vec![Action::output(PortNo(1)); 4_096];
    let packet = PacketOut { buffer_id: BufferId::NONE, in_port: PortNo::CONTROLLER, actions, frame: Bytes::new() };
    check(Message::PacketOut(packet), EncodeError::TooLong { what: "packet-out actions", len: 65_536 });

    let masked = MatchField::EthDst(Masked::new(MacAddr::new([2, 0, 0, 0, 0, 0]), MacAddr::new([0xff, 0, 0, 0, 0, 0])));
    check(with(Action::SetField(masked)), unencodable("masked set-field"));
    check(with(Action::SetField(MatchField::InPort(PortNo(0x1_0000)))), unencodable("port above 16 bits"));
    check(
        with(Action::Load { dst: FieldId::REG0.part(0, 4), value: 16 }),
        unencodable("load of a value that does not fit"),
    );
    check(with(Action::Load { dst: FieldId::REG0.part(0, 65), value: 0 }), unencodable("part of a field"));
    let table = TableId(1);
    check(with(Action::Resubmit { port: Some(PortNo(0xff00)), table }), unencodable("port above 16 bits"));
    check(
        with(Action::Other(Bytes::from_static(b"\xff\xff"))),
        unencodable("raw action that is not a multiple of 8 bytes"),
    );
    let raw = vec![Instruction::Other(Bytes::from_static(b"\xff\xff"))];
    let raw = Message::FlowMod(FlowMod { instructions: raw, ..FlowMod::default() });
    check(raw, unencodable("raw instruction that is not a multiple of 8 bytes"));
    let nat = Nat { ports: (1, 0), ..Nat::default() };
    check(with(Action::Nat(nat)), unencodable("nat to ports without a beginning or without an address"));
    let zone = CtZone::Field(FieldId::REG0.part(0, 0));
    let ct = Ct { flags: CtFlags::COMMIT, zone, table: None, alg: 0, actions: Vec::new() };
    check(with(Action::Ct(ct)), unencodable("part of a field"));
    check(with(Action::StackPush(FieldId(0xffff_0002).whole())), unencodable("experimenter field on the stack"));
    let learn = |flags, bits, value: &'static [u8]| {
        let source = LearnSource::Value(Bytes::from_static(value));
        let specs = vec![LearnSpec { bits, source, target: LearnTarget::Match(FieldId::REG0.part(0, bits)) }];
        with(Action::Learn(Learn {
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 1,
            cookie: Cookie(0),
            flags,
            table,
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            limit: None,
            specs,
        }))
    };
    check(learn(LearnFlags(0), 0, b""), unencodable("learn of no bits or of too many"));
    check(learn(LearnFlags(0), 16, b"\0"), unencodable("learnt value of another width"));
    let what = "learn with a result but without its flag, or without one";
    check(learn(LearnFlags::WRITE_RESULT, 16, b"\0\0"), unencodable(what));

    let (id, flags) = (BundleId(1), BundleFlags::ATOMIC);
    let control = Message::BundleControl(BundleControl::new(id, BundleControlKind::OpenRequest, flags));
    let message = Box::new(control);
    check(Message::BundleAdd(BundleAdd { id, flags, message }), unencodable("bundle in a bundle"));
}

#[test]
fn a_stream_that_cannot_be_cut_is_refused() {
    let mut stream = BytesMut::from(&b"\x04\x00\x00\x07\x00\x00\x00\x01"[..]);
    let error = split_frame(&mut stream).expect_err("no message is as short");
    assert_eq!(error, FrameError::BadLength { length: 7 });
    assert_eq!(error.to_string(), "openflow header claims a message of 7 bytes");
}

#[test]
fn a_match_says_what_is_wrong_with_it() {
    assert_eq!(Match::decode_oxm(&[0x80, 0]), Err(DecodeError::Short { what: "match" }));
    assert_eq!(Match::decode_oxm(&[0x80, 0, 0x0a, 2, 8]), Err(DecodeError::Short { what: "match" }));
    let error = Match::decode_oxm(&[0xff, 0xff, 0x02, 2, 0, 0]).expect_err("an experimenter has four bytes");
    assert_eq!(error, DecodeError::Short { what: "match field" });
    assert_eq!(error.to_string(), "match field is cut short");
}
