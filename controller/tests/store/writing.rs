//! Commits in numbers: they share the disk, follow each other, and stop where the disk does.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use buoy_controller::store::StoreError;
use buoy_topology::{Change, Generation};

use crate::support::*;

#[test]
fn commits_that_wait_together_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let answers: Vec<_> = (1..=1_000).map(|n: u32| send(&store, n.into(), puts([fip(n, n.into())]))).collect();
    for answered in &answers {
        wait(answered).unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.commits, 1_000);
    assert!(stats.groups <= 100, "{stats:?}");
    // One for each group, and two where the journal is put into the database, which has some groups at once.
    assert!((stats.groups..=3 * stats.groups).contains(&stats.syncs), "{stats:?}");
}

#[test]
fn lone_commit_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for n in 1..=5 {
        commit(&store, n, Change::default());
    }
    assert_eq!(store.stats().groups, 5);
}

#[test]
fn commits_of_64_threads_are_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let last = Mutex::new(0);
    std::thread::scope(|scope| {
        for thread in 0..64 {
            let (store, last) = (&store, &last);
            scope.spawn(move || {
                for n in 0..25 {
                    let answered = {
                        let mut last = last.lock().unwrap();
                        *last += 1;
                        send(store, *last, puts([fip(thread * 25 + n, *last)]))
                    };
                    wait(&answered).unwrap();
                }
            });
        }
    });
    store.close();
    let (_, loaded) = open(dir.path());
    assert_eq!(loaded.generation, Generation(1_600));
    assert_eq!(changed(&loaded).len(), 1_600);
}

#[test]
fn what_is_queued_when_the_store_is_dropped_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let answers: Vec<_> = (1..=500).map(|n: u32| send(&store, n.into(), puts([fip(n, n.into())]))).collect();
    drop(store);
    assert!(answers.iter().all(|answered| wait(answered).is_ok()));
    assert_eq!(open(dir.path()).1.generation, Generation(500));
}

#[test]
fn generation_that_does_not_follow_is_refused_and_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let answers = [1, 3, 1, 2].map(|generation| send(&store, generation, puts([fip(1, generation)])));
    let results = answers.each_ref().map(|answered| wait(answered).map_err(|error| error.to_string()));
    let refused = |given| Err(format!("commit of generation {given} does not follow generation 1"));
    assert_eq!(results, [Ok(Generation(1)), refused(3), refused(1), Ok(Generation(2))]);
    store.close();
    assert_eq!(open(dir.path()).1.records, [fip(1, 2)]);
}

/// A limit on the size of files stands for a full disk: writes beyond it fail.
#[test]
fn failed_write_makes_the_store_read_only_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["writing::child_commits_until_a_write_fails", "--exact", "--nocapture"])
        .env("BUOY_STORE_FULL", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = child;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = lines.filter_map(|line| line.split_once("said ").map(|(_, said)| said.to_owned())).collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    let acknowledged: u64 = said.first().unwrap().parse().unwrap();
    assert!(said[1].contains("is read-only since a write failed"), "{said:?}");
    assert_eq!(said[1], said[2], "a later commit names the same reason");

    let (_, loaded) = open(dir.path());
    assert!((acknowledged..=acknowledged + 1).contains(&loaded.generation.0), "{acknowledged} {loaded:?}");
    for n in 1..=acknowledged {
        assert!(loaded.records.contains(&instance(&format!("i{n}"), 40)), "instance {n}");
    }
}

/// Runs only as the child of the test above.
#[test]
fn child_commits_until_a_write_fails() {
    let Some(dir) = std::env::var_os("BUOY_STORE_FULL") else { return };
    let (store, _) = open(dir.as_ref());
    for generation in 1..10_000 {
        let put = || puts([instance(&format!("i{generation}"), 40)]);
        if let Err(error) = wait(&send(&store, generation, put())) {
            println!("\nsaid {}\nsaid {error}", generation - 1);
            let later = wait(&send(&store, generation, put())).unwrap_err();
            assert!(matches!(later, StoreError::ReadOnly { .. }), "{later:?}");
            println!("said {later}");
            return;
        }
    }
    panic!("the limit was never reached");
}
