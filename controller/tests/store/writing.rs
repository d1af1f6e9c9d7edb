//! Commits in numbers: they share the disk, follow each other, and stop where the disk does.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use buoy_controller::store::{Backup, StoreError, restore};
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

/// Commits instances with so many interfaces until a write fails, and takes a backup then. A limit on the size of files
/// stands for a full disk: writes beyond it fail. The last commit that was acknowledged, and how the backup went.
fn write_until_it_fails(dir: &Path, interfaces: u32) -> (u64, String) {
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["writing::child_commits_until_a_write_fails", "--exact", "--nocapture"])
        .env("BUOY_STORE_FULL", dir)
        .env("BUOY_STORE_INTERFACES", interfaces.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = lines.filter_map(|line| line.split_once("said ").map(|(_, said)| said.to_owned())).collect();
    assert!(child.wait().unwrap().success(), "{said:?}");
    let [acknowledged, refusal, later, backup] = said.as_slice() else { panic!("{said:?}") };
    assert!(refusal.contains("is read-only since a write failed"), "{said:?}");
    assert_eq!(refusal, later, "a later commit names the same reason");
    (acknowledged.parse().unwrap(), backup.clone())
}

#[test]
fn failed_write_makes_the_store_read_only_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (acknowledged, backup) = write_until_it_fails(&state, 40);
    let mut whole = vec![state.clone()];
    // What sled gives out after its error may be refused, but what is given out is whole.
    if backup == "backed up" {
        let text = std::fs::read_to_string(state.with_extension("backup")).unwrap();
        whole.push(dir.path().join("restored"));
        restore(&Backup::parse(&text).unwrap(), &whole[1]).unwrap();
    }
    for dir in whole {
        let (_, loaded) = open(&dir);
        assert!((acknowledged..=acknowledged + 1).contains(&loaded.generation.0), "{acknowledged} {loaded:?}");
        for n in 1..=acknowledged {
            assert!(loaded.records.contains(&instance(&format!("i{n}"), 40)), "instance {n}");
        }
    }
}

/// What is too long for the journal goes into the database at once: nobody knows how much of it is there.
#[test]
fn no_backup_is_made_of_what_is_in_the_database_by_halves() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (acknowledged, backup) = write_until_it_fails(&state, 7_000);
    assert!(backup.contains("is read-only since a write failed"), "{backup}");
    let (_, loaded) = open(&state);
    assert!((acknowledged..=acknowledged + 1).contains(&loaded.generation.0), "{acknowledged}");
}

/// Runs only as the child of the tests above.
#[test]
fn child_commits_until_a_write_fails() {
    let Some(dir) = std::env::var_os("BUOY_STORE_FULL") else { return };
    let interfaces = std::env::var("BUOY_STORE_INTERFACES").unwrap().parse().unwrap();
    let (store, _) = open(dir.as_ref());
    for generation in 1..10_000 {
        let put = || puts([instance(&format!("i{generation}"), interfaces)]);
        if let Err(error) = wait(&send(&store, generation, put())) {
            println!("\nsaid {}\nsaid {error}", generation - 1);
            let later = wait(&send(&store, generation, put())).unwrap_err();
            assert!(matches!(later, StoreError::ReadOnly { .. }), "{later:?}");
            println!("said {later}");
            let (answer, answered) = channel();
            store.back_up(move |made| drop(answer.send(made)));
            match answered.recv_timeout(Duration::from_secs(60)).unwrap() {
                Ok(made) => {
                    let backup = std::io::read_to_string(made).unwrap();
                    std::fs::write(Path::new(&dir).with_extension("backup"), backup).unwrap();
                    println!("said backed up");
                }
                Err(error) => println!("said {error}"),
            }
            return;
        }
    }
    panic!("the limit was never reached");
}
