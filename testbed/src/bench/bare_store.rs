//! sled with nothing around it: what the disk and the database themselves take.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Opens a database and reads all that is in it; how many records that were.
#[track_caller]
pub(super) fn scan(path: &Path) -> u64 {
    let db = open(path);
    let names = db.tree_names();
    let trees = names.iter().map(|name| db.open_tree(name).expect("the tree is there"));
    trees.map(|tree| tree.iter().map(|pair| drop(pair.expect("a record"))).count() as u64).sum()
}

/// How many records of so many bytes so many writers make durable in a second, each waiting for one before the next, where
/// one thread writes what waits together in one batch, and syncs it.
#[track_caller]
pub(super) fn commits_a_second(path: &Path, writers: u32, bytes: usize, time: Duration) -> f64 {
    let db = open(path);
    let log = File::options().write(true).open(path.join("db")).expect("sled's log is there");
    let (requests, queue) = channel::<(u32, Sender<()>)>();
    let store = thread::spawn(move || {
        let value = vec![7; bytes];
        while let Ok(first) = queue.recv() {
            let group: Vec<_> = std::iter::once(first).chain(queue.try_iter()).collect();
            let mut batch = sled::Batch::default();
            group.iter().for_each(|(key, _)| batch.insert(&key.to_be_bytes(), value.as_slice()));
            db.apply_batch(batch).expect("sled takes it");
            db.flush().expect("sled writes it");
            log.sync_all().expect("the disk syncs");
            group.iter().for_each(|(_, done)| done.send(()).expect("the writer waits"));
        }
    });
    let end = Instant::now() + time;
    let writer = |number: u32| {
        let requests = requests.clone();
        move || {
            let mut count = 0_u32;
            let (done, is_done) = channel();
            while Instant::now() < end {
                requests.send((number, done.clone())).expect("the store runs");
                is_done.recv().expect("the store answers");
                count += 1;
            }
            count
        }
    };
    let threads: Vec<_> = (0..writers).map(|number| thread::spawn(writer(number))).collect();
    let count: u32 = threads.into_iter().map(|thread| thread.join().expect("a writer ends")).sum();
    drop(requests);
    store.join().expect("the store ends");
    f64::from(count) / time.as_secs_f64()
}

/// As the daemon opens it.
#[track_caller]
fn open(path: &Path) -> sled::Db {
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).mode(sled::Mode::LowSpace);
    config.open().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const CACHE_BYTES: u64 = 8 << 20;
