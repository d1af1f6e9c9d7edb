//! Dumps and bundles.

use super::*;

/// A bundle up to its barrier: the session, its OPEN, the xids of its ADDs and of the barrier.
fn begun(flow_mods: usize) -> (Talk, Message, Vec<Xid>, Xid) {
    let mut talk = Talk::ready();
    let sent = talk.begins(flow_mods);
    let adds = sent.iter().filter(|(_, message)| matches!(message, Message::BundleAdd(_))).map(|(xid, _)| *xid);
    let adds: Vec<_> = adds.collect();
    let (barrier, last) = sent.last().unwrap();
    assert_eq!(word(last), "barrier");
    let (open, barrier) = (sent[0].1.clone(), *barrier);
    (talk, open, adds, barrier)
}

/// The switch answers the barrier and what the session ends the bundle with; returns the word for that.
fn ends(talk: &mut Talk, open: &Message, barrier: Xid) -> &'static str {
    talk.says(barrier, Message::BarrierReply);
    let (xid, end) = talk.only_sent();
    assert!(talk.session.poll_event().is_none());
    let reply = match word(&end) {
        "commit" => BundleControlKind::CommitReply,
        _ => BundleControlKind::DiscardReply,
    };
    talk.says(xid, control(open, reply));
    word(&end)
}

fn indices(outcome: BundleOutcome) -> Vec<usize> {
    match outcome {
        BundleOutcome::Refused(refusals) => refusals.into_iter().map(|refusal| refusal.index).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bundle_is_committed_after_a_clean_barrier() {
    let mut talk = Talk::ready();
    let sent = talk.begins(3);
    assert_eq!(words(&sent), ["open", "add", "add", "add", "barrier"]);
    let Message::BundleControl(open) = &sent[0].1 else { panic!("{sent:?}") };
    for (n, (xid, add)) in sent[1..4].iter().enumerate() {
        let Message::BundleAdd(add) = add else { panic!("{add:?}") };
        assert_eq!((add.id, add.flags), (open.id, open.flags));
        assert!(matches!(&*add.message, Message::FlowMod(flow_mod) if flow_mod.cookie == Cookie(n as u64)), "{xid:?}");
    }
    let (xid, _) = sent[0];
    talk.says(xid, control(&sent[0].1, BundleControlKind::OpenReply));
    assert!(talk.sent().is_empty());
    assert_eq!(ends(&mut talk, &sent[0].1, sent[4].0), "commit");
    assert_eq!(talk.outcome(), BundleOutcome::Applied);
}

#[test]
fn refused_flow_mod_discards_its_bundle() {
    let (mut talk, open, adds, barrier) = begun(4);
    talk.says(adds[1], refusal());
    talk.says(adds[3], refusal());
    assert_eq!(ends(&mut talk, &open, barrier), "discard");
    assert_eq!(indices(talk.outcome()), [1, 3]);
}

#[test]
fn refused_opening_fails_the_bundle() {
    let mut talk = Talk::ready();
    let sent = talk.begins(2);
    talk.says(sent[0].0, refusal());
    assert_eq!(ends(&mut talk, &sent[0].1, sent[3].0), "discard");
    assert!(matches!(talk.outcome(), BundleOutcome::Failed(_)));
}

#[test]
fn refused_barrier_fails_the_bundle() {
    let (mut talk, open, _, barrier) = begun(2);
    talk.says(barrier, refusal());
    let (xid, end) = talk.only_sent();
    assert_eq!(word(&end), "discard");
    talk.says(xid, control(&open, BundleControlKind::DiscardReply));
    assert!(matches!(talk.outcome(), BundleOutcome::Failed(_)));
}

#[test]
fn error_at_commit_fails_the_bundle() {
    let (mut talk, _, _, barrier) = begun(2);
    talk.says(barrier, Message::BarrierReply);
    let (xid, end) = talk.only_sent();
    assert_eq!(word(&end), "commit");
    talk.says(xid, refusal());
    assert!(matches!(talk.outcome(), BundleOutcome::Failed(_)));
    assert!(talk.sent().is_empty());
}

/// OVS answers a commit that one flow mod makes fail with two errors: that flow mod's own, and the commit's.
#[test]
fn flow_mod_that_fails_at_commit_is_named() {
    let (mut talk, _, adds, barrier) = begun(3);
    talk.says(barrier, Message::BarrierReply);
    let (xid, _) = talk.only_sent();
    talk.says(adds[2], refusal());
    talk.says(xid, refusal());
    assert_eq!(indices(talk.outcome()), [2]);
}

#[test]
fn what_is_sent_between_adds_confuses_no_index() {
    let mut talk = Talk::ready();
    // More than is encoded ahead of the socket, so that something comes between the ADDs.
    let flow_mods = 10_000;
    talk.session.command(bundle(flow_mods));
    let mut sent = Vec::new();
    let mut out = BytesMut::new();
    while talk.session.transmit(&mut out).unwrap() {
        while let Some(frame) = split_frame(&mut out).unwrap() {
            sent.push(Message::decode(&frame).unwrap());
        }
        let Message::PacketOut(packet) = packet_out() else { unreachable!() };
        if sent.len() < flow_mods {
            talk.session.command(Command::Packets(vec![packet]));
            talk.says(Xid(1), Message::EchoRequest(Bytes::new()));
            talk.now += ECHO_AFTER;
            talk.session.tick(talk.now).unwrap();
        }
    }
    let words = words(&sent);
    let first = words.iter().position(|word| *word == "packet out").expect("a packet out");
    assert!(words[first..].contains(&"add"), "nothing came between");
    let adds: Vec<_> = sent.iter().filter(|(_, message)| matches!(message, Message::BundleAdd(_))).collect();
    assert_eq!(adds.len(), flow_mods);
    let other = sent.iter().find(|(_, message)| matches!(message, Message::PacketOut(_))).unwrap();
    talk.says(other.0, refusal());
    for place in [0, 5_000, flow_mods - 1] {
        talk.says(adds[place].0, refusal());
    }
    let barrier = sent.last().unwrap().0;
    assert_eq!(ends(&mut talk, &sent[0].1, barrier), "discard");
    assert_eq!(indices(talk.outcome()), [0, 5_000, flow_mods - 1]);
}

#[test]
fn errors_of_an_earlier_bundle_do_not_touch_the_next() {
    let (mut talk, open, adds, barrier) = begun(2);
    assert_eq!(ends(&mut talk, &open, barrier), "commit");
    assert_eq!(talk.outcome(), BundleOutcome::Applied);
    let sent = talk.begins(2);
    talk.says(adds[0], refusal());
    talk.says(barrier, Message::BarrierReply);
    assert!(talk.sent().is_empty());
    assert_ne!(sent[0].1, open, "a bundle id was used again");
    assert_eq!(ends(&mut talk, &sent[0].1, sent[3].0), "commit");
    assert_eq!(talk.outcome(), BundleOutcome::Applied);
}

/// A bundle that was prepared, and that the switch has found no fault in: the session and its OPEN.
fn prepared(flow_mods: usize) -> (Talk, (Xid, Message)) {
    let mut talk = Talk::ready();
    let Command::Bundle(flow_mods) = bundle(flow_mods) else { unreachable!() };
    talk.session.command(Command::Prepare(flow_mods));
    let mut sent = talk.sent();
    let (barrier, _) = sent.pop().unwrap();
    talk.says(barrier, Message::BarrierReply);
    assert!(talk.sent().is_empty() && talk.session.poll_event().is_none(), "nobody has decided");
    (talk, sent.remove(0))
}

/// Decides on the bundle; what the session sends then, the switch does.
fn decides(talk: &mut Talk, open: &Message, decision: Command) -> (&'static str, BundleOutcome) {
    talk.session.command(decision);
    ended(talk, open)
}

fn ended(talk: &mut Talk, open: &Message) -> (&'static str, BundleOutcome) {
    let (xid, end) = talk.only_sent();
    let is_commit = word(&end) == "commit";
    let reply = if is_commit { BundleControlKind::CommitReply } else { BundleControlKind::DiscardReply };
    talk.says(xid, control(open, reply));
    (word(&end), talk.outcome())
}

#[test]
fn prepared_bundle_waits_for_the_decision() {
    let (mut talk, (_, open)) = prepared(2);
    assert_eq!(decides(&mut talk, &open, Command::Commit), ("commit", BundleOutcome::Applied));
    let (mut talk, (_, open)) = prepared(2);
    assert_eq!(decides(&mut talk, &open, Command::Discard), ("discard", BundleOutcome::Discarded));
}

#[test]
fn decision_may_come_before_the_switch_has_looked() {
    for (decision, end) in [(Command::Commit, "commit"), (Command::Discard, "discard")] {
        let mut talk = Talk::ready();
        let Command::Bundle(flow_mods) = bundle(1) else { unreachable!() };
        talk.session.command(Command::Prepare(flow_mods));
        talk.session.command(decision);
        let sent = talk.sent();
        assert_eq!(words(&sent), ["open", "add", "barrier"]);
        assert_eq!(ends(&mut talk, &sent[0].1, sent[2].0), end);
    }
}

#[test]
fn prepared_bundle_with_a_fault_is_discarded_whatever_is_decided() {
    let mut talk = Talk::ready();
    let Command::Bundle(flow_mods) = bundle(2) else { unreachable!() };
    talk.session.command(Command::Prepare(flow_mods));
    let sent = talk.sent();
    talk.says(sent[2].0, refusal());
    assert_eq!(ends(&mut talk, &sent[0].1, sent[3].0), "discard");
    talk.session.command(Command::Commit);
    assert!(talk.sent().is_empty());
    assert_eq!(indices(talk.outcome()), [1]);
}

#[test]
fn a_decision_is_made_once_and_none_is_made_on_other_bundles() {
    let (mut talk, (_, open)) = prepared(1);
    talk.session.command(Command::Discard);
    talk.session.command(Command::Commit);
    assert_eq!(ended(&mut talk, &open), ("discard", BundleOutcome::Discarded));
    talk.session.command(Command::Commit);
    assert!(talk.sent().is_empty(), "there is none");
    let sent = talk.begins(1);
    talk.session.command(Command::Discard);
    assert_eq!(ends(&mut talk, &sent[0].1, sent[2].0), "commit");
}

#[test]
fn prepared_bundle_that_nobody_decides_on_is_discarded() {
    let (mut talk, (_, open)) = prepared(1);
    let mut seconds = 0;
    let end = loop {
        talk.now += Duration::from_secs(1);
        seconds += 1;
        talk.session.tick(talk.now).unwrap();
        let sent = talk.sent();
        if let Some(end) = sent.into_iter().find(|(_, message)| word(message) == "discard") {
            break end;
        }
        assert!(seconds < 10, "the switch has lost it");
    };
    talk.says(end.0, control(&open, BundleControlKind::DiscardReply));
    assert_eq!(talk.outcome(), BundleOutcome::Discarded);
}

/// OVS says so with the xid that opened it.
#[test]
fn prepared_bundle_that_the_switch_gives_up_fails() {
    let (mut talk, (opened, _)) = prepared(1);
    talk.says(opened, refusal());
    let (xid, end) = talk.only_sent();
    assert_eq!(word(&end), "discard");
    talk.says(xid, refusal());
    assert!(matches!(talk.outcome(), BundleOutcome::Failed(_)));
}

#[test]
fn dump_may_come_in_several_parts() {
    let mut talk = Talk::ready();
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, request) = talk.only_sent();
    assert_eq!(word(&request), "multipart request");
    talk.says(xid, flows(&[1, 2], true));
    talk.says(Xid(xid.0 + 1), flows(&[9], false));
    talk.says(xid, flows(&[], true));
    talk.says(xid, flows(&[3], false));
    talk.says(xid, flows(&[9], false));
    let mut cookies = Vec::new();
    loop {
        match talk.event() {
            Event::Flows(part) => cookies.extend(part.into_iter().map(|flow| flow.cookie.0)),
            Event::DumpDone => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cookies, [1, 2, 3]);
    assert!(talk.session.poll_event().is_none());
}

#[test]
fn next_job_may_begin_when_the_last_has_ended() {
    let (mut talk, open, _, barrier) = begun(1);
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    assert!(talk.sent().is_empty(), "two jobs at once");
    ends(&mut talk, &open, barrier);
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    assert_eq!(words(&talk.sent()), ["multipart request"]);
}

/// Ticks every second, with an echo answered now and then, until the session closes.
fn closes_with_echoes(talk: &mut Talk) -> (u64, CloseReason) {
    for second in 0..600 {
        talk.now += Duration::from_secs(1);
        if let Err(reason) = talk.session.tick(talk.now) {
            return (second, reason);
        }
        for (xid, message) in talk.sent() {
            if let Message::EchoRequest(payload) = message {
                talk.says(xid, Message::EchoReply(payload));
            }
        }
    }
    panic!("still open after ten minutes: {:?}", talk.session)
}

#[test]
fn switch_that_answers_echoes_but_no_job_is_closed() {
    let mut talk = Talk::ready();
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    talk.sent();
    assert_eq!(closes_with_echoes(&mut talk), (60, CloseReason::JobTimeout { job: "a dump of its flows" }));
    let (mut talk, ..) = begun(2);
    assert_eq!(closes_with_echoes(&mut talk), (60, CloseReason::JobTimeout { job: "a bundle" }));
    let (mut talk, _, _, barrier) = begun(2);
    talk.says(barrier, Message::BarrierReply);
    talk.sent();
    assert_eq!(closes_with_echoes(&mut talk), (60, CloseReason::JobTimeout { job: "the commit of a bundle" }));
}

#[test]
fn dump_that_goes_on_may_take_long() {
    let mut talk = Talk::ready();
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, _) = talk.only_sent();
    for _ in 0..600 {
        talk.now += Duration::from_secs(1);
        talk.session.tick(talk.now).unwrap();
        talk.says(xid, flows(&[1], true));
    }
}

#[test]
fn refused_dump_closes() {
    let mut talk = Talk::ready();
    talk.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, _) = talk.only_sent();
    let closed = talk.hears(&encoded(xid, &refusal()));
    assert!(matches!(closed, Err(CloseReason::NoDump { .. })), "{closed:?}");
    assert!(talk.session.poll_event().is_none(), "a refused dump counts as complete");
}
