//! What a switch says unasked, and peers that ask too much.

use buoy_flows::openflow::{FlowEvent, PacketInReason, Role, RoleStatus};
use buoy_flows::pipeline::Meter;

use super::super::packets::{MOST_AT_ONCE, PACKETS};
use super::*;

fn changed(cookie: u64) -> FlowUpdate {
    FlowUpdate::Full(FlowChange {
        event: FlowEvent::Added,
        table: TableId(1),
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        cookie: Cookie(cookie),
        matching: Match::new(),
        instructions: Vec::new(),
    })
}

fn told(updates: Vec<FlowUpdate>) -> Message {
    let body = MultipartReplyBody::FlowMonitor(updates);
    Message::MultipartReply(MultipartReply { more: false, body })
}

#[test]
fn changes_by_others_are_told_and_own_ones_are_not() {
    let mut talk = Talk::ready();
    talk.says(Xid(0), told(vec![FlowUpdate::Abbreviated(Xid(9)), changed(7)]));
    let Event::Changed(changes) = talk.event() else { panic!("nothing was told") };
    assert_eq!(changes.iter().map(|change| change.cookie).collect::<Vec<_>>(), [Cookie(7)]);
    talk.says(Xid(0), told(vec![FlowUpdate::Abbreviated(Xid(9))]));
    assert!(talk.session.poll_event().is_none());
}

#[test]
fn switch_without_a_monitor_is_known_as_unwatched() {
    let mut talk = Talk::new();
    for (_, message) in handshake() {
        talk.says(Xid(0), message);
    }
    talk.event();
    let (xid, _) = talk.sent().pop().unwrap();
    talk.says(xid, refusal());
    assert!(matches!(talk.event(), Event::Unwatched { is_over: false }));
}

#[test]
fn monitor_that_paused_leaves_something_untold() {
    let mut talk = Talk::ready();
    talk.says(Xid(0), Message::FlowMonitorControl(FlowMonitorControl::Paused));
    talk.says(Xid(0), Message::FlowMonitorControl(FlowMonitorControl::Resumed));
    assert!(matches!(talk.event(), Event::Unwatched { is_over: true }));
}

#[test]
fn primary_is_claimed_in_the_generation_after_the_last() {
    for (last, next) in [(u64::MAX, 0), (41, 42)] {
        let mut talk = Talk::ready();
        talk.session.command(Command::ClaimPrimary);
        let (xid, Message::RoleRequest(asked)) = talk.only_sent() else { panic!("nothing was asked") };
        assert_eq!(asked.role, ControllerRole::NoChange);
        talk.says(xid, Message::RoleReply(Role { role: ControllerRole::Equal, generation_id: last }));
        let (xid, Message::RoleRequest(claim)) = talk.only_sent() else { panic!("nothing was claimed") };
        assert_eq!(claim, Role { role: ControllerRole::Primary, generation_id: next });
        talk.says(xid, Message::RoleReply(claim));
        assert!(matches!(talk.event(), Event::Role(ControllerRole::Primary)));
    }
}

#[test]
fn claim_that_comes_too_late_is_made_again() {
    let mut talk = Talk::ready();
    talk.session.command(Command::ClaimPrimary);
    let (xid, _) = talk.only_sent();
    talk.says(xid, Message::RoleReply(Role { role: ControllerRole::Equal, generation_id: 1 }));
    let (xid, _) = talk.only_sent();
    talk.says(xid, Message::Error(ErrorMsg { kind: 11, code: 0, data: Bytes::new() }));
    let (_, Message::RoleRequest(asked)) = talk.only_sent() else { panic!("nothing was asked again") };
    assert_eq!(asked.role, ControllerRole::NoChange);
}

#[test]
fn switch_that_finds_every_claim_stale_is_closed() {
    let mut talk = Talk::ready();
    talk.session.command(Command::ClaimPrimary);
    let closed = (0..100).find_map(|generation_id| {
        let (xid, _) = talk.only_sent();
        talk.says(xid, Message::RoleReply(Role { role: ControllerRole::Equal, generation_id }));
        let (xid, _) = talk.only_sent();
        talk.hears(&encoded(xid, &Message::Error(ErrorMsg { kind: 11, code: 0, data: Bytes::new() }))).err()
    });
    assert_eq!(closed, Some(CloseReason::TooManyElections));
}

#[test]
fn being_made_secondary_is_told() {
    let mut talk = Talk::ready();
    let (role, properties) = (ControllerRole::Secondary, Bytes::new());
    talk.says(Xid(0), Message::RoleStatus(RoleStatus { role, reason: 0, generation_id: 3, properties }));
    assert!(matches!(talk.event(), Event::Role(ControllerRole::Secondary)));
}

#[test]
fn the_budget_is_more_than_all_meters_let_through() {
    assert!(PACKETS > Meter::ALL.into_iter().map(Meter::rate).sum());
}

fn packet_in(cookie: u32) -> PacketIn {
    PacketIn {
        buffer_id: BufferId::NONE,
        total_len: 0,
        reason: PacketInReason::Action,
        table: TableId(0),
        cookie: Cookie(cookie.into()),
        matching: Match::new(),
        frame: Bytes::new(),
    }
}

fn packets(event: Event) -> Vec<PacketIn> {
    match event {
        Event::Packets(packets) => packets,
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_are_told_together_in_their_order_and_not_past_something_else() {
    let most = u32::try_from(MOST_AT_ONCE).unwrap();
    let mut talk = Talk::ready();
    let cookies = |event| packets(event).iter().map(|packet| packet.cookie.0).collect::<Vec<_>>();
    for number in 0..most {
        assert!(talk.session.takes_more(), "{number}");
        talk.says(Xid(0), Message::PacketIn(packet_in(number)));
    }
    assert!(!talk.session.takes_more(), "others wait too");
    assert_eq!(cookies(talk.event()), (0..u64::from(most)).collect::<Vec<_>>());
    talk.says(Xid(0), Message::PacketIn(packet_in(1)));
    talk.says(Xid(0), Message::FlowMonitorControl(FlowMonitorControl::Resumed));
    assert!(!talk.session.takes_more());
    talk.says(Xid(0), Message::PacketIn(packet_in(2)));
    assert_eq!(cookies(talk.event()), [1]);
    assert!(matches!(talk.event(), Event::Unwatched { is_over: true }));
    assert_eq!(cookies(talk.event()), [2]);
    assert!(talk.session.takes_more());
}

#[test]
fn packets_beyond_the_budget_are_dropped() {
    let mut talk = Talk::ready();
    let flood = |talk: &mut Talk| {
        (0..3 * PACKETS).for_each(|_| talk.says(Xid(0), Message::PacketIn(packet_in(0))));
        std::iter::from_fn(|| talk.session.poll_event()).map(|event| packets(event).len()).sum::<usize>()
    };
    assert_eq!(flood(&mut talk), PACKETS as usize);
    talk.now += Duration::from_secs(1);
    assert_eq!(flood(&mut talk), PACKETS as usize);
}

#[test]
fn peer_that_asks_for_echoes_and_does_not_read_is_closed() {
    let mut talk = Talk::ready();
    let echo = encoded(Xid(1), &Message::EchoRequest(Bytes::from_static(&[0; 64])));
    let closed = (0..10 * OUTGOING).find_map(|_| talk.hears(&echo).err());
    assert_eq!(closed, Some(CloseReason::Flood));
    // One that reads may ask as often as it likes.
    let mut talk = Talk::ready();
    for _ in 0..10 * OUTGOING {
        talk.hears(&echo).unwrap();
        talk.sent();
    }
}

#[test]
fn packets_for_a_switch_that_does_not_read_do_not_pile_up() {
    let mut talk = Talk::ready();
    for _ in 0..10 * OUTGOING {
        let Message::PacketOut(packet) = packet_out() else { unreachable!() };
        talk.session.command(Command::Packets(vec![packet]));
    }
    assert!(talk.sent().len() <= OUTGOING);
}
