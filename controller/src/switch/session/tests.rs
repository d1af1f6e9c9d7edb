mod fence;
mod guests;
mod handshake;
mod jobs;
mod legacy;

use buoy_flows::flow::{FlowBody, FlowKey, Step};
use buoy_flows::openflow::{
    BufferId, BundleControl, BundleControlKind, ControllerRole, Cookie, FlowChange, FlowMod, FlowModCommand, FlowStats,
    FlowStatsRequest, Match, MeterFeatures, PacketIn, PacketOut, TableId, VERSION_1_3, split_frame,
};
use buoy_topology::{DatapathId, MacAddr, PortNo};
use proptest::prelude::*;

use super::*;

/// A session, and the switch that it talks to.
struct Talk {
    session: Session,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        let now = Instant::now();
        Self { session: Session::new(now), now }
    }

    /// A session whose handshake is over.
    fn ready() -> Self {
        let mut talk = Self::new();
        talk.sent();
        for (_, message) in handshake() {
            talk.says(Xid(0), message);
            talk.sent();
        }
        assert!(matches!(talk.event(), Event::Ready(_)));
        talk
    }

    /// What the session sends now.
    fn sent(&mut self) -> Vec<(Xid, Message)> {
        let mut bytes = BytesMut::new();
        while self.session.transmit(&mut bytes).unwrap() {
            if bytes.len() < WRITE_AHEAD {
                break;
            }
        }
        std::iter::from_fn(|| split_frame(&mut bytes).unwrap()).map(|frame| Message::decode(&frame).unwrap()).collect()
    }

    fn only_sent(&mut self) -> (Xid, Message) {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    fn hears(&mut self, frame: &[u8]) -> Result<(), CloseReason> {
        self.session.receive(&Bytes::copy_from_slice(frame), self.now)
    }

    fn says(&mut self, xid: Xid, message: Message) {
        self.hears(&encoded(xid, &message)).unwrap();
    }

    fn event(&mut self) -> Event {
        self.session.poll_event().expect("an event")
    }

    fn outcome(&mut self) -> BundleOutcome {
        match self.event() {
            Event::Bundle(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass, looking at the clock every second, until the session closes; tells after how many seconds.
    fn closes(&mut self) -> (u64, CloseReason) {
        let start = self.now;
        for second in 0..60 {
            self.now = start + Duration::from_secs(second);
            if let Err(reason) = self.session.tick(self.now) {
                return (second, reason);
            }
        }
        panic!("still open after a minute: {:?}", self.session)
    }

    /// Hands over a bundle, and returns the messages that go out before its barrier is answered.
    fn begins(&mut self, flow_mods: usize) -> Vec<(Xid, Message)> {
        self.session.command(bundle(flow_mods));
        self.sent()
    }
}

fn encoded(xid: Xid, message: &Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(xid, &mut bytes).unwrap();
    bytes
}

fn features() -> Features {
    let datapath_id = DatapathId(0x42);
    Features { datapath_id, n_buffers: 0, n_tables: 254, auxiliary_id: 0, capabilities: 0x4f, reserved: 0 }
}

fn port(number: u32) -> Port {
    Port {
        number: PortNo(number),
        hw_addr: MacAddr::new([2, 0, 0, 0, 0, 1]),
        name: format!("port{number}"),
        config: Default::default(),
        state: Default::default(),
        curr: 0,
        advertised: 0,
        supported: 0,
        peer: 0,
        curr_speed: 0,
        max_speed: 0,
    }
}

fn ports(numbers: &[u32], more: bool) -> Message {
    let body = MultipartReplyBody::PortDesc(numbers.iter().copied().map(port).collect());
    Message::MultipartReply(MultipartReply { more, body })
}

fn meters(max_meter: u32) -> Message {
    let body = MultipartReplyBody::MeterFeatures(MeterFeatures { max_meter, ..MeterFeatures::default() });
    Message::MultipartReply(MultipartReply { more: false, body })
}

fn flows(cookies: &[u64], more: bool) -> Message {
    let flow = |cookie: &u64| FlowStats {
        table: TableId(0),
        duration: Default::default(),
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        flags: Default::default(),
        cookie: Cookie(*cookie),
        packet_count: 0,
        byte_count: 0,
        matching: Match::new(),
        instructions: Vec::new(),
    };
    let body = MultipartReplyBody::Flow(cookies.iter().map(flow).collect());
    Message::MultipartReply(MultipartReply { more, body })
}

/// What the session sends last at each step of the handshake, and what a switch answers.
fn handshake() -> [(&'static str, Message); 4] {
    [
        ("hello", Message::Hello(Hello { version: VERSION_1_3, bitmap: None })),
        ("features request", Message::FeaturesReply(features())),
        ("multipart request", ports(&[1, 2], false)),
        ("multipart request", meters(1)),
    ]
}

fn bundle(flow_mods: usize) -> Command {
    let flow_mod = |n| FlowMod { cookie: Cookie(n as u64), ..FlowMod::default() };
    Command::Bundle(FlowMods::new((0..flow_mods).map(flow_mod).map(|own| step(&own))))
}

/// The step whose flow mod this is.
fn step(flow_mod: &FlowMod) -> Step {
    let FlowMod { table, priority, matching, cookie, instructions, .. } = flow_mod;
    let body = (flow_mod.command == FlowModCommand::Add).then(|| FlowBody::of(*cookie, instructions).unwrap());
    Step { key: FlowKey::of(*table, *priority, matching), body }
}

fn packet_out() -> Message {
    let frame = Bytes::from_static(b"packet");
    Message::PacketOut(PacketOut { buffer_id: BufferId::NONE, in_port: PortNo::CONTROLLER, actions: Vec::new(), frame })
}

fn control(of: &Message, kind: BundleControlKind) -> Message {
    let Message::BundleControl(BundleControl { id, flags, .. }) = of else { panic!("{of:?}") };
    Message::BundleControl(BundleControl::new(*id, kind, *flags))
}

/// OFPT_ERROR of the switch: a bad argument of an action, say.
fn refusal() -> Message {
    Message::Error(ErrorMsg { kind: 2, code: 4, data: Bytes::new() })
}

fn word(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "hello",
        Message::FeaturesRequest => "features request",
        Message::MultipartRequest(_) => "multipart request",
        Message::BundleControl(control) => match control.kind {
            BundleControlKind::OpenRequest => "open",
            BundleControlKind::CommitRequest => "commit",
            BundleControlKind::DiscardRequest => "discard",
            _ => "another control",
        },
        Message::BundleAdd(_) => "add",
        Message::BarrierRequest => "barrier",
        Message::EchoRequest(_) => "echo request",
        Message::EchoReply(_) => "echo reply",
        Message::PacketOut(_) => "packet out",
        Message::FlowMod(_) => "flow mod",
        Message::Error(_) => "error",
        _ => "another message",
    }
}

fn words(sent: &[(Xid, Message)]) -> Vec<&'static str> {
    sent.iter().map(|(_, message)| word(message)).collect()
}

#[test]
fn silent_switch_is_asked_once_and_closed() {
    let mut talk = Talk::ready();
    assert_eq!(talk.closes(), ((ECHO_AFTER + ECHO_WAIT).as_secs(), CloseReason::EchoTimeout));
    assert_eq!(words(&talk.sent()), ["echo request"]);
}

#[test]
fn switch_that_answers_echoes_stays() {
    let mut talk = Talk::ready();
    for second in 0..600 {
        talk.now += Duration::from_secs(1);
        talk.session.tick(talk.now).unwrap_or_else(|reason| panic!("{reason} after {second} s"));
        for (xid, message) in talk.sent() {
            let Message::EchoRequest(payload) = message else { panic!("{message:?}") };
            talk.says(xid, Message::EchoReply(payload));
        }
    }
}

#[test]
fn echo_request_is_answered_with_its_payload_and_xid() {
    for mut talk in [Talk::new(), Talk::ready()] {
        talk.sent();
        talk.says(Xid(0xdead_beef), Message::EchoRequest(Bytes::from_static(b"are you there")));
        let answer = (Xid(0xdead_beef), Message::EchoReply(Bytes::from_static(b"are you there")));
        assert_eq!(talk.only_sent(), answer);
    }
}

#[test]
fn frame_that_cannot_be_read_closes() {
    let mut talk = Talk::ready();
    // A features reply that ends in the middle of its datapath id.
    let closed = talk.hears(&[4, 6, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert!(matches!(closed, Err(CloseReason::BadMessage(_))), "{closed:?}");
}

#[test]
fn unknown_messages_are_passed_over() {
    let mut talk = Talk::ready();
    for kind in 30..=255 {
        talk.hears(&[4, kind, 0, 8, 0, 0, 0, 1]).unwrap();
    }
    assert!(talk.sent().is_empty());
    assert!(talk.session.poll_event().is_none());
}

/// A frame of each kind that a switch sends, with bytes changed and its end cut or drawn out.
fn mutant() -> impl Strategy<Value = Vec<u8>> {
    let [(_, hello), (_, features), (_, ports), _] = handshake();
    let open = BundleControl::new(BundleId(1), BundleControlKind::CommitReply, Default::default());
    let all = vec![
        hello,
        features,
        ports,
        flows(&[1, 2, 3], false),
        refusal(),
        Message::BarrierReply,
        Message::BundleControl(open),
        Message::EchoRequest(Bytes::from_static(b"12345678")),
        packet_out(),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (prop::sample::select(all), 0u32..12, changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(message, xid, changes, end, cut)| {
            let mut bytes = encoded(Xid(xid), &message).to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(end.index(bytes.len() + 1));
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn garbage_closes_or_is_passed_over(frames in proptest::collection::vec(mutant(), 1..20), jobs in 0usize..4) {
        let mut talk = if jobs == 0 { Talk::new() } else { Talk::ready() };
        match jobs {
            1 => talk.session.command(Command::Dump(FlowStatsRequest::default())),
            2 => talk.session.command(bundle(3)),
            _ => {}
        }
        for frame in frames {
            talk.sent();
            match talk.hears(&frame) {
                Ok(()) => while talk.session.poll_event().is_some() {},
                Err(CloseReason::BadMessage(_) | CloseReason::Version { .. } | CloseReason::NoDump { .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
    }
}
