//! Many floating IPs at once: instances behind trunk ports, each on a VLAN of its own.
//!
//! Their addresses are from 198.18.0.0/15, which is set apart for benchmarks (RFC 2544, RFC 6890).

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::scenario::await_up_to_date;
use crate::{Daemon, Lab, Rpc};

/// The pool and the network that the crowd lives in.
pub const POOL: &str = "crowd";

/// How many instances one trunk port carries.
const PER_PORT: u32 = 4_000;

/// Declares the pool and the network of a crowd of up to 100,000.
#[track_caller]
pub fn declare(rpc: &mut Rpc, provider: &str) {
    rpc.call("network.create", json!({"name": POOL, "cidr": "10.128.0.0/9", "gateway": "10.128.0.1"}));
    let ranges = ["198.18.0.0/15"];
    rpc.call("pool.create", json!({"name": POOL, "provider": provider, "range": ranges, "wait": "store"}));
}

/// Declares instances with these numbers. `port` names the trunk with a number from 0.
#[track_caller]
pub fn add_instances(rpc: &mut Rpc, numbers: std::ops::Range<u32>, port: impl Fn(u32) -> String) {
    let add = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        let params = json!({
            "name": format!("crowd-{number}"), "network": POOL, "port": port(number / PER_PORT),
            "vlan": number % PER_PORT + 1, "mac": format!("02:00:0b:{a:02x}:{b:02x}:{c:02x}"),
            "ip": Ipv4Addr::from_bits(0x0a80_0100 + number), "wait": "store",
        });
        ("instance.add", params)
    };
    rpc.pipeline(numbers.map(add));
}

/// Declares and associates a crowd behind trunk ports of its own, and waits until both bridges have it.
#[track_caller]
pub fn move_in(lab: &Lab, daemon: &Daemon, count: u32) {
    if count == 0 {
        return;
    }
    plug_in(lab, count);
    let mut rpc = Rpc::connect(daemon);
    declare(&mut rpc, "lan");
    add_instances(&mut rpc, 0..count, trunk);
    associate(&mut rpc, 0..count);
    await_up_to_date(daemon, Duration::from_secs(120));
}

/// Gives br-int the trunk ports that a crowd needs.
#[track_caller]
pub fn plug_in(lab: &Lab, count: u32) {
    for port in (0..count.div_ceil(PER_PORT)).map(trunk) {
        lab.ovs_vsctl(["add-port", "br-int", &port, "--", "set", "interface", &port, "type=internal"]);
    }
}

/// The trunk port with this number.
pub fn trunk(number: u32) -> String {
    format!("trunk{number}")
}

/// The floating IP of the instance with this number.
pub fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc612_0100 + number)
}

/// Associates the instances with these numbers, durably.
#[track_caller]
pub fn associate(rpc: &mut Rpc, numbers: std::ops::Range<u32>) -> Vec<Value> {
    rpc.pipeline(numbers.map(|number| {
        let params = json!({"address": address(number), "instance": format!("crowd-{number}"), "wait": "store"});
        ("fip.associate", params)
    }))
}

/// Takes the addresses with these numbers back, durably.
#[track_caller]
pub fn release(rpc: &mut Rpc, numbers: std::ops::Range<u32>) -> Vec<Value> {
    rpc.pipeline(numbers.map(|number| ("fip.release", json!({"address": address(number), "wait": "store"}))))
}
