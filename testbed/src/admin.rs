//! An admin who does whatever comes to mind, with all that there is: associates, moves, disassociates, releases, allocates,
//! gives addresses other MACs, takes them out of their pools, adds and removes instances, networks and direct ports.
//!
//! Whatever it is, the daemon has to do it or refuse it with a word of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use buoy_topology::MacAddr;
use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::{Daemon, Rpc};

/// What the admin has to play with.
#[derive(Clone, Debug)]
pub struct Estate {
    /// The providers.
    pub providers: Vec<Upstream>,
    /// The instances: the parameters of `instance.add`, then those of `instance.attach`.
    pub instances: Vec<Vec<Value>>,
}

/// A provider as its customer knows it.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// The pool of its addresses.
    pub pool: String,
    /// The gateway's true MAC.
    pub gateway_mac: MacAddr,
    /// Its addresses, each with the MACs that the provider takes it from; none where the MAC does not matter.
    pub addresses: Vec<(Ipv4Addr, Vec<MacAddr>)>,
}

/// The admin.
#[derive(Debug)]
pub struct Admin {
    estate: Estate,
    dice: Dice,
    rpc: Option<Rpc>,
    tally: Tally,
}

/// How often each operation was done, refused, and begun when the daemon was killed.
#[derive(Clone, Debug, Default)]
pub struct Tally(pub BTreeMap<&'static str, [u64; 3]>);

impl Tally {
    /// All operations, however they ended.
    pub fn total(&self) -> u64 {
        self.0.values().flatten().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations (done/refused/cut off):", self.total())?;
        self.0.iter().try_for_each(|(method, [done, refused, cut])| write!(f, " {method} {done}/{refused}/{cut}"))
    }
}

impl Admin {
    /// An admin who does the same with the same seed.
    pub fn new(estate: Estate, seed: u64) -> Self {
        Self { estate, dice: Dice::new(seed), rpc: None, tally: Tally::default() }
    }

    /// Does something. Panics where the daemon refuses it with a word that it must not use here.
    #[track_caller]
    pub fn act(&mut self, daemon: &Daemon) {
        let (method, params) = self.idea();
        let params = self.in_a_hurry(params);
        let rpc = self.rpc.get_or_insert_with(|| Rpc::connect(daemon));
        let answer = rpc.attempt(method, params.clone());
        let place = match answer {
            Some(Ok(_)) => 0,
            Some(Err(error)) => {
                let kind = error.pointer("/data/kind").and_then(Value::as_str).unwrap_or_default();
                let lacks_mac = kind == "invalid" && error.to_string().contains("has no MAC");
                assert!(REFUSALS.contains(&kind) || lacks_mac, "{method} {params}: {error}");
                1
            }
            None => panic!("the daemon went away: {method} {params}"),
        };
        self.count(method, place);
    }

    /// Begins something and does not wait for the answer: the daemon is to be killed meanwhile.
    pub fn act_unheard(&mut self, daemon: &Daemon) {
        let (method, params) = self.idea();
        let mut rpc = self.rpc.take().unwrap_or_else(|| Rpc::connect(daemon));
        rpc.send(method, params);
        self.count(method, 2);
    }

    /// The daemon is another one from now on.
    pub fn reconnect(&mut self) {
        self.rpc = None;
    }

    /// Puts back what there was at first, with nothing associated: each address in its pool, with the first of its MACs.
    #[track_caller]
    pub fn restore(&self, daemon: &Daemon) {
        let mut rpc = Rpc::connect(daemon);
        // Refused where it is so already.
        rpc.attempt("direct.remove", json!({"name": "spare"}));
        for provider in &self.estate.providers {
            for (address, macs) in &provider.addresses {
                let entry = json!({"address": address, "mac": macs.first()});
                rpc.call("pool.import", json!({"name": provider.pool, "entries": [entry]}));
                rpc.call("fip.release", json!({"address": address}));
            }
        }
        for parts in &self.estate.instances {
            for (part, method) in
                parts.iter().zip(["instance.add"].into_iter().chain(std::iter::repeat("instance.attach")))
            {
                rpc.attempt(method, without_project(part, method));
            }
        }
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn count(&mut self, method: &'static str, place: usize) {
        let counts = self.tally.0.entry(method).or_default();
        counts.iter_mut().skip(place).take(1).for_each(|count| *count += 1);
    }

    /// Mostly the next thing is done before the switches have the last one.
    fn in_a_hurry(&mut self, mut params: Value) -> Value {
        if let Value::Object(params) = &mut params {
            let waits = self.dice.below(8) == 0;
            let how = if waits {
                [("wait", json!("switch")), ("timeout", json!(0.1))]
            } else {
                [("wait", json!("store")), ("timeout", json!(1))]
            };
            params.extend(how.map(|(word, value)| (word.to_owned(), value)));
        }
        params
    }

    fn idea(&mut self) -> (&'static str, Value) {
        let provider = self.dice.pick(&self.estate.providers).clone();
        let (address, macs) = self.dice.pick(&provider.addresses).clone();
        let parts = self.dice.pick(&self.estate.instances).clone();
        let part = self.dice.pick(&parts).clone();
        let word = |of: &Value, field: &str| of.get(field).cloned().unwrap_or_default();
        let mac = if macs.is_empty() { None } else { Some(*self.dice.pick(&macs)) };
        let (name, pool) = (&provider.name, &provider.pool);
        let with_mac = |mut params: Value| {
            if let (Some(mac), Value::Object(params)) = (mac, &mut params) {
                params.insert("mac".to_owned(), json!(mac));
            }
            params
        };
        match self.dice.below(46) {
            0..=15 => {
                let mut params = Map::from_iter([
                    ("address".to_owned(), json!(address)),
                    ("instance".to_owned(), word(&part, "name")),
                ]);
                if self.dice.below(2) == 0 {
                    params.insert("fixed_ip".to_owned(), word(&part, "ip"));
                }
                params.insert("no_move".to_owned(), json!(self.dice.below(6) == 0));
                ("fip.associate", params.into())
            }
            16..=19 => ("fip.disassociate", json!({"address": address})),
            20..=22 => ("fip.release", json!({"address": address})),
            23..=24 => ("fip.allocate", json!({"address": address, "project": word(&part, "project")})),
            25 => ("fip.allocate", json!({"pool": pool})),
            26 => ("fip.set", json!({"address": address, "note": format!("note {}", self.dice.below(100))})),
            27 => ("fip.set", json!({"address": address, "mac": "none"})),
            28..=31 => ("fip.set", json!({"address": address, "mac": mac.map_or(json!("none"), |mac| json!(mac))})),
            32 => ("provider.set", json!({"name": name, "gateway_mac": provider.gateway_mac})),
            33 => ("provider.set", json!({"name": name, "gateway_mac": "none"})),
            34 => ("pool.remove", json!({"name": pool, "ranges": [address]})),
            35..=36 => ("pool.add", with_mac(json!({"name": pool, "ranges": [address]}))),
            37 => ("pool.import", json!({"name": pool, "entries": [with_mac(json!({"address": address}))]})),
            38 => ("instance.remove", json!({"name": word(&part, "name")})),
            39..=40 => ("instance.add", parts.first().cloned().unwrap_or_default()),
            41 => match parts.get(1..).filter(|more| !more.is_empty()) {
                Some(more) => ("instance.attach", without_project(self.dice.pick(more), "instance.attach")),
                None => ("instance.add", parts.first().cloned().unwrap_or_default()),
            },
            42 => ("network.create", json!({"name": "spare", "cidr": "10.9.0.0/24", "gateway": "10.9.0.1"})),
            43 => ("network.delete", json!({"name": "spare"})),
            44 => {
                let station =
                    json!({"name": "spare", "provider": name, "port": "spare0", "mac": SPARE_MAC, "ip": [address]});
                ("direct.add", station)
            }
            _ => ("direct.remove", json!({"name": "spare"})),
        }
    }
}

/// A further interface has the project of its instance.
fn without_project(part: &Value, method: &str) -> Value {
    let mut part = part.clone();
    if let (Value::Object(part), "instance.attach") = (&mut part, method) {
        part.remove("project");
    }
    part
}

/// The words that the daemon may refuse with what has the right form.
const REFUSALS: [&str; 4] = ["conflict", "in_use", "exhausted", "not_found"];
/// Of a station that is plugged in nowhere.
const SPARE_MAC: &str = "02:00:0a:00:00:aa";
