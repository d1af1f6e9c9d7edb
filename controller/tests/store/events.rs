//! The log in the store: numbers, bounds, and what belongs to one transaction.

use std::sync::Arc;
use std::sync::mpsc::channel;

use buoy_controller::events::time::Millis;
use buoy_controller::events::{Class, Detail, Entries, Event, Kind, Log, Seq};
use buoy_controller::store::{Commit, Store, StoreError};
use buoy_topology::Generation;
use serde_json::json;

use crate::support::{commit, fip, open, puts, raw, refusal, wait};

fn event(seq: u64, kind: Kind) -> Arc<Event> {
    let detail = Detail::of(&json!({"instance": "web-1", "seq": seq}));
    Arc::new(Event { seq: Seq(seq), time: Millis(seq), kind, subject: "192.0.2.1".into(), detail })
}

/// Hands events over together with a change.
fn change(store: &Store, generation: u64, events: Entries) {
    let (answer, answered) = channel();
    let change = puts([fip(1, generation)]);
    let commit = Commit { generation: Generation(generation), change, learnt: vec![], hooks: vec![], events };
    store.commit(commit, move |result| drop(answer.send(result)));
    assert_eq!(wait(&answered).unwrap(), Generation(generation));
}

/// The numbers that a store has when it is opened.
fn numbers(dir: &std::path::Path) -> Vec<u64> {
    let (store, loaded) = open(dir);
    store.close();
    let mut numbers: Vec<_> = loaded.events.iter().map(|event| event.seq.0).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn events_are_stored_with_their_change_and_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (store, loaded) = open(dir.path());
    assert_eq!(loaded.events, []);
    change(&store, 1, Entries { events: vec![event(1, Kind::PortUp), event(2, Kind::Associated)], gone: vec![] });
    let (answer, answered) = channel();
    let observed = Entries { events: vec![event(3, Kind::PortDown)], gone: vec![(Class::Signal, Seq(1))] };
    store.log(observed, move |result| drop(answer.send(result)));
    assert_eq!(wait(&answered).unwrap(), Generation(1));
    store.close();
    let (store, mut loaded) = open(dir.path());
    loaded.events.sort_by_key(|event| event.seq);
    assert_eq!(loaded.events, [(*event(2, Kind::Associated)).clone(), (*event(3, Kind::PortDown)).clone()]);
    store.close();
}

#[test]
fn a_change_that_is_refused_leaves_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let (answer, answered) = channel();
    let events = Entries { events: vec![event(1, Kind::Associated)], gone: vec![] };
    let change = puts([fip(1, 7)]);
    let commit = Commit { generation: Generation(7), change, learnt: vec![], hooks: vec![], events };
    store.commit(commit, move |result| drop(answer.send(result)));
    assert!(matches!(wait(&answered), Err(StoreError::OutOfOrder { .. })));
    store.close();
    assert_eq!(numbers(dir.path()), [] as [u64; 0]);
}

#[test]
fn each_part_keeps_its_bound_and_the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let log = Log::load(Vec::new());
    let bounds = [Class::Change, Class::Signal].map(|class| u64::try_from(class.bound()).unwrap());
    let (changes, signals) = (bounds[0] + 300, bounds[1] + 200);
    let kind = |seq: u64| if seq <= signals { Kind::PortUp } else { Kind::Associated };
    let all: Vec<_> = (1..=changes + signals).map(|seq| event(seq, kind(seq))).collect();
    for (events, generation) in all.chunks(5_000).zip(1..) {
        let mut entries = Entries { events: events.to_vec(), gone: vec![] };
        for class in [Class::Change, Class::Signal] {
            let more = events.iter().filter(|event| event.kind.class() == class).count();
            entries.gone.extend(log.surplus(class, more).into_iter().map(|seq| (class, seq)));
        }
        log.add(&entries);
        change(&store, generation, entries);
    }
    store.close();
    let kept = numbers(dir.path());
    assert_eq!(kept.len() as u64, bounds[0] + bounds[1]);
    let wanted: Vec<_> = (201..=signals).chain(signals + 301..=signals + changes).collect();
    assert_eq!(kept, wanted);
    assert_eq!(log.oldest(), Seq(signals + 301));
    let (store, loaded) = open(dir.path());
    store.close();
    assert_eq!(Log::load(loaded.events).oldest(), log.oldest(), "what is loaded is what was kept");
}

#[test]
fn a_store_from_before_there_were_events_opens_and_one_that_lost_them_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let drop_trees = || {
        let db = raw(dir.path());
        assert!(db.drop_tree("history").unwrap() && db.drop_tree("signals").unwrap());
        db.flush().unwrap();
    };
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    store.close();
    drop_trees();
    let (store, loaded) = open(dir.path());
    assert_eq!((loaded.records, loaded.events), (vec![fip(1, 1)], vec![]));
    change(&store, 2, Entries { events: vec![event(1, Kind::Associated)], gone: vec![] });
    store.close();
    drop_trees();
    assert!(matches!(refusal(dir.path()), StoreError::Damaged { .. }));
}
