//! The fence.

use std::net::Ipv4Addr;

use buoy_flows::flow::owner::{Feature, Owner};
use buoy_flows::openflow::{MatchField, PacketIn, PacketInReason};
use buoy_flows::pipeline::fence::Respondent;
use buoy_topology::{MacAddr, PortNo};

use super::super::packets::PACKETS;
use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);
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

/// Looks at the clock when it is due, and not before.
fn tick(talk: &mut Talk) {
    talk.now = talk.now.max(talk.session.fence_due().expect("a fence is under way"));
    talk.session.tick_fence(talk.now);
}

/// What goes out where a number is set, as soon as it is.
fn set(talk: &mut Talk) -> Asked {
    tick(talk);
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
    let station = [&[2, 0xb0, 7], &nonce[..]].concat();
    frame[..6].copy_from_slice(&station);
    frame[12..14].copy_from_slice(&[0x08, 0x06]);
    frame[32..38].copy_from_slice(&station);
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

/// Looks at the clock until a time, and tells how often it asked.
fn asks_until(talk: &mut Talk, end: Instant) -> usize {
    let mut asked = 0;
    while talk.session.fence_due().is_some_and(|due| due < end) {
        tick(talk);
        let sent = talk.sent();
        assert!(sent.iter().all(|(_, own)| matches!(own, Message::PacketOut(_))), "{sent:?}");
        asked += sent.len();
    }
    talk.now = end;
    asked
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

fn begun_with(asked: Respondent) -> (Talk, Asked) {
    let mut talk = Talk::ready();
    talk.session.command(Command::Fence { asked, patience: PATIENCE, meters: true });
    // The clock is looked at at once.
    assert!(talk.session.fence_due().is_some_and(|due| due <= talk.now));
    let first = set(&mut talk);
    (talk, first)
}

fn begun() -> (Talk, Asked) {
    begun_with(Respondent::host(HOST))
}

#[test]
fn fence_is_over_when_the_datapath_has_followed_three_times() {
    let (mut talk, mut asked) = begun();
    answers(&mut talk, asked, asked.number);
    for _ in 0..3 {
        let next = set(&mut talk);
        assert_eq!(next.number, asked.number.wrapping_add(1));
        answers(&mut talk, next, asked.number);
        tick(&mut talk);
        assert_eq!(words(&talk.sent()), ["packet out"]);
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
    let [high, middle, low] = first.nonce;
    answers(&mut talk, Asked { nonce: [high, middle, low ^ 1], ..first }, first.number);
    talk.says(Xid(0), Message::PacketIn(returned(first.nonce, first.number, PortNo(4))));
    assert!(talk.sent().is_empty());
    // Nor does it keep anybody waiting.
    asks_until(&mut talk, start + SECOND);
    tick(&mut talk);
    assert_eq!(ends(&mut talk), FenceEnd::Silent);
}

#[test]
fn answers_that_were_not_asked_for_are_bounded_like_other_packets_and_tell_nobody() {
    let (mut talk, Asked { nonce: [high, middle, low], number }) = begun();
    let own = returned([high, middle, low ^ 1], number, PortNo::LOCAL);
    (0..=PACKETS).for_each(|_| talk.says(Xid(0), Message::PacketIn(own.clone())));
    assert!(talk.session.poll_event().is_none());
    assert_eq!(talk.session.packets.dropped, 1);
}

#[test]
fn who_does_not_answer_is_not_asked_for_long_nor_often() {
    let guest = Respondent { port: PortNo(4), vlan: None, mac: Some(MacAddr::new([2, 0, 0, 0, 0, 4])), address: HOST };
    for (asked, wait) in [(Respondent::host(HOST), SECOND), (guest, SECOND / 2)] {
        let (mut talk, _) = begun_with(asked);
        let end = talk.now + wait;
        let questions = asks_until(&mut talk, end);
        assert!((5..25).contains(&questions), "{questions} questions");
        tick(&mut talk);
        assert_eq!(ends(&mut talk), FenceEnd::Silent);
    }
}

#[test]
fn who_answers_late_is_asked_no_more_than_it_answers() {
    let (mut talk, first) = begun();
    let (start, mut waiting, mut most) = (talk.now, 1, 0);
    // Half a second under way, ten answers a second.
    let begins = start + SECOND / 2;
    for answer in 0..40 {
        waiting += asks_until(&mut talk, begins + SECOND / 10 * answer);
        most = most.max(waiting);
        answers(&mut talk, first, first.number.wrapping_sub(1));
        waiting -= 1;
    }
    assert!(most < 60, "{most} questions wait for an answer");
}

#[test]
fn who_answers_is_asked_again_at_once_and_given_time() {
    let (mut talk, first) = begun();
    let start = talk.now;
    for round in 1..500 {
        answers(&mut talk, first, first.number);
        assert!(talk.session.fence_due().is_some_and(|due| due <= talk.now + MILLISECOND), "in round {round}");
        // It is never cached: these rounds count for nothing.
        let Asked { number, nonce } = set(&mut talk);
        talk.now = start + PATIENCE * round / 500;
        answers(&mut talk, Asked { number, nonce }, number);
    }
    talk.now = start + PATIENCE;
    tick(&mut talk);
    assert_eq!(ends(&mut talk), FenceEnd::Behind);
}

#[test]
fn datapath_that_goes_on_with_an_old_number_is_not_taken_for_one_that_follows() {
    // Under a number long ago, as after a fence that ended like this one.
    for ago in [1, 5] {
        let (mut talk, first) = begun();
        let end = talk.now + PATIENCE;
        while talk.now < end {
            answers(&mut talk, first, first.number.wrapping_sub(ago));
            let next = (talk.now + SECOND / 8).min(end);
            asks_until(&mut talk, next);
        }
        tick(&mut talk);
        assert_eq!(ends(&mut talk), FenceEnd::Stale);
    }
}

#[test]
fn who_answered_and_ceases_shows_nothing_about_the_datapath() {
    let (mut talk, first) = begun();
    let start = talk.now;
    answers(&mut talk, first, first.number.wrapping_sub(1));
    asks_until(&mut talk, start + SECOND);
    talk.now = start + SECOND * 2;
    tick(&mut talk);
    assert_eq!(ends(&mut talk), FenceEnd::Behind);
}

#[test]
fn switch_that_answers_no_barrier_keeps_nobody_waiting() {
    let (mut talk, _) = begun();
    let start = talk.now;
    talk.session.tick_fence(start + SECOND);
    talk.session.tick_fence(start + SECOND * 11);
    assert!(matches!(talk.event(), Event::Fenced(FenceEnd::Silent)));
}
