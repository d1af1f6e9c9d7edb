//! Power cuts: a run of the store is recorded, and at many points only what was synced by then is put back.

mod disk;
mod record;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use buoy_topology::{EntityId, Record};
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::kills::{change, expected};
use crate::support::*;
use disk::{Disk, Luck};
use record::{Event, record};

#[test]
fn acknowledged_commits_survive_a_power_cut() {
    check_cuts("power::child_commits_a_while", COMMITS, 60);
}

/// sled writes over segments of its log that it has no use for any more.
#[test]
fn acknowledged_commits_survive_a_power_cut_while_the_log_is_written_over() {
    check_cuts("power::child_writes_its_log_over", OVERWRITES, 10);
}

/// Records a child, and cuts its power at so many places: all of them with `BUOY_LONG`.
fn check_cuts(child: &str, commits: u64, places: usize) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    let events = record(child, &root);
    let said = events.iter().filter(|event| matches!(event, Event::Said(_))).count();
    assert_eq!(said, usize::try_from(commits).unwrap(), "all is recorded");
    let long = std::env::var_os("BUOY_LONG").is_some();
    let step = if long { 1 } else { events.len().div_ceil(places) };
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut disk, mut promised, mut cuts) = (Disk::new(&root), 0, 0);
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Said(generation) => promised = promised.max(*generation),
            event => disk.take(event),
        }
        // The end of a run is where the next power cut is looked for least: always cut there.
        if at % step != 0 && at + 1 != events.len() {
            continue;
        }
        for luck in [Luck::Nothing, Luck::Some, Luck::All] {
            let replayed = dir.path().join("replayed");
            disk.write_to(&replayed, luck, &mut random);
            check(&replayed, promised, &format!("event {at} of {}, {luck:?}", events.len()));
            let _ = std::fs::remove_dir_all(&replayed);
            cuts += 1;
        }
    }
    println!("{cuts} power cuts in {} events; every promised commit was there", events.len());
}

/// Holds that a store opens with all that was promised, and goes on.
fn check(dir: &Path, promised: u64, cut: &str) {
    let opened = buoy_controller::store::open(dir);
    let (store, loaded) = opened.unwrap_or_else(|error| panic!("{cut}: {error}"));
    let last = loaded.generation.0;
    assert!(last >= promised, "{cut}: {promised} was promised, the store has {last}");
    assert_eq!(changed(&loaded), expected(last), "{cut}: generation {last}");
    commit(&store, last + 1, change(last + 1));
}

/// Runs only as the child of the test above: four clients in turn, so that groups form. Now and then there is more than
/// the journal is left to hold, and once more than it has room for.
#[test]
fn child_commits_a_while() {
    let Some(dir) = std::env::var_os("BUOY_STORE_CHILD") else { return };
    let (store, _) = open(dir.as_ref());
    let mut waiting = VecDeque::new();
    for generation in 1..=COMMITS {
        let mut change = change(generation);
        match generation {
            90 => change.put(instance("huge", 7_000)),
            _ if generation % 25 == 0 => change.put(instance("large", 1_500)),
            _ => {}
        }
        waiting.push_back(send_and_say(&store, generation, change));
        if waiting.len() == 4 {
            wait(&waiting.pop_front().unwrap()).unwrap();
        }
    }
    waiting.iter().for_each(|answered| assert!(wait(answered).is_ok()));
    store.close();
}

/// Runs only as the child of the test above: ten instances are stored anew all the time, and now and then one that takes
/// 300 KiB.
#[test]
fn child_writes_its_log_over() {
    let Some(dir) = std::env::var_os("BUOY_STORE_CHILD") else { return };
    let (store, _) = open(dir.as_ref());
    for generation in 1..=OVERWRITES {
        let mut change = change(generation);
        let (name, interfaces) = if generation % 20 == 7 { (10, 2_700) } else { (generation % 10, 300) };
        let Record::Instance(mut own) = instance(&format!("i{name}"), interfaces) else { unreachable!() };
        // Other bytes each time, or sled writes nothing.
        Arc::make_mut(&mut own).interfaces.iter_mut().for_each(|interface| interface.id = EntityId(id(generation)));
        change.put(Record::Instance(own));
        wait(&send_and_say(&store, generation, change)).unwrap();
    }
    store.close();
}

fn id(generation: u64) -> u32 {
    1_000_000 + u32::try_from(generation).unwrap()
}

const COMMITS: u64 = 120;
const OVERWRITES: u64 = 160;
