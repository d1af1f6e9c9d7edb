//! What a change costs between its commit and its bundle, in time and in allocations: the difference of what a bridge
//! should have and what it has, and the store.
//!
//! `cargo bench -p buoy-controller --bench micro`; a name after `--` picks those that have it in theirs. The store is on
//! the disk of the temporary directory.

#[path = "../../flows/benches/site/mod.rs"]
mod site;

use std::hint::black_box;
use std::sync::mpsc::channel;

use buoy_controller::events::Entries;
use buoy_controller::reconcile::FlowTable;
use buoy_controller::store::{Commit, open};
use buoy_flows::flow::Flow;
use buoy_flows::pipeline::{Entity, Role, World, compile};
use buoy_topology::{Bridge, Generation, Learnt, Site};
use divan::{AllocProfiler, Bencher};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// An association comes and goes on br-int that has so many others: each time its flows are wanted, the bundle is made and
/// the switch has applied it.
#[divan::bench(args = [100, 10_000])]
fn diff_one(bencher: Bencher<'_, '_>, size: u32) {
    let integration = Integration::new(size);
    let mut table = integration.table();
    let entity = Entity::Association(site::address(size / 2));
    let flows = integration.compile(&entity);
    let mut change = |flows: &[Flow]| {
        table.want(black_box(&entity), flows);
        let batch = table.due(|_, _| true);
        let sent = batch.flow_mods().count();
        table.applied(batch);
        sent
    };
    bencher.bench_local(|| (change(&[]), change(&flows)));
}

/// The switch tells all that it has, and nothing is other than it should be.
#[divan::bench(args = [100, 10_000], sample_count = 10)]
fn diff_dump(bencher: Bencher<'_, '_>, size: u32) {
    let integration = Integration::new(size);
    let mut table = integration.table();
    let dump: Vec<_> =
        integration.entities().flat_map(|entity| integration.compile(&entity)).map(site::stats).collect();
    bencher.bench_local(|| {
        table.begin_dump();
        dump.iter().for_each(|flow| table.reported(black_box(flow)));
        assert_eq!(table.end_dump(), 0, "the dump shows what is there");
        assert!(table.is_clean());
    });
}

/// One association after the other is made durable, each with an fsync of its own.
#[divan::bench]
fn commit_one(bencher: Bencher<'_, '_>) {
    commits(bencher, 1);
}

/// 64 associations are asked for at once, and are made durable together.
#[divan::bench]
fn commit_64(bencher: Bencher<'_, '_>) {
    commits(bencher, 64);
}

fn commits(bencher: Bencher<'_, '_>, together: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let (store, _) = open(&directory.path().join("state")).expect("a new store");
    let mut site = site::site(1);
    site.apply(&site.disassociate(site::address(0)).expect("it is associated"));
    let change = site::associate(&site, 0);
    let mut generation = Generation(0);
    bencher.bench_local(|| {
        let answers: Vec<_> = (0..together)
            .map(|_| {
                generation = Generation(generation.0 + 1);
                let (answer, answered) = channel();
                let events = Entries::default();
                let commit = Commit { generation, change: change.clone(), learnt: vec![], hooks: vec![], events };
                store.commit(commit, move |result| drop(answer.send(result)));
                answered
            })
            .collect();
        for answered in answers {
            answered.recv().expect("an answer comes").expect("the commit succeeds");
        }
    });
    store.close();
}

/// The bridge of all instances of a site.
struct Integration {
    site: Site,
    learnt: Learnt,
    bridge: Bridge,
}

impl Integration {
    fn new(size: u32) -> Self {
        let [_, bridge] = site::bridges();
        Self { site: site::site(size), learnt: Learnt::default(), bridge }
    }

    fn world(&self) -> World<'_> {
        World { site: &self.site, learnt: &self.learnt, bridge: &self.bridge, role: Role::Integration }
    }

    fn entities(&self) -> impl Iterator<Item = Entity> {
        Entity::on(self.world())
    }

    fn compile(&self, entity: &Entity) -> Vec<Flow> {
        compile(self.world(), entity)
    }

    /// The table of a switch that has everything.
    fn table(&self) -> FlowTable {
        let mut table = FlowTable::default();
        table.begin_dump();
        table.end_dump();
        self.entities().for_each(|entity| table.want(&entity, &self.compile(&entity)));
        let everything = table.due(|_, _| true);
        table.applied(everything);
        table
    }
}
