//! Bytes that flip, files that end early, copies that are put back: refused, or without effect, never silent.

use std::fs;
use std::path::{Path, PathBuf};

use buoy_controller::store::{Loaded, StoreError};
use buoy_topology::{Key, MacAddr};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::*;

/// A store with some history, closed, and what is in it. `reopened` folds the log into sled's snapshot first.
fn sample(dir: &Path, reopened: bool) -> Loaded {
    let (mut store, _) = open(dir);
    for generation in 1..=60 {
        if reopened && generation == 40 {
            store.close();
            store = open(dir).0;
        }
        let n = u32::try_from(generation).unwrap();
        let mut change = puts([fip(n % 20, generation), instance(&format!("i{n}"), n * 3), provider("upstream")]);
        change.remove(Key::Instance(name(&format!("i{}", n / 2))));
        commit(&store, generation, change);
        learn(&store, vec![(neighbour(n), Some(MacAddr::new([2, 0, 0, 0, 0, 1])))]);
    }
    store.close();
    let scratch = tempfile::tempdir().unwrap();
    copy_dir(dir, &scratch.path().join("state"));
    open(&scratch.path().join("state")).1
}

/// Every file of a state directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Damages copies of a sample in many ways; each must be refused with words or open with everything in it.
fn check(damage: impl Fn(&mut Vec<u8>, &mut TestRng), reopened: bool, rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let whole = sample(&good, reopened);
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (mut refused, mut complete) = (0, 0);
    for file in files(&good) {
        let file = file.strip_prefix(&good).unwrap();
        for round in 0..rounds {
            let state = dir.path().join("state");
            copy_dir(&good, &state);
            let mut bytes = fs::read(state.join(file)).unwrap();
            damage(&mut bytes, &mut random);
            fs::write(state.join(file), &bytes).unwrap();
            match buoy_controller::store::open(&state) {
                Ok((store, loaded)) => {
                    assert_eq!(loaded, whole, "{} round {round}", file.display());
                    store.close();
                    complete += 1;
                }
                Err(StoreError::Damaged { .. } | StoreError::RolledBack { .. } | StoreError::Io { .. }) => refused += 1,
                Err(other) => panic!("{} round {round}: {other}", file.display()),
            }
            fs::remove_dir_all(&state).unwrap();
        }
    }
    println!("{refused} refused, {complete} complete");
    assert!(refused > 0, "{complete} damaged stores opened");
}

fn rounds() -> usize {
    if std::env::var_os("BUOY_LONG").is_some() { 500 } else { 20 }
}

/// A place in a file; mostly where there is something, not in the zeros behind it.
fn position(bytes: &[u8], random: &mut TestRng) -> usize {
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let anywhere = random.next_u32().is_multiple_of(8);
    usize::try_from(random.next_u64()).unwrap() % if anywhere { bytes.len() } else { used }
}

fn flip(bytes: &mut [u8], random: &mut TestRng) {
    let at = position(bytes, random);
    bytes[at] ^= 1 << (random.next_u32() % 8);
}

fn truncate(bytes: &mut Vec<u8>, random: &mut TestRng) {
    let at = position(bytes, random);
    bytes.truncate(at);
}

fn zero(bytes: &mut [u8], random: &mut TestRng) {
    let at = position(bytes, random);
    let end = bytes.len().min(at / 512 * 512 + 512);
    bytes[at..end].fill(0);
}

#[test]
fn flipped_bit_is_never_silent() {
    check(|bytes, random| flip(bytes, random), false, rounds());
    check(|bytes, random| flip(bytes, random), true, rounds());
}

#[test]
fn truncation_is_never_silent() {
    check(truncate, false, rounds());
    check(truncate, true, rounds());
}

#[test]
fn zeroed_block_is_never_silent() {
    check(|bytes, random| zero(bytes, random), false, rounds());
    check(|bytes, random| zero(bytes, random), true, rounds());
}

#[test]
fn older_copy_put_back_is_refused_and_stays_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    store.close();
    let copy = dir.path().join("copy");
    copy_dir(&dir.path().join("sled"), &copy);
    let (store, _) = open(dir.path());
    commit(&store, 2, puts([fip(1, 2)]));
    commit(&store, 3, puts([fip(1, 3)]));
    store.close();
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    fs::rename(copy, dir.path().join("sled")).unwrap();
    for _ in 0..2 {
        let error = refusal(dir.path());
        assert!(matches!(error, StoreError::RolledBack { .. }), "{error:?}");
        let text = format!(
            "{}/sled was rolled back: it ends at commit 1 but commit 3 was acknowledged; \
             move the state directory away, then restore a backup (buoyd restore FILE) or start empty",
            dir.path().display()
        );
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn whole_directory_restored_from_a_backup_opens() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (store, _) = open(&state);
    commit(&store, 1, puts([fip(1, 1)]));
    store.close();
    copy_dir(&state, &dir.path().join("backup"));
    let (store, _) = open(&state);
    commit(&store, 2, puts([fip(1, 2)]));
    store.close();
    let (_, loaded) = open(&dir.path().join("backup"));
    assert_eq!(loaded.records, [fip(1, 1)]);
}

/// As after a crash between the fsync of the database and that of the commit file.
#[test]
fn store_ahead_of_the_commit_file_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    let before = fs::read(dir.path().join("commit")).unwrap();
    commit(&store, 2, puts([fip(1, 2)]));
    store.close();
    fs::write(dir.path().join("commit"), before).unwrap();
    assert_eq!(open(dir.path()).1.records, [fip(1, 2)]);
    assert_eq!(open(dir.path()).1.records, [fip(1, 2)]);
}

#[test]
fn missing_files_are_refused() {
    let lose = |what: &str| {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path());
        commit(&store, 1, puts([fip(1, 1)]));
        store.close();
        let path = dir.path().join(what);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        refusal(dir.path())
    };
    assert!(matches!(lose("sled"), StoreError::RolledBack { .. }));
    assert!(matches!(lose("sled/db"), StoreError::RolledBack { .. }));
    assert!(matches!(lose("commit"), StoreError::Damaged { .. }));
}

#[test]
fn store_of_a_newer_buoyd_is_refused_as_such() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).0.close();
    let covered = [b"buoy".as_slice(), &4_u32.to_be_bytes()].concat();
    let record = [covered.as_slice(), &crc32fast::hash(&covered).to_be_bytes()].concat();
    with_sled(dir.path(), |db| drop(db.open_tree("meta").unwrap().insert("schema", record).unwrap()));
    let error = refusal(dir.path());
    assert!(matches!(error, StoreError::Newer { stored: 4, known: 3, .. }), "{error:?}");
}

/// What sled itself would not notice: values changed, moved, lost or put back behind its checksums.
#[test]
fn records_that_were_not_stored_so_are_refused() {
    let tampers: [(&str, Tamper); 4] = [
        ("floating_ips/198.51.0.1: its checksum is wrong", |tree| {
            let mut value = tree.get(address(1).octets()).unwrap().unwrap().to_vec();
            *value.last_mut().unwrap() ^= 1;
            tree.insert(address(1).octets(), value).unwrap();
        }),
        ("floating_ips/198.51.0.7: its checksum is wrong", |tree| {
            let value = tree.get(address(1).octets()).unwrap().unwrap();
            tree.insert(address(7).octets(), value).unwrap();
        }),
        ("floating_ips has 1 records where 2 were stored", |tree| {
            tree.remove(address(1).octets()).unwrap();
        }),
        ("floating_ips/198.51.0.1: it is too short", |tree| {
            tree.insert(address(1).octets(), b"").unwrap();
        }),
    ];
    for (expected, tamper) in tampers {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path());
        commit(&store, 1, puts([fip(1, 1), fip(2, 1)]));
        store.close();
        with_sled(dir.path(), |db| tamper(&db.open_tree("floating_ips").unwrap()));
        let error = refusal(dir.path()).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Several threads look at them.
#[test]
fn of_several_damaged_records_the_first_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts((0..3_000).map(|n| fip(n, 1))));
    store.close();
    with_sled(dir.path(), |db| {
        let tree = db.open_tree("floating_ips").unwrap();
        for n in 700..2_900 {
            let mut value = tree.get(address(n).octets()).unwrap().unwrap().to_vec();
            *value.last_mut().unwrap() ^= 1;
            tree.insert(address(n).octets(), value).unwrap();
        }
        tree.insert(address(2_900).octets(), b"").unwrap();
    });
    for _ in 0..10 {
        let error = refusal(dir.path()).to_string();
        assert!(error.contains("floating_ips/198.51.2.188: its checksum is wrong"), "{error}");
    }
}

#[test]
fn old_version_of_a_whole_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1), fip(2, 1)]));
    store.close();
    let old = with_sled(dir.path(), |db| db.open_tree("floating_ips").unwrap().get(address(1).octets()).unwrap());
    let (store, _) = open(dir.path());
    commit(&store, 2, puts([fip(1, 2)]));
    store.close();
    with_sled(dir.path(), |db| {
        db.open_tree("floating_ips").unwrap().insert(address(1).octets(), old.unwrap()).unwrap();
    });
    let error = refusal(dir.path()).to_string();
    assert!(error.contains("floating_ips has 2 records where 2 were stored, or some of them are old"), "{error}");
}

/// Something done to a tree.
type Tamper = fn(&sled::Tree);

/// Works on the database behind the store's back.
fn with_sled<T>(dir: &Path, work: impl FnOnce(&sled::Db) -> T) -> T {
    let config = sled::Config::new().path(dir.join("sled"));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let db = loop {
        match config.open() {
            Ok(db) => break db,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
    };
    let result = work(&db);
    db.flush().unwrap();
    result
}
