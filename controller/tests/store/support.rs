//! Steps that the tests of the store share.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use buoy_controller::store::{Commit, Loaded, Store, StoreError};
use buoy_topology::{
    Change, EntityId, FloatingIp, Generation, Instance, Interface, MacAddr, MacPolicy, Name, NeighbourKey, Network,
    PortName, Provider, Record,
};

/// A name.
pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The nth floating IP; `changed` is what makes versions of it differ.
pub(crate) fn fip(n: u32, changed: u64) -> Record {
    let project = Some(name("default"));
    Record::FloatingIp(FloatingIp { project, changed: Generation(changed), ..FloatingIp::new(EntityId(n), address(n)) })
}

/// The nth address.
pub(crate) fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc633_0000 + n)
}

/// A provider.
pub(crate) fn provider(text: &str) -> Record {
    Record::Provider(Arc::new(Provider {
        id: EntityId(1),
        name: name(text),
        bridge: port("br-ex"),
        uplink: port("eth1"),
        vlan: None,
        patch: port("phy-br-ex"),
        gateway: Some(address(1)),
        gateway_mac: Some(MacAddr::new([2, 0, 0, 0, 0, 1])),
        host_ips: vec![address(2)],
        mac_policy: MacPolicy::Router(MacAddr::new([2, 0, 0, 0, 0, 2])),
        onlink: vec!["198.51.100.0/24".parse().unwrap()],
        no_snat: Vec::new(),
        mtu: None,
        garp: true,
        garp_timing: Default::default(),
        hook: None,
        snat: Some("198.51.100.9:20000-29999".parse().unwrap()),
    }))
}

/// A network.
pub(crate) fn network(text: &str) -> Record {
    Record::Network(Arc::new(Network {
        id: EntityId(2),
        name: name(text),
        cidr: "10.0.0.0/24".parse().unwrap(),
        gateway: Ipv4Addr::new(10, 0, 0, 1),
        gateway_mac: MacAddr::new([2, 0, 0, 0, 0, 3]),
        project: Some(name("blue")),
        auto_assign: Some(name("public")),
        snat: false,
    }))
}

/// An instance with so many interfaces.
pub(crate) fn instance(text: &str, interfaces: u32) -> Record {
    let interface = |n: u32| Interface {
        id: EntityId(n),
        network: name("internal"),
        port: port("tap0"),
        vlan: Some(7.try_into().unwrap()),
        mac: MacAddr::new([2, 0, 0, 0, 1, 0]),
        ip: Ipv4Addr::from_bits(0x0a00_0000 + n),
    };
    Record::Instance(Arc::new(Instance {
        name: name(text),
        project: name("default"),
        bridge: port("br-int"),
        interfaces: (0..interfaces).map(interface).collect(),
        labels: Default::default(),
        note: None,
    }))
}

/// A neighbour on a provider's side.
pub(crate) fn neighbour(n: u32) -> NeighbourKey {
    NeighbourKey { provider: EntityId(1), address: address(n) }
}

/// A change that puts records.
pub(crate) fn puts(records: impl IntoIterator<Item = Record>) -> Change {
    let mut change = Change::default();
    records.into_iter().for_each(|record| change.put(record));
    change
}

/// Opens a store that must open.
pub(crate) fn open(dir: &Path) -> (Store, Loaded) {
    buoy_controller::store::open(dir).unwrap_or_else(|error| panic!("{error}"))
}

/// The error that opening ends with.
pub(crate) fn refusal(dir: &Path) -> StoreError {
    buoy_controller::store::open(dir).map(drop).expect_err("the store opened")
}

/// Hands a change over; the answer comes through what is returned.
pub(crate) fn send(store: &Store, generation: u64, change: Change) -> Receiver<Result<Generation, StoreError>> {
    let (answer, answered) = channel();
    store.commit(of(generation, change), move |result| drop(answer.send(result)));
    answered
}

/// The same, and says on stdout that the commit was acknowledged, as soon as it is.
pub(crate) fn send_and_say(store: &Store, generation: u64, change: Change) -> Receiver<Result<Generation, StoreError>> {
    let (answer, answered) = channel();
    store.commit(of(generation, change), move |result| {
        if result.is_ok() {
            // One write for each, so that a kill cuts none in two; a line of the test harness may stand before it.
            let mut out = std::io::stdout().lock();
            out.write_all(format!("\n{generation}.\n").as_bytes()).unwrap();
            out.flush().unwrap();
        }
        drop(answer.send(result));
    });
    answered
}

/// A change and nothing else.
pub(crate) fn of(generation: u64, change: Change) -> Commit {
    let generation = Generation(generation);
    Commit { generation, change, learnt: vec![], hooks: vec![], events: Default::default() }
}

/// The answer, which must come.
pub(crate) fn wait(answered: &Receiver<Result<Generation, StoreError>>) -> Result<Generation, StoreError> {
    answered.recv_timeout(Duration::from_secs(60)).expect("the store thread answers")
}

/// Commits a change that must succeed.
pub(crate) fn commit(store: &Store, generation: u64, change: Change) {
    assert_eq!(wait(&send(store, generation, change)).unwrap(), Generation(generation));
}

/// Learns something, which must succeed.
pub(crate) fn learn(store: &Store, learnt: Vec<(NeighbourKey, Option<MacAddr>)>) -> Generation {
    let (answer, answered) = channel();
    store.learn(learnt, move |result| drop(answer.send(result)));
    wait(&answered).unwrap()
}

/// The generation that each floating IP was last changed in.
pub(crate) fn changed(loaded: &Loaded) -> BTreeMap<Ipv4Addr, u64> {
    let changed = |record: &Record| match record {
        Record::FloatingIp(fip) => Some((fip.address, fip.changed.0)),
        _ => None,
    };
    loaded.records.iter().filter_map(changed).collect()
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn port(text: &str) -> PortName {
    text.parse().unwrap()
}

/// The database itself, once whoever had it before has let go: sled's threads do so a moment after its last owner.
#[track_caller]
pub(crate) fn raw(state: &Path) -> sled::Db {
    let late = Instant::now() + Duration::from_secs(60);
    loop {
        match sled::open(state.join("sled")) {
            Ok(db) => return db,
            Err(error) if error.to_string().contains("could not acquire lock") && Instant::now() < late => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{}: {error}", state.display()),
        }
    }
}
