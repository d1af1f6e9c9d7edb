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
    assert_eq!(schema[..8], *b"buoy\x00\x00\x00\x02");
}
