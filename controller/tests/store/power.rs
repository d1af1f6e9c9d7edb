//! Power cuts: a run of the store is recorded, and at many points only what was synced by then is put back.

mod disk;
mod record;

use std::collections::VecDeque;
use std::path::Path;

use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::kills::{change, expected};
use crate::support::*;
use disk::{Disk, Luck};
use record::{Event, record};

#[test]
fn acknowledged_commits_survive_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    let events = record("power::child_commits_a_while", &root);
    for mark in ['.', ';'] {
        let said = events.iter().filter(|event| matches!(event, Event::Said(_, own) if *own == mark)).count();
        assert_eq!(said, usize::try_from(COMMITS).unwrap(), "all is recorded");
    }
    let long = std::env::var_os("BUOY_LONG").is_some();
    let step = if long { 1 } else { events.len().div_ceil(60) };
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut disk, mut promised, mut cuts) = (Disk::new(&root), 0, 0);
    for (at, event) in events.iter().enumerate() {
        match event {
            // What is there to stay is promised as much as what was acknowledged: a switch may have its flows.
            Event::Said(generation, _) => promised = promised.max(*generation),
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

/// Runs only as the child of the test above: four clients in turn, so that groups form.
#[test]
fn child_commits_a_while() {
    let Some(dir) = std::env::var_os("BUOY_STORE_CHILD") else { return };
    let (store, _) = open(dir.as_ref());
    let mut waiting = VecDeque::new();
    let acknowledge = |(generation, answered)| {
        wait(&answered).unwrap();
        say(generation, '.');
    };
    for generation in 1..=COMMITS {
        let kept = move || say(generation, ';');
        waiting.push_back((generation, send_in_steps(&store, generation, change(generation), kept)));
        if waiting.len() == 4 {
            acknowledge(waiting.pop_front().unwrap());
        }
    }
    waiting.into_iter().for_each(acknowledge);
}

const COMMITS: u64 = 120;
