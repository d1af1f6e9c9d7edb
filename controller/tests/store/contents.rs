//! What is stored comes back, and a store is only given out to one.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use buoy_controller::store::{Commit, Loaded, StoreError};
use buoy_topology::{
    AddressSet, EntityId, Generation, HookEvent, HookKind, HookRecord, HookState, Key, MacAddr, Pool, RangeSpec, Record,
};

use crate::support::*;

fn pool(text: &str, addresses: AddressSet) -> Record {
    let pool = Pool {
        id: EntityId(3),
        name: name(text),
        provider: name("upstream"),
        addresses,
        default: true,
        reserved: AddressSet::default(),
        withdrawn: AddressSet::default(),
        cool_down: Default::default(),
        warn_at: None,
    };
    Record::Pool(Arc::new(pool))
}

#[test]
fn every_kind_of_record_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, loaded) = open(dir.path());
    assert_eq!(loaded, Loaded::default());
    let records = vec![
        provider("upstream"),
        pool("public", AddressSet::default()),
        network("internal"),
        instance("web", 2),
        fip(3, 1),
        fip(4, 1),
        Record::NextEntity(9),
    ];
    commit(&store, 1, puts(records.clone()));
    let mac = MacAddr::new([2, 0, 0, 0, 0, 9]);
    assert_eq!(learn(&store, vec![(neighbour(1), Some(mac)), (neighbour(2), Some(mac))]), Generation(1));
    assert_eq!(learn(&store, vec![(neighbour(2), None)]), Generation(1));
    store.close();
    let expected =
        Loaded { generation: Generation(1), records, learnt: vec![(neighbour(1), mac)], hooks: vec![], events: vec![] };
    assert_eq!(open(dir.path()).1, expected);
}

/// Where the hook of the nth address stands.
fn hook(n: u32, tries: u32) -> HookRecord {
    let event = HookEvent {
        event: HookKind::Moved,
        address: address(n),
        provider: name("upstream"),
        pool: name("public"),
        mac: None,
        project: Some(name("default")),
        instance: Some(name("web")),
        fixed_ip: Some(address(9)),
        host: Some("192.0.2.1".to_owned()),
        previous_instance: None,
        generation: Generation(1),
    };
    HookRecord { event, state: HookState::Pending, tries, at: 1, message: Some("no".to_owned()) }
}

#[test]
fn hooks_are_stored_with_their_change_and_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let hooks = vec![(address(1), Some(hook(1, 0))), (address(2), Some(hook(2, 0)))];
    let (answer, answered) = std::sync::mpsc::channel();
    let refused = answer.clone();
    let with = |generation| Commit {
        generation: Generation(generation),
        change: puts([]),
        learnt: vec![],
        hooks: hooks.clone(),
        events: Default::default(),
    };
    store.commit(with(7), move |result| drop(refused.send(result)));
    assert!(wait(&answered).is_err());
    store.close();
    let (store, loaded) = open(dir.path());
    assert_eq!(loaded.hooks, []);
    store.commit(with(1), {
        let answer = answer.clone();
        move |result| drop(answer.send(result))
    });
    assert_eq!(wait(&answered).unwrap(), Generation(1));
    store.note_hooks(vec![(address(1), Some(hook(1, 3))), (address(2), None)], move |result| drop(answer.send(result)));
    assert_eq!(wait(&answered).unwrap(), Generation(1));
    store.close();
    assert_eq!(open(dir.path()).1.hooks, [hook(1, 3)]);
}

#[test]
fn a_store_from_before_there_were_hooks_opens_and_one_that_lost_them_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let drop_hooks = || {
        let db = raw(dir.path());
        assert!(db.drop_tree("hooks").unwrap());
        db.flush().unwrap();
    };
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1)]));
    store.close();
    drop_hooks();
    let (store, loaded) = open(dir.path());
    assert_eq!((loaded.records, loaded.hooks), (vec![fip(1, 1)], vec![]));
    let (answer, answered) = std::sync::mpsc::channel();
    store.note_hooks(vec![(address(1), Some(hook(1, 0)))], move |result| drop(answer.send(result)));
    wait(&answered).unwrap();
    store.close();
    drop_hooks();
    assert!(matches!(refusal(dir.path()), StoreError::Damaged { .. }));
}

#[test]
fn removed_and_replaced_records_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    commit(&store, 1, puts([fip(1, 1), fip(2, 1), instance("web", 400)]));
    let mut change = puts([fip(1, 2), fip(3, 2), instance("web", 1)]);
    change.remove(Key::FloatingIp(address(2)));
    change.remove(Key::Network(name("never-there")));
    change.remove(Key::FloatingIp(address(3)));
    change.put(fip(3, 3));
    commit(&store, 2, change);
    store.close();
    assert_eq!(open(dir.path()).1.records, [instance("web", 1), fip(1, 2), fip(3, 3)]);
}

#[test]
fn long_records_come_back_and_leave_sled_no_file_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let mut records: Vec<_> = (0..30).map(|n| instance(&format!("i{n:02}"), 30 * n)).collect();
    records.push(instance("i99", 8_000));
    commit(&store, 1, puts(records.clone()));
    for n in 0..30 {
        commit(&store, u64::from(n) + 2, puts([instance("other", n * 100)]));
        assert_eq!(std::fs::read_dir(dir.path().join("sled/blobs")).unwrap().count(), 0);
    }
    store.close();
    records.push(instance("other", 2_900));
    assert_eq!(open(dir.path()).1.records, records);
}

#[test]
fn pool_of_many_ranges_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let mut addresses = AddressSet::default();
    for n in 0..2_000 {
        addresses.insert(RangeSpec::Span(address(2 * n), address(2 * n)).span(false));
    }
    let record = pool("public", addresses);
    commit(&store, 1, puts([record.clone()]));
    store.close();
    assert_eq!(open(dir.path()).1.records, [record]);
}

#[test]
fn one_change_may_hold_a_whole_site() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let records: Vec<_> = (0..30_000).map(|n| fip(n, 1)).collect();
    commit(&store, 1, puts(records.clone()));
    store.close();
    let loaded = open(dir.path()).1.records;
    let differs = loaded.iter().zip(&records).position(|(own, stored)| own != stored);
    assert_eq!((loaded.len(), differs), (30_000, None), "all are there, in the order of their keys");
}

#[test]
fn second_open_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let error = refusal(dir.path());
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("another buoyd already uses {}", dir.path().display()));
    store.close();
    open(dir.path());
}

#[test]
fn directory_is_created_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    open(&state);
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn path_that_cannot_be_a_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file, dir.path().join("missing/state")] {
        let error = refusal(&path);
        assert!(matches!(&error, StoreError::Io { path: named, .. } if *named == path), "{error:?}");
    }
}
