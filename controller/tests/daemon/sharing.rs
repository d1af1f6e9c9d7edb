//! Requests that share a commit: each is answered with what it made itself.

use serde_json::{Value, json};

use crate::support::{Daemon, declared};

#[test]
fn requests_of_one_write_are_answered_each_with_its_own_state() {
    let daemon = declared();
    let generation = || daemon.json("status")["generation"].as_u64().expect("a number");
    let before = generation();
    live(&daemon, 0);
    let changes = life(0).len() as u64 - 2;
    assert!(generation() - before < changes, "no two of {changes} changes shared a commit");
}

#[test]
fn sixteen_clients_are_answered_each_with_its_own_state() {
    let daemon = declared();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let daemon = &daemon;
            scope.spawn(move || live(daemon, client));
        }
    });
}

/// What a request is, and what its answer has to show.
struct Step {
    method: &'static str,
    params: Value,
    shows: Value,
}

/// A life of everything that one client may call its own; at its end all is as it was.
fn life(client: u8) -> Vec<Step> {
    let name = format!("own-{client}");
    let (own, network) = (format!("203.0.113.{}", 101 + client), format!("10.{}.0", 100 + client));
    let (cidr, gateway) = (format!("{network}.0/24"), format!("{network}.1"));
    let ips = [format!("{network}.11"), format!("{network}.12")];
    let routers = [1, 101].map(|first| format!("198.51.100.{}", first + client));
    let bridge = format!("br-{client}");
    let ranges = [1, 101].map(|first| format!("192.0.2.{}", first + client));
    let add = |ip: usize| {
        let mac = format!("02:00:00:01:{client:02x}:{ip:02x}");
        json!({"name": name, "network": name, "port": format!("{name}-{ip}"), "mac": mac, "ip": ips[ip]})
    };
    let own_name = json!({"name": name});
    let own_address = json!({"address": own});
    let available = json!({"state": "available", "project": null, "instance": null, "fixed_ip": null});
    let allocated = json!({"state": "allocated", "project": "default", "instance": null, "fixed_ip": null});
    [
        ("fip.allocate", own_address.clone(), allocated.clone()),
        ("fip.release", own_address.clone(), available.clone()),
        ("fip.release", own_address.clone(), available.clone()),
        ("fip.allocate", own_address.clone(), allocated.clone()),
        ("network.create", json!({"name": name, "cidr": cidr, "gateway": gateway}), json!({"cidr": cidr})),
        ("instance.add", add(0), json!({"interfaces": [{"ip": ips[0], "floating_ip": null}]})),
        (
            "fip.associate",
            json!({"address": own, "instance": name}),
            json!({"state": "associated", "fixed_ip": ips[0]}),
        ),
        (
            "fip.associate",
            json!({"address": own, "instance": name}),
            json!({"state": "associated", "fixed_ip": ips[0]}),
        ),
        ("instance.attach", add(1), json!({"interfaces": [{"ip": ips[0], "floating_ip": own}, {"ip": ips[1]}]})),
        ("fip.associate", json!({"address": own, "instance": name, "fixed_ip": ips[1]}), json!({"fixed_ip": ips[1]})),
        ("fip.disassociate", own_address.clone(), allocated),
        ("instance.remove", own_name.clone(), json!({})),
        ("network.delete", own_name.clone(), json!({})),
        (
            "provider.create",
            json!({"name": name, "bridge": bridge, "uplink": "eth1", "gateway": routers[0]}),
            json!({"gateway": routers[0], "gateway_state": "probing"}),
        ),
        ("provider.set", json!({"name": name, "gateway": routers[1]}), json!({"gateway": routers[1]})),
        ("pool.create", json!({"name": name, "provider": name, "range": [ranges[0]]}), json!({"size": 1, "free": 1})),
        (
            "pool.add",
            json!({"name": name, "ranges": [ranges[1]]}),
            json!({"size": 2, "ranges": [ranges[0], ranges[1]]}),
        ),
        ("pool.remove", json!({"name": name, "ranges": [ranges[0]]}), json!({"size": 1, "ranges": [ranges[1]]})),
        ("pool.delete", own_name.clone(), json!({})),
        ("provider.delete", own_name, json!({})),
        ("fip.release", own_address, available),
    ]
    .map(|(method, params, shows)| Step { method, params, shows })
    .into()
}

/// Asks for a whole life in one write, and holds that each answer shows what its request made.
fn live(daemon: &Daemon, client: u8) {
    let steps = life(client);
    let mut lines = String::new();
    for (id, step) in steps.iter().enumerate() {
        let mut params = step.params.clone();
        params["wait"] = "store".into();
        lines += &json!({"jsonrpc": "2.0", "id": id, "method": step.method, "params": params}).to_string();
        lines += "\n";
    }
    let mut connection = daemon.ask(&lines);
    for (id, step) in steps.iter().enumerate() {
        let answer = connection.answer();
        assert_eq!(answer["id"], id);
        let Step { method, params, shows: wanted } = step;
        assert!(shows(&answer["result"], wanted), "{method} {params}: {answer} instead of {wanted}");
    }
}

/// Whether all that is wanted is there.
fn shows(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::Object(given), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| given.get(key).is_some_and(|given| shows(given, wanted)))
        }
        (Value::Array(given), Value::Array(wanted)) => {
            given.len() == wanted.len() && given.iter().zip(wanted).all(|(given, wanted)| shows(given, wanted))
        }
        _ => given == wanted,
    }
}
