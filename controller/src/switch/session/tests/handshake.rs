//! Who gets as far as to be a switch.

use super::*;

#[test]
fn handshake_is_hello_features_ports_meters() {
    let mut talk = Talk::new();
    for (expected, answer) in handshake() {
        assert!(talk.session.poll_event().is_none());
        let mut sent = talk.sent();
        let (xid, message) = sent.pop().unwrap();
        assert_eq!(word(&message), expected);
        // Beside the question about meters goes a packet to be measured.
        let is_last = matches!(
            answer,
            Message::MultipartReply(MultipartReply { body: MultipartReplyBody::MeterFeatures(_), .. })
        );
        assert_eq!(words(&sent), if is_last { vec!["packet out"] } else { vec![] });
        talk.says(xid, answer);
    }
    let (_, Message::MultipartRequest(asked)) = talk.only_sent() else { panic!("no monitor was asked for") };
    assert!(matches!(asked.body, MultipartRequestBody::FlowMonitor(_)), "{asked:?}");
    let Event::Ready(ready) = talk.event() else { panic!("not ready") };
    let ports = vec![port(1), port(2)];
    let all = Ready { features: features(), ports, dialect: Dialect::OpenFlow13, meters: true, measures: true };
    assert_eq!(ready, all);
}

#[test]
fn switch_that_cannot_measure_is_served_without_that() {
    let mut talk = Talk::new();
    for (_, message) in handshake().into_iter().take(3) {
        talk.says(Xid(0), message);
    }
    let sent = talk.sent();
    let (measure, meters_asked) = (sent[sent.len() - 2].0, sent[sent.len() - 1].0);
    talk.says(measure, refusal());
    assert!(talk.session.poll_event().is_none(), "that alone is no answer about meters");
    talk.says(meters_asked, meters(1));
    let Event::Ready(ready) = talk.event() else { panic!("not ready") };
    assert!(ready.meters && !ready.measures);
}

#[test]
fn switch_without_meters_is_served_without_them() {
    for refused in [true, false] {
        let mut talk = Talk::new();
        for (_, message) in handshake().into_iter().take(3) {
            talk.says(Xid(0), message);
        }
        let (xid, _) = talk.sent().pop().unwrap();
        talk.says(xid, if refused { refusal() } else { meters(0) });
        let Event::Ready(ready) = talk.event() else { panic!("not ready") };
        assert!(!ready.meters);
    }
}

#[test]
fn ports_may_come_in_several_parts() {
    let mut talk = Talk::new();
    let [(_, hello), (_, features), _, (_, meters)] = handshake();
    for message in [hello, features, ports(&[1], true), ports(&[], true), ports(&[2, 3], false), meters] {
        assert!(talk.session.poll_event().is_none());
        talk.says(Xid(0), message);
    }
    let Event::Ready(ready) = talk.event() else { panic!("not ready") };
    assert_eq!(ready.ports, [port(1), port(2), port(3)]);
}

#[test]
fn port_that_changes_during_the_handshake_is_told_after_it() {
    let status = Message::PortStatus(PortStatus { reason: buoy_flows::openflow::PortReason::Add, port: port(9) });
    for at in 2..4 {
        let mut talk = Talk::new();
        for (step, (_, message)) in handshake().into_iter().enumerate() {
            if step == at {
                talk.says(Xid(0), status.clone());
            }
            talk.says(Xid(0), message);
        }
        assert!(matches!(talk.event(), Event::Ready(_)));
        assert!(matches!(talk.event(), Event::Port(told) if told.port == port(9)), "at step {at}");
    }
}

#[test]
fn ports_without_end_close() {
    let mut talk = Talk::new();
    for (_, message) in handshake().into_iter().take(2) {
        talk.says(Xid(0), message);
    }
    let part = encoded(Xid(0), &ports(&(0..500).collect::<Vec<_>>(), true));
    let closed = (0..200).find_map(|_| talk.hears(&part).err());
    assert_eq!(closed, Some(CloseReason::TooManyPorts));
}

#[test]
fn answers_before_their_question_are_no_handshake() {
    let mut talk = Talk::new();
    let [(_, hello), (_, features), (_, ports), (_, meters)] = handshake();
    for message in [hello.clone(), meters, ports.clone(), hello, features.clone(), features] {
        talk.says(Xid(0), message);
    }
    assert!(talk.session.poll_event().is_none());
    assert_eq!(words(&talk.sent()), ["hello", "features request", "multipart request"]);
}

#[test]
fn whoever_does_not_begin_with_a_hello_is_closed() {
    for (_, message) in handshake().into_iter().skip(1) {
        let mut talk = Talk::new();
        assert!(matches!(talk.hears(&encoded(Xid(1), &message)), Err(CloseReason::BadMessage(_))));
    }
    for mut talk in [Talk::new(), Talk::ready()] {
        let closed = talk.hears(&[1, 10, 0, 8, 0, 0, 0, 1]);
        assert!(matches!(closed, Err(CloseReason::BadMessage(_))), "a message of OpenFlow 1.0: {closed:?}");
    }
}

#[test]
fn peer_of_other_versions_is_told_so_and_closed() {
    let only_1_5 = Hello { version: 6, bitmap: Some(vec![1 << 6]) };
    for hello in [Hello { version: 2, bitmap: None }, only_1_5, Hello { version: 0, bitmap: None }] {
        let mut talk = Talk::new();
        talk.sent();
        let offered = hello.version;
        let frame = encoded(Xid(7), &Message::Hello(hello));
        assert_eq!(talk.hears(&frame), Err(CloseReason::Version { offered }));
        let (_, Message::Error(error)) = talk.only_sent() else { panic!("no error was sent") };
        assert!(error.is_incompatible(), "{error}");
    }
}

#[test]
fn peer_that_speaks_1_3_among_others_is_welcome() {
    let all = Hello { version: 6, bitmap: Some(vec![1 << 1 | 1 << 4 | 1 << 6]) };
    for hello in [Hello { version: 6, bitmap: None }, all] {
        let mut talk = Talk::new();
        talk.says(Xid(7), Message::Hello(hello));
        assert_eq!(words(&talk.sent()), ["hello", "features request"]);
    }
}

#[test]
fn peer_that_finds_us_incompatible_is_closed() {
    let mut talk = Talk::new();
    let frame = encoded(Xid(1), &Message::Error(ErrorMsg::incompatible("only 1.0 here")));
    assert_eq!(talk.hears(&frame), Err(CloseReason::Version { offered: 0 }));
}

#[test]
fn silent_peer_is_closed_at_every_step_of_the_handshake() {
    for answered in 0..handshake().len() {
        let mut talk = Talk::new();
        for (_, answer) in handshake().into_iter().take(answered) {
            talk.says(Xid(0), answer);
        }
        assert_eq!(talk.closes(), (HANDSHAKE.as_secs(), CloseReason::HandshakeTimeout), "after {answered} answers");
    }
}
