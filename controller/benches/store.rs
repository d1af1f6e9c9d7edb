//! Commits a second and their latency, beside what the disk itself can do in the same run.
//!
//! `cargo bench -p buoy-controller --bench store [-- DIRECTORY] [--changes=N]`: on the disk of DIRECTORY, or of the
//! temporary directory; with N changes of 100,000 addresses alone, what these take on disk.

use std::fmt;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use buoy_controller::events::time::Millis;
use buoy_controller::events::{Class, Detail, Entries, Event, Kind, Seq};
use buoy_controller::store::{Commit, Store, open};
use buoy_topology::{Association, Change, EntityId, FloatingIp, Generation, Record};

fn main() -> anyhow::Result<()> {
    let parent = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let dir = tempfile::tempdir_in(parent.map_or_else(std::env::temp_dir, PathBuf::from))?;
    if let Some(changes) = std::env::args().find_map(|arg| arg.strip_prefix("--changes=")?.parse().ok()) {
        return measure_growth(&dir.path().join("growth"), changes);
    }
    println!("{:<44} {:>10}   median min max", "", "a second");
    let file = File::create_new(dir.path().join("fsync"))?;
    let append = |n: u64| file.write_all_at(&[1; 4_096], n * 4_096).and_then(|()| file.sync_all());
    print("4 KiB appended and fsync", &repeat(2_000, append)?);
    let overwrite = |_| file.write_all_at(&[2; 20], 0).and_then(|()| file.sync_data());
    print("20 bytes in place and fdatasync", &repeat(2_000, overwrite)?);
    for (clients, commits) in [(1, 4_000), (16, 16_000), (64, 64_000)] {
        for with_events in [false, true] {
            let state = dir.path().join(format!("clients-{clients}-{with_events}"));
            let (store, _) = open(&state)?;
            let latencies = commit(&store, clients, commits, with_events);
            let what = if with_events { " with an event each" } else { "" };
            print(&format!("commits of {clients} clients{what}"), &latencies);
            println!("    {:?}, {} MB of log", store.stats(), state.join("sled/db").metadata()?.len() / 1_000_000);
        }
    }
    measure_open(&dir.path().join("open"), false)?;
    measure_open(&dir.path().join("open-with-events"), true)
}

/// The latencies of something, and how long all of it took.
struct Latencies {
    each: Vec<Duration>,
    all: Duration,
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut each = self.each.clone();
        each.sort_unstable();
        let [Some(median), Some(min), Some(max)] = [each.get(each.len() / 2), each.first(), each.last()] else {
            return f.write_str("nothing measured");
        };
        let count = u32::try_from(each.len()).unwrap_or(u32::MAX);
        let [median, min, max] = [median, min, max].map(Duration::as_micros);
        write!(f, "{:>10.0}   {median} {min} {max} µs", f64::from(count) / self.all.as_secs_f64())
    }
}

fn print(what: &str, latencies: &Latencies) {
    println!("{what:<44} {latencies}");
}

fn repeat(times: u64, mut step: impl FnMut(u64) -> std::io::Result<()>) -> std::io::Result<Latencies> {
    let started = Instant::now();
    let mut each = Vec::new();
    for n in 0..times {
        let before = Instant::now();
        step(n)?;
        each.push(before.elapsed());
    }
    Ok(Latencies { each, all: started.elapsed() })
}

/// Commits from so many threads, each waiting for its answer before it goes on.
fn commit(store: &Store, clients: u32, commits: u32, with_events: bool) -> Latencies {
    let last = Mutex::new(0);
    // The oldest goes for the newest, as in a log that is full.
    let change_bound = 2_000;
    let started = Instant::now();
    let client = || {
        let mut each = Vec::new();
        for _ in 0..commits / clients {
            let (answer, answered) = channel();
            let before = Instant::now();
            {
                let mut last = last.lock().expect("no client panics");
                *last += 1;
                let mut change = Change::default();
                change.put(fip(*last));
                let events = if with_events { event(*last, change_bound) } else { Entries::default() };
                let generation = Generation((*last).into());
                let commit = Commit { generation, change, learnt: vec![], hooks: vec![], events };
                store.commit(commit, move |result| drop(answer.send(result)));
            }
            answered.recv().expect("an answer comes").expect("the commit succeeds");
            each.push(before.elapsed());
        }
        each
    };
    let each = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no client panics")).collect()
    });
    Latencies { each, all: started.elapsed() }
}

/// How long it takes to open 100,000 associated addresses, and what they take on disk.
fn measure_open(state: &Path, with_events: bool) -> anyhow::Result<()> {
    let (store, _) = open(state)?;
    for generation in 1..=100 {
        let (answer, answered) = channel();
        let mut change = Change::default();
        (0..1_000).for_each(|n| change.put(fip(generation * 1_000 + n)));
        let each =
            (0..1_000).filter(|_| with_events).flat_map(|n| event(generation * 1_000 - 999 + n, u32::MAX).events);
        let events = Entries { events: each.collect(), gone: vec![] };
        let generation = Generation(generation.into());
        let commit = Commit { generation, change, learnt: vec![], hooks: vec![], events };
        store.commit(commit, move |result| drop(answer.send(result)));
        answered.recv()??;
    }
    store.close();
    let each = (0..7)
        .map(|_| {
            let before = Instant::now();
            let (store, loaded) = open(state)?;
            let elapsed = before.elapsed();
            anyhow::ensure!(loaded.records.len() == 100_000, "{} records", loaded.records.len());
            anyhow::ensure!(loaded.events.len() == if with_events { 100_000 } else { 0 }, "events");
            store.close();
            Ok(elapsed)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let all = each.iter().sum();
    let what = if with_events { " and events" } else { "" };
    print(&format!("opening 100,000 associated addresses{what}"), &Latencies { each, all });
    println!("    {} MB of log", state.join("sled/db").metadata()?.len() / 1_000_000);
    Ok(())
}

/// What so many changes of 100,000 addresses, with an event each, leave on disk.
fn measure_growth(state: &Path, changes: u32) -> anyhow::Result<()> {
    let (store, _) = open(state)?;
    let started = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    for n in 1..=changes {
        let (answer, answered) = channel();
        let mut change = Change::default();
        change.put(fip(n % 100_000));
        let (generation, events) = (Generation(n.into()), event(n, 100_000));
        let commit = Commit { generation, change, learnt: vec![], hooks: vec![], events };
        store.commit(commit, move |result| drop(answer.send(result)));
        waiting.push_back(answered);
        if waiting.len() == 64 || n == changes {
            let answers = if n == changes { waiting.len() } else { 1 };
            for answered in waiting.drain(..answers) {
                answered.recv()??;
            }
        }
        if n % (changes / 10).max(1) == 0 {
            let log = state.join("sled/db").metadata()?.len();
            let rate = f64::from(n) / started.elapsed().as_secs_f64();
            println!(
                "{n:>9} changes: {:>6.1} MB, {:>5} bytes an address, {rate:.0} a second",
                log as f64 / 1e6,
                log / 100_000
            );
        }
    }
    store.close();
    let before = Instant::now();
    let (_store, loaded) = open(state)?;
    println!("opened in {:?}: {} records, {} events", before.elapsed(), loaded.records.len(), loaded.events.len());
    Ok(())
}

fn fip(n: u32) -> Record {
    Record::FloatingIp(FloatingIp {
        project: Some("default".parse().expect("a name")),
        association: Some(Association {
            instance: "instance".parse().expect("a name"),
            fixed_ip: Ipv4Addr::from_bits(0xc0a8_0000 + n),
        }),
        changed: Generation(n.into()),
        ..FloatingIp::new(EntityId(n), Ipv4Addr::from_bits(0x0a00_0000 + n))
    })
}

/// The event of an association as the log has it, and the one that goes for it once there are so many.
fn event(n: u32, bound: u32) -> Entries {
    let fixed_ip = Ipv4Addr::from_bits(0xc0a8_0000 + n);
    let detail = serde_json::json!({
        "pool": "public", "provider": "lan", "project": "default", "instance": "instance", "fixed_ip": fixed_ip,
        "previous_instance": null, "previous_fixed_ip": null, "generation": n, "uid": 0, "user": "root",
    });
    let subject = Ipv4Addr::from_bits(0x0a00_0000 + n).to_string().into();
    let (seq, time) = (Seq(n.into()), Millis(1_795_267_785_042));
    let event = Event { seq, time, kind: Kind::Associated, subject, detail: Detail::of(&detail) };
    let gone = n.checked_sub(bound).filter(|gone| *gone > 0).map(|gone| (Class::Change, Seq(gone.into())));
    Entries { events: vec![Arc::new(event)], gone: gone.into_iter().collect() }
}
