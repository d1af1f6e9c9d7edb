use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::time::Millis;
use crate::events::{Detail, Kind};

fn event(seq: u64) -> Arc<Event> {
    let detail = Detail::of(&json!({"network": "blue", "number": seq, "text": "two \"words\"\n"}));
    let subject = format!("web-{seq}").into();
    Arc::new(Event { seq: Seq(seq), time: Millis(seq), kind: Kind::PortUp, subject, detail })
}

/// What happens to a part.
#[derive(Clone, Debug)]
enum Step {
    /// So many events come, with numbers so far apart.
    Come(usize, u64),
    /// So many go.
    Go(usize),
    /// What there is to pack is packed, while so many go.
    Pack(usize),
    /// Somebody reads: after how much of what there is, up to how much of it, and how many.
    Read(f64, f64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..900_usize, 1..4_u64).prop_map(|(count, apart)| Step::Come(count, apart)),
        (0..500_usize).prop_map(Step::Go),
        prop_oneof![Just(0), 0..700_usize].prop_map(Step::Pack),
        (0.0..1.0, 0.0..1.2, prop_oneof![0..600_usize, Just(usize::MAX)])
            .prop_map(|(after, last, most)| Step::Read(after, last, most)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_part_reads_as_a_plain_list(steps in vec(step(), 1..16)) {
        let (mut part, mut plain, mut newest) = (Part::default(), VecDeque::<Arc<Event>>::new(), 0);
        let go = |part: &mut Part, plain: &mut VecDeque<Arc<Event>>, count: usize| {
            if let Some(last) = plain.drain(..count.min(plain.len())).next_back() {
                part.forget(last.seq);
            }
        };
        for step in steps {
            match step {
                Step::Come(count, apart) => for _ in 0..count {
                    newest += apart;
                    part.push(event(newest));
                    plain.push_back(event(newest));
                },
                Step::Go(count) => go(&mut part, &mut plain, count),
                Step::Pack(count) => {
                    while let Some(events) = part.to_pack() {
                        let piece = Piece::of(&events);
                        go(&mut part, &mut plain, count);
                        part.packed(piece);
                    }
                }
                Step::Read(after, last, most) => {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                        reason = "some number among those that there are")]
                    let [after, last] = [after, last].map(|part| Seq((part * newest as f64) as u64));
                    let own = plain.iter().filter(|event| after < event.seq && event.seq <= last).take(most);
                    prop_assert_eq!(part.take(after, last, most).unpack(), own.cloned().collect::<Vec<_>>());
                    let mut own: Vec<_> = plain.iter().rev().filter(|event| event.seq < last).take(most).cloned().collect();
                    own.reverse();
                    prop_assert_eq!(part.take_before(last, most).unpack(), own);
                }
            }
            prop_assert_eq!(part.len(), plain.len());
            prop_assert_eq!(part.take(Seq(0), Seq(u64::MAX), usize::MAX).unpack(), plain.iter().cloned().collect::<Vec<_>>());
            prop_assert!(part.seqs().eq(plain.iter().map(|event| event.seq)));
        }
    }
}

#[test]
fn what_is_not_new_takes_a_fraction() {
    let events: Vec<_> = (1_000_000..).map(event).take(PIECE).collect();
    let text: usize = events.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum();
    assert!(Piece::of(&events).text.len() * 3 < text);
}
