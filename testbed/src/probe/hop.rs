//! The way of a packet, hop by hop, as traceroute finds it.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::eventually;
use crate::lab::Node;

/// Who tells a node that a packet with this time to live did not arrive; the address itself where it did.
#[track_caller]
pub fn hop(node: &Node, to: Ipv4Addr, ttl: u8, deadline: Duration) -> Ipv4Addr {
    let ttl = ttl.to_string();
    eventually(deadline, &format!("hop {ttl} from {node} to {to}"), || {
        let words = ["ping", "-n", "-c", "1", "-W", "1", "-t", &ttl, &to.to_string()];
        let output = node.run(words);
        let line = output.stdout.lines().find(|line| line.contains("From ") || line.contains("bytes from "))?;
        let rest = line.split_once("rom ")?.1;
        rest.split([' ', ':']).next()?.parse().ok()
    })
}
