//! What was acknowledged last is only in the journal: it comes back from there, and damage to it is noticed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use buoy_controller::store::{Backup, Loaded, Store, StoreError, restore};
use buoy_topology::{Generation, Key, MacAddr};

use crate::support::*;

/// A store that was killed after five commits, and what it had acknowledged. All of it is in the journal, each commit in a
/// record of its own: the store thread is held in its answers, and so finds the next request whenever it looks.
fn killed(dir: &Path) -> (PathBuf, Loaded) {
    let (running, copy) = (dir.join("running"), dir.join("killed"));
    let (store, _) = open(&running);
    let (answer, answered) = channel();
    let (go_on, held) = channel();
    let held = Arc::new(Mutex::new(held));
    for n in 1..=6_u32 {
        let (answer, held) = (answer.clone(), Arc::clone(&held));
        let done = move |result: Result<Generation, StoreError>| {
            answer.send(result).unwrap();
            held.lock().unwrap().recv().unwrap();
        };
        match n {
            5 => store.learn(vec![(neighbour(1), Some(MacAddr::new([2, 0, 0, 0, 0, 1])))], done),
            6 => {
                let mut change = puts([fip(2, 5)]);
                change.remove(Key::FloatingIp(address(1)));
                store.commit(of(5, change), done);
            }
            n => store.commit(of(n.into(), puts([fip(n, n.into()), instance(&format!("i{n}"), 60)])), done),
        }
        if n > 1 {
            go_on.send(()).unwrap();
        }
        wait(&answered).unwrap();
    }
    copy_dir(&running, &copy);
    go_on.send(()).unwrap();
    store.close();
    assert_eq!(base(&copy), 0);
    (copy, open(&running).1)
}

/// The number that the journal goes on from.
fn base(dir: &Path) -> u64 {
    let bytes = fs::read(dir.join("commit")).unwrap();
    let slot = |at: usize| u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap());
    slot(0).max(slot(4_096))
}

/// Where the records are in the file.
fn records(dir: &Path) -> Vec<usize> {
    let bytes = fs::read(dir.join("commit")).unwrap();
    (8_192..bytes.len()).step_by(4_096).filter(|at| bytes[*at..].starts_with(b"buoyjnl1")).collect()
}

#[test]
fn what_is_only_journaled_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, acknowledged) = killed(dir.path());
    assert_eq!((acknowledged.generation, acknowledged.records.len()), (Generation(5), 7));
    let copy = dir.path().join("copy");
    copy_dir(&killed, &copy);
    assert!(raw(&copy).open_tree("floating_ips").unwrap().is_empty(), "the database has nothing of it");
    for _ in 0..2 {
        let (store, loaded) = open(&killed);
        assert_eq!(loaded, acknowledged);
        store.close();
        assert_eq!(base(&killed), 6);
    }
    let (store, _) = open(&killed);
    commit(&store, 6, puts([fip(9, 6)]));
    store.close();
    assert_eq!(open(&killed).1.records.len(), 8);
}

#[test]
fn damage_to_what_is_journaled_is_never_silent() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, acknowledged) = killed(dir.path());
    let state = dir.path().join("state");
    let begins = records(&killed);
    assert_eq!(begins.len(), 6, "one for each commit, and one for what was learnt");
    for (nth, begin) in begins.iter().enumerate() {
        for at in [0, 9, 18, 25, 40, 90] {
            copy_dir(&killed, &state);
            let mut bytes = fs::read(state.join("commit")).unwrap();
            bytes[begin + at] ^= 0x10;
            fs::write(state.join("commit"), &bytes).unwrap();
            if nth < 5 {
                // It stays refused, and nothing of the journal is lost to who looks at it.
                for _ in 0..2 {
                    let text = format!("commit {} cannot be read in it, and commit 6 came after it", nth + 1);
                    let error = refusal(&state);
                    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
                    assert!(error.to_string().contains(&text), "{at}: {error}");
                }
                assert_eq!(fs::read(state.join("commit")).unwrap(), bytes);
            } else {
                // A last record that is not whole is one of which nobody was told.
                let (_, loaded) = open(&state);
                assert_eq!((loaded.generation, loaded.learnt), (Generation(4), acknowledged.learnt.clone()));
            }
            fs::remove_dir_all(&state).unwrap();
        }
    }
}

/// As where a page of the database is lost after its number was written, and before the journal begins anew.
#[test]
fn what_the_database_lacks_comes_back_whatever_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, acknowledged) = killed(dir.path());
    let journal = fs::read(killed.join("commit")).unwrap();
    open(&killed).0.close();
    assert_eq!(base(&killed), 6);
    for lost in ["floating_ips", "instances", "learnt"] {
        fs::write(killed.join("commit"), &journal).unwrap();
        let db = raw(&killed);
        db.open_tree(lost).unwrap().clear().unwrap();
        db.flush().unwrap();
        drop(db);
        let (store, loaded) = open(&killed);
        assert_eq!(loaded, acknowledged, "{lost}");
        store.close();
    }
}

#[test]
fn a_journal_of_another_past_is_refused_and_the_database_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, _) = killed(dir.path());
    // As many commits as the journal goes on from, as are in the middle of it, and as it has.
    for commits in [3, 6] {
        let other = dir.path().join(format!("other-{commits}"));
        let (store, _) = open(&other);
        for n in 1..=commits {
            commit(&store, n.into(), puts([fip(n + 100, n.into())]));
        }
        store.close();
        let own = fs::read(other.join("commit")).unwrap();
        fs::copy(killed.join("commit"), other.join("commit")).unwrap();
        for _ in 0..2 {
            let text = format!("what it has does not follow commit {commits} of {}/sled", other.display());
            let error = refusal(&other);
            assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains(&text), "{error}");
        }
        fs::write(other.join("commit"), own).unwrap();
        assert_eq!(open(&other).1.records, (1..=commits).map(|n| fip(n + 100, n.into())).collect::<Vec<_>>());
    }
    // The journal goes on from a commit of this past, but that database is at the same commit of another one.
    let [one, two] = [1, 2].map(|version| {
        let path = dir.path().join(format!("past-{version}"));
        let (store, _) = open(&path);
        commit(&store, 1, puts([fip(7, version)]));
        store.close();
        path
    });
    let (store, _) = open(&one);
    let copy = dir.path().join("one-goes-on");
    let (answer, answered) = channel();
    let (from, to) = (one.join("commit"), copy.clone());
    store.commit(of(2, puts([fip(8, 2)])), move |_| answer.send(fs::copy(from, to).map(drop)).unwrap());
    answered.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
    store.close();
    fs::copy(&copy, two.join("commit")).unwrap();
    let error = refusal(&two).to_string();
    assert!(error.contains("what it has does not follow commit 1 of"), "{error}");
}

/// Both checksums are right: that is not what a torn write leaves.
#[test]
fn a_last_record_that_is_whole_and_not_understood_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, _) = killed(dir.path());
    let mut bytes = fs::read(killed.join("commit")).unwrap();
    let begin = *records(&killed).last().unwrap();
    let number = |at: usize| usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    let body = begin + 32..begin + 32 + number(begin + 16);
    // The first letter of a tree's name.
    bytes[body.start + 1] ^= 0x20;
    let crc = crc32fast::hash(&bytes[body]).to_be_bytes();
    bytes[begin + 20..begin + 24].copy_from_slice(&crc);
    let crc = crc32fast::hash(&bytes[begin..begin + 28]).to_be_bytes();
    bytes[begin + 28..begin + 32].copy_from_slice(&crc);
    fs::write(killed.join("commit"), &bytes).unwrap();
    for _ in 0..2 {
        let error = refusal(&killed);
        let text = "commit 6 in it is whole, but not what a buoyd of this version writes";
        assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains(text), "{error}");
    }
    assert_eq!(fs::read(killed.join("commit")).unwrap(), bytes);
}

#[test]
fn a_journal_that_was_cut_is_refused_and_stays_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, _) = killed(dir.path());
    for len in [4_116, 8_192, 20_480, 500_000] {
        let file = fs::File::options().write(true).open(killed.join("commit")).unwrap();
        let whole = fs::read(killed.join("commit")).unwrap();
        file.set_len(len).unwrap();
        for _ in 0..2 {
            let error = refusal(&killed);
            let text = format!("{}/commit is damaged: its end is missing", killed.display());
            assert!(error.to_string().starts_with(&text), "{len}: {error}");
        }
        fs::write(killed.join("commit"), whole).unwrap();
    }
    assert_eq!(open(&killed).1.generation, Generation(5));
}

#[test]
fn a_journal_whose_database_is_gone_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, _) = killed(dir.path());
    fs::remove_dir_all(killed.join("sled")).unwrap();
    let text = "was rolled back: it ends at commit 0 but commit 6 was acknowledged";
    assert!(refusal(&killed).to_string().contains(text));
}

#[test]
fn the_journal_is_put_into_the_database_when_nobody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    // Its own sync, that of the database, and that of the slot.
    until_syncs(&store, 3);
    assert_eq!(base(dir.path()), 1);
    commit(&store, 2, puts([fip(2, 2)]));
    store.close();
    assert_eq!(changed(&open(dir.path()).1).len(), 2);
}

/// Waits until the store has waited for the disk so often.
fn until_syncs(store: &Store, syncs: u64) {
    let late = Instant::now() + Duration::from_secs(120);
    while store.stats().syncs != syncs {
        assert!(Instant::now() < late, "{:?}", store.stats());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_long_record_is_not_put_into_the_database_with_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    commit(&store, 2, puts([instance("long", 2_500)]));
    // Three each.
    until_syncs(&store, 6);
    assert_eq!(base(dir.path()), 2);
    store.close();
    assert_eq!(open(dir.path()).1.records.len(), 2);
}

#[test]
fn a_journal_that_fills_is_put_into_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for n in 1..=300_u32 {
        commit(&store, n.into(), puts([fip(n % 40, n.into())]));
    }
    // 32 records at a time at most.
    assert!(base(dir.path()) > 300 - 32, "{}", base(dir.path()));
    // What has no room goes there at once.
    commit(&store, 301, puts([instance("huge", 7_000)]));
    assert_eq!(base(dir.path()), 301);
    store.close();
    let (_, loaded) = open(dir.path());
    assert_eq!((loaded.generation, loaded.records.len()), (Generation(301), 41));
}

#[test]
fn a_backup_has_what_is_only_journaled() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("state"));
    commit(&store, 1, puts((1..=9).map(|n| fip(n, 1))));
    store.close();
    let (store, _) = open(&dir.path().join("state"));
    let mut change = puts([fip(0, 2), fip(3, 2), fip(20, 2), instance("web", 2)]);
    change.remove(Key::FloatingIp(address(5)));
    commit(&store, 2, change);
    let (answer, answered) = std::sync::mpsc::channel();
    store.back_up(move |made| drop(answer.send(made)));
    let made = answered.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
    let backup = Backup::parse(&std::io::read_to_string(made).unwrap()).unwrap();
    store.close();
    restore(&backup, &dir.path().join("restored")).unwrap();
    let [whole, restored] = ["state", "restored"].map(|own| open(&dir.path().join(own)).1);
    assert_eq!(whole, restored);
    assert_eq!(whole.records.len(), 11);
}
