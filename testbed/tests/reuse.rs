//! An address is nobody else's while a switch may still serve it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use buoy_testbed::probe::eventually;
use buoy_testbed::scenario::{SOON, associated};
use buoy_testbed::site::FLOATING_IP;
use serde_json::{Value, json};

#[test]
fn an_address_that_leaves_with_a_commit_is_not_given_out_in_it() {
    let (_lab, daemon) = associated();
    let mut socket = BufReader::new(UnixStream::connect(daemon.socket()).expect("the daemon accepts"));
    socket.get_ref().set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let network = json!({"name": "other", "cidr": "10.9.0.0/24", "gateway": "10.9.0.1", "wait": "store"});
    let release = json!({"address": FLOATING_IP, "wait": "store"});
    // The first request is committed alone; the others are there when that is done, and share the next commit.
    let round = [
        ("network.create", network),
        ("fip.release", release.clone()),
        ("fip.allocate", json!({"address": FLOATING_IP, "project": "other", "wait": "store"})),
        ("fip.release", release),
        ("network.delete", json!({"name": "other", "wait": "store"})),
    ];
    let mut refused = 0;
    for _ in 0..ROUNDS {
        ask(&socket, &round);
        for (method, _) in &round {
            let answer = answer(&mut socket);
            let why = answer["error"]["message"].as_str().unwrap_or_default();
            refused += usize::from(*method == "fip.allocate" && why.contains("still has to take its flows away"));
        }
        eventually(SOON, "the address is web-1's again", || {
            ask(&socket, &[("fip.associate", json!({"address": FLOATING_IP, "instance": "web-1"}))]);
            answer(&mut socket).get("result").map(drop)
        });
    }
    // Where the last two did not share one, the switches may have been quicker.
    assert!(refused > ROUNDS / 2, "{refused} of {ROUNDS} were refused");
}

const ROUNDS: usize = 20;

fn ask(socket: &BufReader<UnixStream>, requests: &[(&str, Value)]) {
    let line = |(method, params): &(&str, Value)| {
        format!("{}\n", json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params}))
    };
    let lines: String = requests.iter().map(line).collect();
    socket.get_ref().write_all(lines.as_bytes()).expect("the daemon reads");
}

fn answer(socket: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    socket.read_line(&mut line).expect("the daemon answers");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}
