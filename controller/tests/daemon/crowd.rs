//! Many clients at once: no address twice, none lost, quotas exact.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Client, Daemon};

const CLIENTS: usize = 64;
const PROJECTS: usize = 8;
const ADDRESSES: usize = 40;

/// A daemon with a pool of 40 addresses that another project gets as soon as they are released.
fn daemon() -> Daemon {
    let daemon = Daemon::start();
    for command in [
        "provider create lan --bridge br-ex --uplink eth0 --gateway 203.0.113.1",
        "pool create public --provider lan --range 203.0.113.100-203.0.113.139 --cool-down 0",
    ] {
        let output = daemon.buoyctl(&format!("--wait store {command}"));
        assert!(output.status.success(), "{command}: {output:?}");
    }
    daemon
}

fn project(client: usize) -> String {
    format!("p{}", client % PROJECTS)
}

fn call(client: &mut Client, method: &str, mut params: Value) -> Result<Value, String> {
    params["wait"] = "store".into();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    client.send(format!("{request}\n").as_bytes());
    let mut answer = client.answer();
    match answer["error"]["data"]["kind"].as_str() {
        Some(kind) => Err(kind.to_owned()),
        None => Ok(answer["result"].take()),
    }
}

/// Runs all clients at once, each with its number.
fn crowd(daemon: &Daemon, work: impl Fn(usize, &mut Client) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (work, mut client) = (&work, daemon.client());
            scope.spawn(move || work(number, &mut client));
        }
    });
}

/// Lets every client allocate until it is refused; returns how many each project has got, and why they were refused.
fn grab(daemon: &Daemon) -> (HashMap<String, usize>, BTreeSet<String>) {
    let given: Mutex<(HashMap<String, String>, BTreeSet<String>)> = Mutex::default();
    crowd(daemon, |number, client| {
        loop {
            match call(client, "fip.allocate", json!({"project": project(number)})) {
                Ok(view) => {
                    let twice =
                        given.lock().expect("no client failed").0.insert(view["address"].to_string(), project(number));
                    assert_eq!(twice, None, "{view} was given out twice");
                }
                Err(kind) => {
                    given.lock().expect("no client failed").1.insert(kind);
                    return;
                }
            }
        }
    });
    let (owners, refusals) = given.into_inner().expect("no client failed");
    let mut counts = HashMap::new();
    for project in owners.into_values() {
        *counts.entry(project).or_default() += 1;
    }
    (counts, refusals)
}

#[test]
fn sixty_four_clients_get_each_address_once_and_their_quotas_exactly() {
    let daemon = daemon();
    assert!(daemon.buoyctl("project set --default --fip-quota 3").status.success());
    let held: Mutex<(HashMap<String, usize>, HashMap<String, usize>)> = Mutex::default();
    crowd(&daemon, |number, client| {
        for _ in 0..20 {
            let project = project(number);
            let view = match call(client, "fip.allocate", json!({"project": project})) {
                Ok(view) => view,
                Err(kind) => {
                    assert_eq!(kind, "quota", "8 projects with 3 addresses each leave 16 of 40 free");
                    continue;
                }
            };
            let address = view["address"].as_str().expect("an address").to_owned();
            {
                let (addresses, projects) = &mut *held.lock().expect("no client failed");
                assert_eq!(addresses.insert(address.clone(), number), None, "{address} was given out twice");
                let count = projects.entry(project.clone()).or_default();
                *count += 1;
                assert!(*count <= 3, "{project} has {count}");
            }
            {
                let (addresses, projects) = &mut *held.lock().expect("no client failed");
                addresses.remove(&address);
                *projects.entry(project.clone()).or_default() -= 1;
            }
            let released = call(client, "fip.release", json!({"address": address, "project": project}));
            assert_eq!(released.expect("it is its own")["state"], "available");
        }
    });
    let pool = daemon.json("pool show public");
    assert_eq!((&pool["free"], &pool["allocated"]), (&json!(ADDRESSES), &json!(0)));

    let (counts, refusals) = grab(&daemon);
    assert_eq!(counts, (0..PROJECTS).map(|own| (project(own), 3)).collect());
    assert!(refusals.into_iter().eq(["quota"]));
    assert!(daemon.buoyctl("project set --default --fip-quota 10").status.success());
    let (counts, refusals) = grab(&daemon);
    assert_eq!(counts.values().sum::<usize>(), ADDRESSES - 3 * PROJECTS);
    assert!(counts.values().all(|more| *more <= 7), "{counts:?}");
    assert!(refusals.contains("exhausted"), "{refusals:?}");
    let pool = daemon.json("pool show public");
    assert_eq!((&pool["free"], &pool["allocated"]), (&json!(0), &json!(ADDRESSES)));
}
