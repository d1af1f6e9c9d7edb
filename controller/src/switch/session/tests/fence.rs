//! The fence.

use std::net::Ipv4Addr;

use buoy_flows::flow::owner::{Feature, Owner};
use buoy_flows::openflow::{PacketIn, PacketInReason};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// What the canary is set to, and what the host is asked under, of the messages that go out.
fn set(talk: &mut Talk) -> u32 {
    let sent = talk.sent();
    assert_eq!(words(&sent), ["flow mod", "packet out"], "{sent:?}");
    let (Message::FlowMod(canary), Message::PacketOut(question)) = (&sent[0].1, &sent[1].1) else { panic!("{sent:?}") };
    let owner = Owner::of(canary.cookie).expect("a flow of ours");
    assert_eq!(owner.feature, Feature::Fence);
    assert_eq!(question.frame[10..12], owner.entity.to_be_bytes()[2..]);
    owner.entity
}

/// The host's answer to what was asked under one number comes back under another.
fn answers(talk: &mut Talk, asked: u32, under: u32) {
    let mut frame = vec![0; 42];
    frame[36..38].copy_from_slice(&asked.to_be_bytes()[2..]);
    let packet = PacketIn {
        buffer_id: BufferId::NONE,
        total_len: 42,
        reason: PacketInReason::Action,
        table: TableId(0),
        cookie: Owner { feature: Feature::Fence, entity: under }.cookie(),
        matching: Match::new(),
        frame: frame.into(),
    };
    talk.says(Xid(0), Message::PacketIn(packet));
}

/// Takes the canary away, and answers the barrier.
fn ends(talk: &mut Talk) -> bool {
    let sent = talk.sent();
    assert_eq!(words(&sent), ["flow mod", "barrier"], "{sent:?}");
    assert!(talk.session.poll_event().is_none());
    talk.says(sent[1].0, Message::BarrierReply);
    assert!(talk.session.fence_due().is_none());
    match talk.event() {
        Event::Fenced { followed } => followed,
        other => panic!("{other:?}"),
    }
}

fn begun() -> (Talk, u32) {
    let mut talk = Talk::ready();
    talk.session.command(Command::Fence(HOST));
    let first = set(&mut talk);
    (talk, first)
}

#[test]
fn fence_is_over_when_the_datapath_has_followed_three_times() {
    let (mut talk, first) = begun();
    let mut number = first;
    answers(&mut talk, number, number);
    for _ in 0..3 {
        let next = set(&mut talk);
        assert_eq!(next, number.wrapping_add(1));
        answers(&mut talk, next, number);
        assert!(talk.sent().is_empty());
        answers(&mut talk, next, next);
        number = next;
    }
    assert!(ends(&mut talk));
}

#[test]
fn number_that_comes_back_at_once_shows_nothing() {
    let (mut talk, mut number) = begun();
    answers(&mut talk, number, number);
    for _ in 0..10 {
        let next = set(&mut talk);
        // What was asked before the canary had its number may have been under way.
        answers(&mut talk, number, number);
        answers(&mut talk, next, next);
        number = next;
    }
    set(&mut talk);
}

#[test]
fn host_that_does_not_answer_is_asked_for_a_second() {
    let (mut talk, _) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    assert_eq!(words(&talk.sent()), ["packet out"]);
    assert!(talk.session.fence_due().is_some_and(|due| due > start));
    talk.session.tick_fence(start + SECOND);
    assert!(!ends(&mut talk));
}

#[test]
fn host_that_answers_is_given_ten_seconds() {
    let (mut talk, first) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    talk.sent();
    for second in 0..20 {
        talk.now = start + SECOND * second / 2;
        answers(&mut talk, first, first.wrapping_sub(1));
        talk.session.tick_fence(talk.now);
        assert_eq!(words(&talk.sent()), ["packet out"], "after {second} half seconds");
    }
    talk.session.tick_fence(start + SECOND * 10);
    assert!(!ends(&mut talk));
}

#[test]
fn switch_that_answers_no_barrier_keeps_nobody_waiting() {
    let (mut talk, _) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    talk.session.tick_fence(start + SECOND);
    talk.session.tick_fence(start + SECOND * 11);
    assert!(matches!(talk.event(), Event::Fenced { followed: false }));
}
