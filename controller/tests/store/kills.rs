//! SIGKILL at random moments: every acknowledged commit is there, and nothing half-done.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use buoy_controller::store::Loaded;
use buoy_topology::{Change, Key, NeighbourKey};

use crate::support::*;

#[test]
fn acknowledged_commits_survive_sigkill() {
    let kills = if std::env::var_os("BUOY_LONG").is_some() { 500 } else { 20 };
    let dir = tempfile::tempdir().unwrap();
    let mut random = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut acknowledged = 0;
    for kill in 0..kills {
        let after = Duration::from_micros(u64::from(proptest::prelude::Rng::next_u32(&mut random) % 150_000));
        acknowledged = run_and_kill(dir.path(), after).unwrap_or(acknowledged);
        let (store, loaded) = open(dir.path());
        let last = loaded.generation.0;
        assert!(last >= acknowledged, "kill {kill}: {acknowledged} was acknowledged, the store has {last}");
        assert_eq!(changed(&loaded), expected(last), "kill {kill}, generation {last}");
        assert_learnt(&loaded, acknowledged);
        store.close();
        acknowledged = last;
    }
    assert!(acknowledged > kills, "{acknowledged} commits in {kills} runs");
}

/// Starts a child that commits, and kills it: the last commit that it was acknowledged.
fn run_and_kill(dir: &Path, after: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kills::child_commits_until_it_is_killed", "--exact", "--nocapture"])
        .env("BUOY_STORE_CHILD", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let open = lines.by_ref().any(|line| line.ends_with("open"));
    assert!(open, "the child could not open the store: {:?}", child.wait());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    // A line without its end was cut off by the kill; `lines` gives it all the same, so the number has an end mark.
    lines.filter_map(|line| line.strip_suffix('.')?.parse().ok()).last()
}

/// Runs only as the child of the test above: eight clients in turn, so that groups form.
#[test]
fn child_commits_until_it_is_killed() {
    let Some(dir) = std::env::var_os("BUOY_STORE_CHILD") else { return };
    let (store, loaded) = open(dir.as_ref());
    println!("\nopen");
    let learn = |generation| store.learn(vec![(neighbour_of(generation), Some(mac_of(generation)))], |_| {});
    let mut waiting = std::collections::VecDeque::new();
    // The last run may have ended between its last commit and what was learnt after it.
    learn(loaded.generation.0);
    for generation in loaded.generation.0 + 1.. {
        waiting.push_back(send_and_say(&store, generation, change(generation)));
        learn(generation);
        if waiting.len() == 8 {
            wait(&waiting.pop_front().unwrap()).unwrap();
        }
    }
}

/// What commit n does: puts three addresses and removes one, which must be seen together.
pub(crate) fn change(generation: u64) -> Change {
    let [a, b, c, gone] = touched(generation);
    let mut change = puts([a, b, c].map(|n| fip(n, generation)));
    change.remove(Key::FloatingIp(address(gone)));
    change
}

fn touched(generation: u64) -> [u32; 4] {
    let at = |step: u64| u32::try_from((generation * step) % 1_009).unwrap();
    [at(3), at(5), at(7), 2_000 + at(11)].map(|n| if n >= 2_000 { (n - 2_000 + 500) % 1_009 } else { n })
}

/// All addresses after so many commits.
pub(crate) fn expected(last: u64) -> BTreeMap<std::net::Ipv4Addr, u64> {
    let mut expected = BTreeMap::new();
    for generation in 1..=last {
        let [a, b, c, gone] = touched(generation);
        expected.extend([a, b, c].map(|n| (address(n), generation)));
        expected.remove(&address(gone));
    }
    expected
}

/// What was learnt before a commit that was acknowledged is there, or something newer is.
fn assert_learnt(loaded: &Loaded, acknowledged: u64) {
    for generation in acknowledged.saturating_sub(63).max(1)..acknowledged {
        let key = neighbour_of(generation);
        let learnt = loaded.learnt.iter().find(|(learnt, _)| *learnt == key);
        let (_, mac) = learnt.unwrap_or_else(|| panic!("{key:?} is missing"));
        let [.., high, low] = mac.octets();
        assert_eq!(u64::from(u16::from_be_bytes([high, low])) % 64, generation % 64);
    }
}

fn neighbour_of(generation: u64) -> NeighbourKey {
    neighbour(u32::try_from(generation % 64).unwrap())
}

fn mac_of(generation: u64) -> buoy_topology::MacAddr {
    let [.., high, low] = generation.to_be_bytes();
    buoy_topology::MacAddr::new([2, 0, 0, 0, high, low])
}
