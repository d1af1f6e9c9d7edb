//! Neighbours: asking for a MAC, and forgetting the ones that are known.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_topology::MacAddr;

use crate::lab::Node;

/// Asks who has `address` until there is an answer or the deadline passes; gives the MAC of the answer.
#[track_caller]
pub fn arping(node: &Node, interface: &str, address: Ipv4Addr, deadline: Duration) -> Option<MacAddr> {
    let seconds = deadline.as_secs().max(1).to_string();
    let output = node.run(["arping", "-f", "-w", &seconds, "-I", interface, &address.to_string()]);
    // Unicast reply from 192.0.2.1 [02:00:00:00:00:01]  0.700ms
    let reply = output.stdout.lines().find(|line| line.contains("reply from"))?;
    reply.split(['[', ']']).nth(1)?.parse().ok()
}

/// Makes a node forget every MAC that it has learnt.
#[track_caller]
pub fn flush_neighbours(node: &Node) {
    node.run(["ip", "neigh", "flush", "all"]).expect_success();
}

/// The MAC that a node knows for an address.
#[track_caller]
pub fn neighbour(node: &Node, address: Ipv4Addr) -> Option<MacAddr> {
    let table = node.run(["ip", "neigh", "show", "to", &address.to_string()]).expect_success();
    let mut words = table.split_whitespace().skip_while(|word| *word != "lladdr");
    words.nth(1)?.parse().ok()
}
