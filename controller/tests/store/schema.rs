//! A store that a buoyd of schema 1 wrote opens with everything in it, and is of the newest schema then.

use std::path::{Path, PathBuf};

use buoy_topology::{Generation, Record};

use crate::support::*;

/// The store in `v1/`, which the buoyd of before there were direct ports and hooks wrote for these commands: two
/// providers, two pools, a network, `web` with two interfaces and `db`, 203.0.113.100 led to `web` and 203.0.113.101
/// allocated to the project `shop`.
fn version_1(dir: &Path) -> PathBuf {
    let state = dir.join("state");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/v1"), &state);
    state
}

#[test]
fn a_store_of_version_1_opens_whole_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = version_1(dir.path());
    let (store, loaded) = open(&state);
    assert_eq!(loaded.generation, Generation(12));
    let count = |is: fn(&Record) -> bool| loaded.records.iter().filter(|record| is(record)).count();
    assert_eq!(count(|own| matches!(own, Record::Provider(_))), 2);
    assert_eq!(count(|own| matches!(own, Record::Pool(_))), 2);
    assert_eq!(count(|own| matches!(own, Record::Network(_))), 1);
    assert_eq!(count(|own| matches!(own, Record::Instance(_))), 2);
    let told = |own: &Record| match own {
        Record::FloatingIp(fip) => {
            Some((fip.address.to_string(), fip.project.clone()?.to_string(), fip.association.is_some()))
        }
        _ => None,
    };
    let fips: Vec<_> = loaded.records.iter().filter_map(told).collect();
    let expected = [("203.0.113.100", "default", true), ("203.0.113.101", "shop", false)];
    assert_eq!(fips, expected.map(|(address, project, is_led)| (address.to_owned(), project.to_owned(), is_led)));
    commit(&store, 13, puts([fip(3, 13)]));
    store.close();
    let (_store, again) = open(&state);
    assert_eq!((again.generation, again.records.len()), (Generation(13), loaded.records.len() + 1));
}

#[test]
fn an_older_buoyd_is_not_given_what_it_would_lose() {
    let dir = tempfile::tempdir().unwrap();
    let state = version_1(dir.path());
    drop(open(&state));
    let db = raw(&state);
    let schema = db.open_tree("meta").unwrap().get("schema").unwrap().unwrap();
    // Magic and version; a buoyd of schema 1 refuses every greater one.
    assert_eq!(schema[..8], *b"buoy\x00\x00\x00\x03");
}

/// The store in `v2/`, which a buoyd of before there was a journal wrote: a provider, a pool, a network, an instance and
/// its floating IP.
fn version_2(dir: &Path) -> PathBuf {
    let state = dir.join("state");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/v2"), &state);
    state
}

#[test]
fn a_store_of_version_2_gets_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let state = version_2(dir.path());
    assert_eq!(std::fs::metadata(state.join("commit")).unwrap().len(), 4_116);
    let (store, loaded) = open(&state);
    assert_eq!((loaded.generation, loaded.records.len()), (Generation(5), 6));
    assert_eq!(std::fs::metadata(state.join("commit")).unwrap().len(), 532_480);
    commit(&store, 6, puts([fip(3, 6)]));
    store.close();
    let (_store, again) = open(&state);
    assert_eq!((again.generation, again.records.len()), (Generation(6), 7));
}

/// As after a power cut between the two steps: the file has its length, and the database is still of schema 2.
#[test]
fn a_store_of_version_2_that_has_room_for_a_journal_already_opens() {
    let dir = tempfile::tempdir().unwrap();
    for len in [5_000, 532_480] {
        let state = version_2(&dir.path().join(len.to_string()));
        std::fs::File::options().write(true).open(state.join("commit")).unwrap().set_len(len).unwrap();
        let (store, loaded) = open(&state);
        assert_eq!(loaded.generation, Generation(5));
        commit(&store, 6, puts([fip(3, 6)]));
        store.close();
        assert_eq!(open(&state).1.generation, Generation(6));
    }
}

/// A buoyd of schema 2 takes the highest whole slot for what was acknowledged, and comes as far as the schema where the
/// database has it.
#[test]
fn an_older_buoyd_finds_the_newer_schema_and_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let state = version_2(dir.path());
    drop(open(&state));
    let bytes = std::fs::read(state.join("commit")).unwrap();
    for slot in [&bytes[..20], &bytes[4_096..4_116]] {
        let (covered, crc) = slot.split_at(16);
        assert_eq!((&covered[..8], crc), (b"buoycmt1".as_slice(), crc32fast::hash(covered).to_be_bytes().as_slice()));
    }
    let db = raw(&state);
    let meta = db.open_tree("meta").unwrap();
    assert_eq!(meta.get("schema").unwrap().unwrap()[..8], *b"buoy\x00\x00\x00\x03");
    let stored = meta.get("state").unwrap().unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&stored[10..]).unwrap();
    let acknowledged = u64::from_be_bytes(bytes[8..16].try_into().unwrap());
    assert_eq!(stored["commit"], acknowledged);
}
