//! Sessions in OpenFlow 1.0.

use buoy_flows::flow::Owner;
use buoy_flows::flow::owner::Feature;
use buoy_flows::openflow::{Action, FlowModCommand, Instruction};

use super::*;

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const FEATURES_REQUEST: u8 = 5;
const FEATURES_REPLY: u8 = 6;
const FLOW_MOD: u8 = 14;
const STATS_REQUEST: u8 = 16;
const STATS_REPLY: u8 = 17;
const BARRIER_REQUEST: u8 = 18;
const BARRIER_REPLY: u8 = 19;

/// A session with a switch that speaks 1.0.
struct Old(Talk);

impl Old {
    fn ready() -> Self {
        let mut old = Self(Talk::new());
        assert!(matches!(old.0.only_sent(), (_, Message::Hello(hello)) if hello == Hello::ours()));
        old.says(HELLO, Xid(1), &[]);
        let (xid, kind) = old.only_sent();
        assert_eq!(kind, FEATURES_REQUEST);
        old.says(FEATURES_REPLY, xid, &features());
        let Event::Ready(ready) = old.0.event() else { panic!("not ready") };
        assert_eq!((ready.dialect, ready.meters), (Dialect::OpenFlow10, false));
        assert_eq!(ready.ports.iter().map(|port| port.number).collect::<Vec<_>>(), [PortNo::LOCAL]);
        assert!(matches!(old.0.event(), Event::Unwatched { is_over: false }));
        old
    }

    fn says(&mut self, kind: u8, xid: Xid, body: &[u8]) {
        self.0.hears(&frame(kind, xid, body)).unwrap();
    }

    /// Xid, type and priority of what the session sends now.
    fn sent(&mut self) -> Vec<(Xid, u8, Option<u16>)> {
        let frames = self.0.sent().into_iter().map(|(xid, message)| {
            let Message::Other(other) = message else { panic!("{message:?} in 1.0") };
            assert_eq!(other.version, 1);
            let priority = other.body.get(54..56).filter(|_| other.kind == FLOW_MOD);
            (xid, other.kind, priority.map(|bytes| u16::from_be_bytes(bytes.try_into().unwrap())))
        });
        frames.collect()
    }

    fn only_sent(&mut self) -> (Xid, u8) {
        let sent = self.sent();
        let [(xid, kind, _)] = *sent else { panic!("{sent:?}") };
        (xid, kind)
    }

    /// The priorities of the next phase's flow mods; its barrier.
    fn phase(&mut self) -> (Vec<u16>, Xid) {
        let sent = self.sent();
        let (last, flow_mods) = sent.split_last().unwrap();
        assert_eq!(last.1, BARRIER_REQUEST);
        (flow_mods.iter().filter_map(|(_, _, priority)| *priority).collect(), last.0)
    }
}

fn frame(kind: u8, xid: Xid, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
    [&[1, kind], &len[..], &xid.0.to_be_bytes(), body].concat()
}

fn features() -> Vec<u8> {
    let local = [&[0xff, 0xfe, 2, 0, 0, 0, 0, 1][..], b"br-ex\0\0\0\0\0\0\0\0\0\0\0", &[0; 24]].concat();
    [&0x42_u64.to_be_bytes()[..], &[0, 0, 0, 0, 254, 0, 0, 0], &[0; 8], &local].concat()
}

fn flow_mod(priority: u16, feature: Feature) -> FlowMod {
    FlowMod { priority, cookie: Owner { feature, entity: 1 }.cookie(), ..FlowMod::default() }
}

fn delete(priority: u16) -> FlowMod {
    FlowMod { priority, command: FlowModCommand::DeleteStrict, ..FlowMod::default() }
}

fn job(flow_mods: Vec<FlowMod>) -> Command {
    Command::Bundle(FlowMods::new(flow_mods.into_iter().map(|own| step(&own))))
}

#[test]
fn newest_of_both_sides_is_spoken_and_1_3_wins() {
    let mut talk = Talk::new();
    talk.sent();
    talk.says(Xid(1), Message::Hello(Hello { version: 4, bitmap: Some(vec![1 << 1 | 1 << 4]) }));
    assert!(matches!(talk.only_sent(), (_, Message::FeaturesRequest)));
    Old::ready();
}

#[test]
fn whoever_speaks_neither_is_told_both_versions() {
    let mut talk = Talk::new();
    talk.sent();
    let newer = encoded(Xid(1), &Message::Hello(Hello { version: 6, bitmap: Some(vec![1 << 6]) }));
    let closed = talk.hears(&newer).unwrap_err();
    assert_eq!(closed.to_string(), "speaks neither OpenFlow 1.3 nor 1.0 (offers up to 0x06)");
    let (_, Message::Error(error)) = talk.only_sent() else { panic!("no error") };
    assert!(error.is_incompatible());
    let text = String::from_utf8(error.data.to_vec()).unwrap();
    assert!(text.contains("0x04") && text.contains("0x01"), "{text}");
}

#[test]
fn walls_come_first_then_doors_then_deletes_from_below() {
    let mut old = Old::ready();
    let flow_mods = vec![
        delete(300),
        flow_mod(1, Feature::NextHop),
        flow_mod(2, Feature::Guard),
        delete(100),
        flow_mod(3, Feature::Drop),
        flow_mod(4, Feature::Nat),
    ];
    old.0.session.command(job(flow_mods));
    for expected in [vec![2, 3], vec![1, 4], vec![100, 300]] {
        let (priorities, barrier) = old.phase();
        assert_eq!(priorities, expected);
        assert!(old.sent().is_empty(), "nothing goes on before the barrier is answered");
        old.says(BARRIER_REPLY, Xid(0xdead), &[]);
        assert!(old.sent().is_empty());
        old.says(BARRIER_REPLY, barrier, &[]);
    }
    assert_eq!(old.0.outcome(), BundleOutcome::Applied);
}

#[test]
fn a_refusal_names_its_flow_mod_and_ends_the_job() {
    let mut old = Old::ready();
    old.0.session.command(job(vec![flow_mod(1, Feature::Nat), flow_mod(2, Feature::Drop), flow_mod(3, Feature::Drop)]));
    let sent = old.sent();
    let (refused, _, priority) = sent[1];
    assert_eq!(priority, Some(3));
    old.says(ERROR, refused, &[0, 3, 0, 0]);
    old.says(BARRIER_REPLY, sent[2].0, &[]);
    let refusal = Refusal { index: 2, error: "OFPFMFC_ALL_TABLES_FULL".to_owned() };
    assert_eq!(old.0.outcome(), BundleOutcome::Refused(vec![refusal]));
    assert!(old.sent().is_empty());
}

#[test]
fn what_1_0_cannot_say_is_refused_before_anything_is_sent() {
    let mut old = Old::ready();
    let ttl = vec![Instruction::ApplyActions(vec![Action::DecNwTtl])];
    let unsaid = FlowMod { instructions: ttl, ..flow_mod(1, Feature::Nat) };
    old.0.session.command(job(vec![flow_mod(2, Feature::Drop), unsaid]));
    let (xid, kind) = old.only_sent();
    assert_eq!(kind, BARRIER_REQUEST);
    old.says(BARRIER_REPLY, xid, &[]);
    let BundleOutcome::Refused(refusals) = old.0.outcome() else { panic!("it cannot be applied") };
    assert_eq!(refusals.iter().map(|own| own.index).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_job_of_nothing_ends_by_its_barrier() {
    let mut old = Old::ready();
    old.0.session.command(job(Vec::new()));
    let (xid, _) = old.only_sent();
    old.says(BARRIER_REPLY, xid, &[]);
    assert_eq!(old.0.outcome(), BundleOutcome::Applied);
}

#[test]
fn a_switch_that_refuses_barriers_leaves_the_outcome_open() {
    let mut old = Old::ready();
    old.0.session.command(job(vec![flow_mod(1, Feature::Nat)]));
    let (_, barrier) = old.phase();
    old.says(ERROR, barrier, &[0, 1, 0, 1]);
    assert_eq!(old.0.outcome(), BundleOutcome::Failed("OFPBRC_BAD_TYPE".to_owned()));
}

#[test]
fn a_dump_tells_what_is_in_the_first_table() {
    let mut old = Old::ready();
    old.0.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, kind) = old.only_sent();
    assert_eq!(kind, STATS_REQUEST);
    let line = |table: u8| [&[0, 88, table, 0, 0, 0x38, 0x20, 0xff][..], &[0; 80]].concat();
    old.says(STATS_REPLY, xid, &[&[0, 1, 0, 1], &line(0)[..], &line(3)].concat());
    old.says(STATS_REPLY, xid, &[0, 1, 0, 0]);
    let Event::Flows(flows) = old.0.event() else { panic!("no flows") };
    assert_eq!(flows.len(), 1);
    assert!(matches!(old.0.event(), Event::Flows(rest) if rest.is_empty()));
    assert!(matches!(old.0.event(), Event::DumpDone));
}

#[test]
fn a_pipeline_of_ours_beside_the_one_table_closes() {
    let mut old = Old::ready();
    old.0.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, _) = old.only_sent();
    let cookie = flow_mod(1, Feature::Nat).cookie.0.to_be_bytes();
    let line = [&[0, 88, 50, 0, 0, 0x38, 0x20, 0xff][..], &[0; 56], &cookie, &[0; 16]].concat();
    let closed = old.0.hears(&frame(STATS_REPLY, xid, &[&[0, 1, 0, 0], &line[..]].concat()));
    assert_eq!(closed, Err(CloseReason::OtherDialect));
}

#[test]
fn a_refused_dump_and_another_version_close() {
    let mut old = Old::ready();
    old.0.session.command(Command::Dump(FlowStatsRequest::default()));
    let (xid, _) = old.only_sent();
    let closed = old.0.hears(&frame(ERROR, xid, &[0, 1, 0, 2]));
    assert_eq!(closed, Err(CloseReason::NoDump { error: "OFPBRC_BAD_STAT".to_owned() }));
    let mut old = Old::ready();
    assert!(matches!(old.0.hears(&[4, 10, 0, 8, 0, 0, 0, 0]), Err(CloseReason::BadMessage(_))));
}

#[test]
fn what_1_0_has_no_words_for_is_not_sent() {
    let mut old = Old::ready();
    old.0.session.command(Command::ClaimPrimary);
    let frame = Bytes::from_static(b"frame");
    let (buffer_id, in_port) = (BufferId::NONE, PortNo::CONTROLLER);
    let actions = vec![Action::Resubmit { port: None, table: TableId(50) }];
    old.0.session.command(Command::Packets(vec![PacketOut { buffer_id, in_port, actions, frame }]));
    assert!(old.sent().is_empty());
    old.0.now += ECHO_AFTER;
    old.0.session.tick(old.0.now).unwrap();
    assert_eq!(old.only_sent().1, 2, "an echo request goes out in 1.0");
}

proptest! {
    #[test]
    fn garbage_in_1_0_closes_or_is_passed_over(
        frames in proptest::collection::vec((0..22_u8, proptest::collection::vec(any::<u8>(), 0..120)), 1..20),
        jobs in 0..3_u8,
    ) {
        let mut old = Old::ready();
        match jobs {
            1 => old.0.session.command(Command::Dump(FlowStatsRequest::default())),
            2 => old.0.session.command(job(vec![flow_mod(1, Feature::Nat), delete(2)])),
            _ => {}
        }
        for (kind, body) in frames {
            old.sent();
            match old.0.hears(&frame(kind, Xid(3), &body)) {
                Ok(()) => while old.0.session.poll_event().is_some() {},
                Err(CloseReason::BadMessage(_) | CloseReason::NoDump { .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
    }
}
