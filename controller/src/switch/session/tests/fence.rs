//! The fence.

use std::net::Ipv4Addr;

use buoy_flows::flow::owner::{Feature, Owner};
use buoy_flows::openflow::{MatchField, PacketIn, PacketInReason};
use buoy_flows::pipeline::fence::Respondent;
use buoy_topology::PortNo;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);
const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// What the canary is set to, and what is asked under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    number: u32,
    /// The last three bytes of who asks.
    nonce: [u8; 3],
}

/// What goes out where a number is set.
fn set(talk: &mut Talk) -> Asked {
    let sent = talk.sent();
    assert_eq!(words(&sent), ["flow mod", "packet out"], "{sent:?}");
    let (Message::FlowMod(canary), Message::PacketOut(question)) = (&sent[0].1, &sent[1].1) else { panic!("{sent:?}") };
    let owner = Owner::of(canary.cookie).expect("a flow of ours");
    assert_eq!(owner.feature, Feature::Fence);
    Asked { number: owner.entity, nonce: question.frame[9..12].try_into().unwrap() }
}

/// What was asked under a nonce comes back under a number, by a port.
fn returned(nonce: [u8; 3], number: u32, port: PortNo) -> PacketIn {
    let mut frame = vec![0; 42];
    frame[32..38].copy_from_slice(&[&[2, 0xb0, 7], &nonce[..]].concat());
    PacketIn {
        buffer_id: BufferId::NONE,
        total_len: 42,
        reason: PacketInReason::Action,
        table: TableId(0),
        cookie: Owner { feature: Feature::Fence, entity: number }.cookie(),
        matching: Match::new().with(MatchField::InPort(port)),
        frame: frame.into(),
    }
}

/// The host's answer to what was asked comes back under a number.
fn answers(talk: &mut Talk, asked: Asked, under: u32) {
    talk.says(Xid(0), Message::PacketIn(returned(asked.nonce, under, PortNo::LOCAL)));
}

/// Takes the canary away, and answers the barrier.
fn ends(talk: &mut Talk) -> FenceEnd {
    let sent = talk.sent();
    assert_eq!(words(&sent), ["flow mod", "barrier"], "{sent:?}");
    assert!(talk.session.poll_event().is_none());
    talk.says(sent[1].0, Message::BarrierReply);
    assert!(talk.session.fence_due().is_none());
    match talk.event() {
        Event::Fenced(end) => end,
        other => panic!("{other:?}"),
    }
}

fn begun() -> (Talk, Asked) {
    let mut talk = Talk::ready();
    talk.session.command(Command::Fence { asked: Respondent::host(HOST), patience: PATIENCE });
    let first = set(&mut talk);
    (talk, first)
}

#[test]
fn fence_is_over_when_the_datapath_has_followed_three_times() {
    let (mut talk, mut asked) = begun();
    answers(&mut talk, asked, asked.number);
    for _ in 0..3 {
        let next = set(&mut talk);
        assert_eq!(next.number, asked.number.wrapping_add(1));
        answers(&mut talk, next, asked.number);
        assert!(talk.sent().is_empty());
        answers(&mut talk, next, next.number);
        asked = next;
    }
    assert_eq!(ends(&mut talk), FenceEnd::Followed);
}

#[test]
fn number_that_comes_back_at_once_shows_nothing() {
    let (mut talk, mut asked) = begun();
    answers(&mut talk, asked, asked.number);
    for _ in 0..10 {
        let next = set(&mut talk);
        // What was asked before the canary had its number may have been under way.
        answers(&mut talk, asked, asked.number);
        answers(&mut talk, next, next.number);
        asked = next;
    }
    set(&mut talk);
}

#[test]
fn who_has_not_seen_the_question_cannot_answer_it() {
    let (mut talk, first) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    talk.sent();
    let [high, middle, low] = first.nonce;
    answers(&mut talk, Asked { nonce: [high, middle, low ^ 1], ..first }, first.number);
    talk.says(Xid(0), Message::PacketIn(returned(first.nonce, first.number, PortNo(4))));
    assert!(talk.sent().is_empty());
    // Nor does it keep anybody waiting.
    talk.session.tick_fence(start + SECOND);
    assert_eq!(ends(&mut talk), FenceEnd::Silent);
}

#[test]
fn who_does_not_answer_is_not_asked_for_long() {
    let (mut talk, _) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    assert_eq!(words(&talk.sent()), ["packet out"]);
    assert!(talk.session.fence_due().is_some_and(|due| due > start));
    talk.session.tick_fence(start + SECOND);
    assert_eq!(ends(&mut talk), FenceEnd::Silent);
}

#[test]
fn who_answers_is_given_time() {
    let (mut talk, first) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    talk.sent();
    for round in 0..50 {
        talk.now = start + PATIENCE * round / 50;
        answers(&mut talk, first, first.number.wrapping_sub(1));
        talk.session.tick_fence(talk.now);
        assert_eq!(words(&talk.sent()), ["packet out"], "in round {round}");
    }
    answers(&mut talk, first, first.number.wrapping_sub(1));
    talk.session.tick_fence(start + PATIENCE);
    assert_eq!(ends(&mut talk), FenceEnd::Behind);
}

#[test]
fn switch_that_answers_no_barrier_keeps_nobody_waiting() {
    let (mut talk, _) = begun();
    let start = talk.now;
    talk.session.tick_fence(start);
    talk.session.tick_fence(start + SECOND);
    talk.session.tick_fence(start + SECOND * 11);
    assert!(matches!(talk.event(), Event::Fenced(FenceEnd::Silent)));
}
