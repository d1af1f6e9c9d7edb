use buoy_flows::openflow::{
    BundleControl, BundleControlKind, BundleFlags, BundleId, FlowModCommand, FlowModFlags, TableId, split_frame,
};
use buoy_topology::DatapathId;

use super::*;

/// Everything that the session wants to send, read back.
fn sent(session: &mut Session) -> Vec<(Xid, Message)> {
    let mut out = BytesMut::new();
    session.transmit(&mut out).unwrap();
    let mut messages = Vec::new();
    while let Some(frame) = split_frame(&mut out).unwrap() {
        messages.push(Message::decode(&frame).unwrap());
    }
    messages
}

fn hear(session: &mut Session, xid: Xid, message: &Message, now: Instant) -> Result<(), CloseReason> {
    let mut frame = BytesMut::new();
    message.encode(xid, &mut frame).unwrap();
    session.receive(&frame.freeze(), now)
}

fn features() -> Features {
    Features { datapath_id: DatapathId(7), n_buffers: 0, n_tables: 254, auxiliary_id: 0, capabilities: 0, reserved: 0 }
}

/// A session that is through its handshake.
fn ready(now: Instant) -> Session {
    let mut session = Session::new(now);
    assert!(matches!(sent(&mut session)[..], [(_, Message::Hello(_))]));
    hear(&mut session, Xid(0), &Message::Hello(Hello { version: 6, bitmap: None }), now).unwrap();
    assert!(matches!(sent(&mut session)[..], [(_, Message::FeaturesRequest)]));
    hear(&mut session, Xid(2), &Message::FeaturesReply(features()), now).unwrap();
    assert!(matches!(sent(&mut session)[..], [(_, Message::MultipartRequest(_))]));
    let ports = MultipartReply { more: false, body: MultipartReplyBody::PortDesc(Vec::new()) };
    hear(&mut session, Xid(3), &Message::MultipartReply(ports), now).unwrap();
    assert!(matches!(session.poll_event(), Some(Event::Ready(own, _)) if own == features()));
    session
}

fn flow_mods(count: u8) -> Vec<FlowMod> {
    let flow_mod = |table| FlowMod { table: TableId(table), command: FlowModCommand::Add, ..FlowMod::default() };
    (0..count).map(flow_mod).collect()
}

/// Begins a bundle of three, and returns the xids of its ADDs and of its barrier.
fn bundle(session: &mut Session) -> (Vec<Xid>, Xid) {
    session.command(Command::Bundle(flow_mods(3)));
    let messages = sent(session);
    let kinds: Vec<_> = messages.iter().map(|(_, message)| message.name()).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(matches!(&messages[0].1, Message::BundleControl(own) if own.kind == BundleControlKind::OpenRequest));
    assert!(matches!(messages[4].1, Message::BarrierRequest));
    (messages[1..4].iter().map(|(xid, _)| *xid).collect(), messages[4].0)
}

fn control(kind: BundleControlKind) -> Message {
    Message::BundleControl(BundleControl::new(BundleId(1), kind, BundleFlags::ATOMIC | BundleFlags::ORDERED))
}

fn refusal() -> Message {
    Message::Error(ErrorMsg { kind: 2, code: 4, data: Bytes::new() })
}

#[test]
fn a_peer_without_1_3_is_told_so_and_closed() {
    let now = Instant::now();
    let mut session = Session::new(now);
    sent(&mut session);
    let hello = Message::Hello(Hello { version: 1, bitmap: Some(vec![1 << 1]) });
    assert_eq!(hear(&mut session, Xid(1), &hello, now), Err(CloseReason::Version { offered: 1 }));
    assert!(matches!(&sent(&mut session)[..], [(_, Message::Error(error))] if error.is_incompatible()));
}

#[test]
fn a_handshake_that_does_not_end_is_closed() {
    let now = Instant::now();
    let mut session = Session::new(now);
    assert_eq!(session.tick(now + HANDSHAKE - Duration::from_millis(1)), Ok(()));
    assert_eq!(session.tick(now + HANDSHAKE), Err(CloseReason::HandshakeTimeout));
}

#[test]
fn a_silent_peer_is_asked_and_then_closed() {
    let now = Instant::now();
    let mut session = ready(now);
    assert_eq!(session.tick(now + ECHO_AFTER), Ok(()));
    assert!(matches!(sent(&mut session)[..], [(_, Message::EchoRequest(_))]));
    assert_eq!(session.tick(now + ECHO_AFTER + ECHO_WAIT), Err(CloseReason::EchoTimeout));
}

#[test]
fn a_peer_that_answers_stays() {
    let now = Instant::now();
    let mut session = ready(now);
    session.tick(now + ECHO_AFTER).unwrap();
    let later = now + ECHO_AFTER + Duration::from_secs(1);
    hear(&mut session, Xid(9), &Message::EchoReply(Bytes::new()), later).unwrap();
    assert_eq!(session.tick(now + ECHO_AFTER + ECHO_WAIT), Ok(()));
}

#[test]
fn an_echo_is_answered_with_its_payload_and_xid() {
    let now = Instant::now();
    let mut session = ready(now);
    let payload = Bytes::from_static(b"ping");
    hear(&mut session, Xid(0xbeef), &Message::EchoRequest(payload.clone()), now).unwrap();
    assert_eq!(sent(&mut session), [(Xid(0xbeef), Message::EchoReply(payload))]);
}

#[test]
fn a_clean_bundle_is_committed_after_its_barrier() {
    let now = Instant::now();
    let mut session = ready(now);
    let (_, barrier) = bundle(&mut session);
    assert!(sent(&mut session).is_empty());
    hear(&mut session, barrier, &Message::BarrierReply, now).unwrap();
    let commit = sent(&mut session);
    assert!(matches!(&commit[..], [(_, Message::BundleControl(own))] if own.kind == BundleControlKind::CommitRequest));
    assert!(session.poll_event().is_none());
    hear(&mut session, commit[0].0, &control(BundleControlKind::CommitReply), now).unwrap();
    assert!(matches!(session.poll_event(), Some(Event::Bundle(BundleOutcome::Applied))));
}

#[test]
fn a_refused_add_takes_its_bundle_along_and_is_named() {
    let now = Instant::now();
    let mut session = ready(now);
    let (adds, barrier) = bundle(&mut session);
    hear(&mut session, adds[1], &refusal(), now).unwrap();
    hear(&mut session, barrier, &Message::BarrierReply, now).unwrap();
    let end = sent(&mut session);
    assert!(matches!(&end[..], [(_, Message::BundleControl(own))] if own.kind == BundleControlKind::DiscardRequest));
    hear(&mut session, end[0].0, &control(BundleControlKind::DiscardReply), now).unwrap();
    let Some(Event::Bundle(BundleOutcome::Refused(refused))) = session.poll_event() else { panic!("not refused") };
    assert_eq!(refused.iter().map(|own| own.index).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_bundle_that_cannot_be_opened_fails_as_a_whole() {
    let now = Instant::now();
    let mut session = ready(now);
    let (adds, barrier) = bundle(&mut session);
    hear(&mut session, Xid(adds[0].0 - 1), &refusal(), now).unwrap();
    hear(&mut session, barrier, &Message::BarrierReply, now).unwrap();
    let end = sent(&mut session);
    hear(&mut session, end[0].0, &control(BundleControlKind::DiscardReply), now).unwrap();
    assert!(matches!(session.poll_event(), Some(Event::Bundle(BundleOutcome::Failed(_)))));
}

#[test]
fn a_refused_commit_fails_as_a_whole() {
    let now = Instant::now();
    let mut session = ready(now);
    let (_, barrier) = bundle(&mut session);
    hear(&mut session, barrier, &Message::BarrierReply, now).unwrap();
    let commit = sent(&mut session);
    hear(&mut session, commit[0].0, &refusal(), now).unwrap();
    assert!(matches!(session.poll_event(), Some(Event::Bundle(BundleOutcome::Failed(_)))));
}

#[test]
fn what_is_sent_between_adds_does_not_move_their_places() {
    let now = Instant::now();
    let mut session = ready(now);
    session.command(Command::Bundle(flow_mods(3)));
    session.command(Command::Dump);
    hear(&mut session, Xid(77), &Message::EchoRequest(Bytes::new()), now).unwrap();
    let adds: Vec<_> = sent(&mut session).into_iter().filter(|(_, own)| matches!(own, Message::BundleAdd(_))).collect();
    hear(&mut session, adds[2].0, &refusal(), now).unwrap();
    let Some(Job::Bundle(_)) = &session.job else { panic!("the bundle goes on") };
    assert!(matches!(&adds[2].1, Message::BundleAdd(add)
        if matches!(&*add.message, Message::FlowMod(own) if own.table == TableId(2) && own.flags == FlowModFlags::NONE)));
}

#[test]
fn a_dump_comes_in_parts() {
    let now = Instant::now();
    let mut session = ready(now);
    session.command(Command::Dump);
    let xid = sent(&mut session)[0].0;
    for more in [true, false] {
        let part = MultipartReply { more, body: MultipartReplyBody::Flow(Vec::new()) };
        hear(&mut session, xid, &Message::MultipartReply(part), now).unwrap();
    }
    let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
    assert!(matches!(events[..], [Event::Flows(_), Event::Flows(_), Event::DumpDone]), "{events:?}");
}

#[test]
fn garbage_closes_the_connection_and_nothing_else() {
    let now = Instant::now();
    for kind in 0..=255_u8 {
        for len in [8_u16, 9, 12, 16, 24, 40] {
            let mut frame = vec![4, kind, 0, 0, 0, 0, 0, 1];
            frame[2..4].copy_from_slice(&len.to_be_bytes());
            frame.resize(usize::from(len), 0xa5);
            let mut session = ready(now);
            match session.receive(&frame.into(), now) {
                Ok(()) | Err(CloseReason::BadMessage(_)) => {}
                Err(other) => panic!("type {kind}, {len} bytes: {other}"),
            }
        }
    }
}
