//! Random histories against a model that is simple enough to be right, with the daemon killed in between, also while a
//! request is under way. `BUOY_LONG=1` runs more of them.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Client, Daemon};

const FIRST: u8 = 100;
const ADDRESSES: u8 = 8;
const PROJECTS: [&str; 3] = ["red", "blue", "green"];
/// Instances with their projects.
const INSTANCES: [(&str, &str); 4] = [("r1", "red"), ("r2", "red"), ("b1", "blue"), ("g1", "green")];

#[derive(Clone, Copy, Debug)]
enum Step {
    Allocate(usize),
    AllocateAt(usize, u8),
    Associate(u8, usize, bool),
    Disassociate(u8, Option<usize>),
    Release(u8, Option<usize>),
    Reserve(u8),
    Unreserve(u8),
    Quota(usize, Option<u8>),
    CoolDown(bool),
    Add(usize),
    Remove(usize),
}

/// A step, and whether the daemon is killed before it, or while it is under way.
type Moment = (Step, Option<Kill>);

#[derive(Clone, Copy, Debug)]
enum Kill {
    Before,
    During,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Address {
    project: Option<usize>,
    instance: Option<usize>,
    reserved: bool,
    /// Who released it, and how many releases there were before.
    released: Option<(usize, u64)>,
    /// Some bridge that never comes may still serve it.
    served: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    addresses: BTreeMap<u8, Address>,
    quotas: [Option<u8>; PROJECTS.len()],
    cools: bool,
    releases: u64,
    /// Instances that were removed.
    gone: [bool; INSTANCES.len()],
}

type Outcome = Result<Option<u8>, &'static str>;

impl Model {
    fn new() -> Self {
        let addresses = (FIRST..FIRST + ADDRESSES).map(|own| (own, Address::default())).collect();
        Self { addresses, cools: true, ..Self::default() }
    }

    fn at(&mut self, last: u8) -> &mut Address {
        self.addresses.get_mut(&last).expect("the pool has it")
    }

    fn may_get(&self, own: &Address, project: usize) -> bool {
        let cools = self.cools && own.released.is_some_and(|(by, _)| by != project);
        own.project.is_none() && !own.reserved && !own.served && !cools
    }

    fn has_room(&self, project: usize) -> bool {
        let held = self.addresses.values().filter(|own| own.project == Some(project)).count();
        self.quotas[project].is_none_or(|quota| held < usize::from(quota))
    }

    fn give(&mut self, last: u8, project: usize) {
        let own = self.at(last);
        own.project = Some(project);
        own.released = None;
    }

    /// What the step does, and what it answers: an address that was handed out, or why it is refused.
    fn step(&mut self, step: Step) -> Outcome {
        match step {
            Step::Allocate(project) => {
                let free = self.addresses.iter().filter(|(_, own)| self.may_get(own, project));
                let rank = |own: &Address| own.released.map_or(0, |(_, count)| count + 1);
                let (last, _) = free.min_by_key(|(last, own)| (rank(own), **last)).ok_or("exhausted")?;
                let last = *last;
                if !self.has_room(project) {
                    return Err("quota");
                }
                self.give(last, project);
                Ok(Some(last))
            }
            Step::AllocateAt(project, last) => {
                if !self.may_get(&self.addresses[&last], project) {
                    return Err("conflict");
                }
                if !self.has_room(project) {
                    return Err("quota");
                }
                self.give(last, project);
                Ok(Some(last))
            }
            Step::Associate(last, instance, no_move) => self.associate(last, instance, no_move),
            Step::Disassociate(last, caller) => {
                self.check_caller(last, caller)?;
                let own = self.at(last);
                own.instance = None;
                Ok(Some(last))
            }
            Step::Release(last, caller) => {
                self.check_caller(last, caller)?;
                let count = self.releases;
                let own = self.at(last);
                own.instance = None;
                if let Some(by) = own.project.take() {
                    own.released = Some((by, count));
                    self.releases += 1;
                }
                Ok(Some(last))
            }
            Step::Reserve(last) if self.addresses[&last].project.is_some() => Err("in_use"),
            Step::Reserve(last) => {
                self.at(last).reserved = true;
                Ok(None)
            }
            Step::Unreserve(last) => {
                self.at(last).reserved = false;
                Ok(None)
            }
            Step::Quota(project, quota) => {
                self.quotas[project] = quota;
                Ok(None)
            }
            Step::CoolDown(on) => {
                self.cools = on;
                Ok(None)
            }
            Step::Add(instance) if !self.gone[instance] => Err("conflict"),
            Step::Add(instance) => self.add(instance),
            Step::Remove(instance) if self.gone[instance] => Err("not_found"),
            Step::Remove(instance) => {
                self.gone[instance] = true;
                for own in self.addresses.values_mut().filter(|own| own.instance == Some(instance)) {
                    own.instance = None;
                }
                Ok(None)
            }
        }
    }

    /// An instance that comes back takes an address with it.
    fn add(&mut self, instance: usize) -> Outcome {
        let name = INSTANCES[instance].1;
        let project = PROJECTS.iter().position(|own| *own == name).expect("it is one");
        let mut after = self.clone();
        let given = after.step(Step::Allocate(project))?.expect("an address was given");
        after.at(given).instance = Some(instance);
        after.at(given).served = true;
        after.gone[instance] = false;
        *self = after;
        Ok(None)
    }

    fn associate(&mut self, last: u8, instance: usize, no_move: bool) -> Outcome {
        if self.gone[instance] {
            return Err("not_found");
        }
        let project = PROJECTS.iter().position(|own| *own == INSTANCES[instance].1).expect("it is one");
        let own = &self.addresses[&last];
        match own.instance {
            Some(held) if held == instance => return Ok(Some(last)),
            Some(_) if no_move => return Err("conflict"),
            _ => {}
        }
        match own.project {
            Some(owner) if owner != project => return Err("conflict"),
            Some(_) => {}
            None if !self.may_get(own, project) => return Err("conflict"),
            None if !self.has_room(project) => return Err("quota"),
            None => {}
        }
        if self.addresses.values().any(|own| own.instance == Some(instance)) {
            return Err("conflict");
        }
        self.give(last, project);
        let own = self.at(last);
        own.instance = Some(instance);
        own.served = true;
        Ok(Some(last))
    }

    fn check_caller(&self, last: u8, caller: Option<usize>) -> Result<(), &'static str> {
        let owner = self.addresses[&last].project;
        let is_anothers = caller.is_some() && owner.is_some() && owner != caller;
        if is_anothers { Err("not_found") } else { Ok(()) }
    }

    /// What `fip list --all` is to show of each address.
    fn rows(&self) -> Vec<Value> {
        let row = |(last, own): (&u8, &Address)| {
            json!([
                address(*last),
                own.project.map(|own| PROJECTS[own]),
                own.instance.map(|own| INSTANCES[own].0),
                own.reserved
            ])
        };
        self.addresses.iter().map(row).collect()
    }
}

fn address(last: u8) -> String {
    format!("203.0.113.{last}")
}

fn request(step: Step) -> Value {
    let (method, mut params) = match step {
        Step::Allocate(project) => ("fip.allocate", json!({"project": PROJECTS[project]})),
        Step::AllocateAt(project, last) => {
            ("fip.allocate", json!({"project": PROJECTS[project], "address": address(last)}))
        }
        Step::Associate(last, instance, no_move) => {
            let instance = INSTANCES[instance].0;
            ("fip.associate", json!({"address": address(last), "instance": instance, "no_move": no_move}))
        }
        Step::Disassociate(last, caller) => {
            ("fip.disassociate", json!({"address": address(last), "project": caller.map(|own| PROJECTS[own])}))
        }
        Step::Release(last, caller) => {
            ("fip.release", json!({"address": address(last), "project": caller.map(|own| PROJECTS[own])}))
        }
        Step::Reserve(last) => ("fip.reserve", json!({"range": address(last)})),
        Step::Unreserve(last) => ("fip.unreserve", json!({"range": address(last)})),
        Step::Quota(project, quota) => {
            let quota = quota.map_or("unlimited".to_owned(), |quota| quota.to_string());
            ("project.set", json!({"name": PROJECTS[project], "fip_quota": quota}))
        }
        Step::CoolDown(on) => ("pool.set", json!({"name": "public", "cool_down": if on { "7d" } else { "0" }})),
        Step::Add(instance) => ("instance.add", add(instance, "auto")),
        Step::Remove(instance) => ("instance.remove", json!({"name": INSTANCES[instance].0, "force": true})),
    };
    params["wait"] = "store".into();
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn add(instance: usize, fip: &str) -> Value {
    let (name, project) = INSTANCES[instance];
    json!({
        "name": name, "project": project, "network": "blue", "port": name, "fip": fip, "wait": "store",
        "mac": format!("02:00:00:00:00:1{instance}"), "ip": format!("10.0.0.1{instance}"),
    })
}

fn steps() -> impl Strategy<Value = Vec<Moment>> {
    let (last, project) = (FIRST..FIRST + ADDRESSES, 0..PROJECTS.len());
    let (instance, caller) = (0..INSTANCES.len(), prop::option::of(0..PROJECTS.len()));
    let step = prop_oneof![
        4 => project.clone().prop_map(Step::Allocate),
        2 => (project.clone(), last.clone()).prop_map(|(project, last)| Step::AllocateAt(project, last)),
        3 => (last.clone(), instance.clone(), any::<bool>()).prop_map(|(last, own, stay)| Step::Associate(last, own, stay)),
        1 => (last.clone(), caller.clone()).prop_map(|(last, caller)| Step::Disassociate(last, caller)),
        5 => (last.clone(), caller).prop_map(|(last, caller)| Step::Release(last, caller)),
        1 => last.clone().prop_map(Step::Reserve),
        1 => last.prop_map(Step::Unreserve),
        1 => (project, prop::option::of(0..6_u8)).prop_map(|(project, quota)| Step::Quota(project, quota)),
        1 => any::<bool>().prop_map(Step::CoolDown),
        1 => instance.clone().prop_map(Step::Add),
        1 => instance.prop_map(Step::Remove),
    ];
    let kill = prop_oneof![30 => Just(None), 1 => Just(Some(Kill::Before)), 1 => Just(Some(Kill::During))];
    prop::collection::vec((step, kill), 1..80)
}

/// A daemon with a pool, a network and all instances.
fn declared() -> Daemon {
    let daemon = Daemon::start();
    let mut client = daemon.client();
    let provider = json!({"name": "lan", "bridge": "br-ex", "uplink": "eth0", "gateway": "203.0.113.1"});
    let range = format!("{}-{}", address(FIRST), address(FIRST + ADDRESSES - 1));
    let pool = json!({"name": "public", "provider": "lan", "range": [range], "cool_down": "7d"});
    let network = json!({"name": "blue", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1"});
    let instances = (0..INSTANCES.len()).map(|own| ("instance.add", add(own, "none")));
    let declared = [("provider.create", provider), ("pool.create", pool), ("network.create", network)];
    for (method, mut params) in declared.into_iter().chain(instances) {
        params["wait"] = "store".into();
        let answer = ask(&mut client, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
        assert!(answer["error"].is_null(), "{method}: {answer}");
    }
    daemon
}

fn ask(client: &mut Client, request: &Value) -> Value {
    client.send(format!("{request}\n").as_bytes());
    client.answer()
}

/// What the daemon has, in the model's form.
fn rows(client: &mut Client) -> Vec<Value> {
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "fip.list", "params": {"all": true}});
    let answer = ask(client, &list);
    let rows = answer["result"].as_array().expect("a list").iter();
    rows.map(|own| json!([own["address"], own["project"], own["instance"], own["reserved"]])).collect()
}

fn quotas_and_instances(client: &mut Client) -> ([Option<u64>; PROJECTS.len()], [bool; INSTANCES.len()], u64) {
    let mut read = |method: &str, params: Value| {
        ask(client, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))["result"].take()
    };
    let quotas = PROJECTS.map(|name| read("project.show", json!({"name": name}))["fip_quota"].as_u64());
    let gone = INSTANCES.map(|(name, _)| read("instance.show", json!({"name": name})).is_null());
    (quotas, gone, read("pool.show", json!({"name": "public"}))["cool_down_s"].as_u64().unwrap_or_default())
}

fn is_as(model: &Model, client: &mut Client) -> bool {
    let (quotas, gone, cool_down) = quotas_and_instances(client);
    let expected = model.quotas.map(|quota| quota.map(u64::from));
    rows(client) == model.rows() && (quotas, gone, cool_down > 0) == (expected, model.gone, model.cools)
}

fn live(history: &[Moment]) {
    let mut daemon = declared();
    let mut model = Model::new();
    let mut client = daemon.client();
    for (number, (step, kill)) in history.iter().enumerate() {
        if let Some(kill) = kill {
            let mut after = model.clone();
            if matches!(kill, Kill::During) {
                client.send(format!("{}\n", request(*step)).as_bytes());
                // What it would answer is not heard: it is done whole or not at all.
                let _ = after.step(*step);
            }
            daemon.end(Signal::SIGKILL);
            daemon.start_again();
            client = daemon.client();
            if is_as(&after, &mut client) && after != model {
                model = after;
            }
            assert!(
                is_as(&model, &mut client),
                "after a kill at {number}: {:?} and not {:?}",
                rows(&mut client),
                model
            );
            if matches!(kill, Kill::During) {
                continue;
            }
        }
        let expected = model.step(*step);
        let answer = ask(&mut client, &request(*step));
        let given = match answer["error"]["data"]["kind"].as_str() {
            Some(kind) => Err(kind.to_owned()),
            None => Ok(answer["result"]["address"].as_str().map(str::to_owned)),
        };
        let expected = expected.map(|last| last.map(address)).map_err(str::to_owned);
        assert_eq!(given, expected, "step {number}, {step:?}: {answer}");
    }
    assert!(is_as(&model, &mut client), "{:?} and not {:?}", rows(&mut client), model.rows());
}

#[test]
fn random_histories_with_kills_end_as_the_model_says() {
    let cases = if std::env::var_os("BUOY_LONG").is_some() { 400 } else { 12 };
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&steps(), |history| {
        live(&history);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
