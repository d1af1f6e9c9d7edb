//! Whether one node reaches another by all that guests use.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{ping, tcp_exchange, udp_exchange};
use crate::lab::Node;

/// Reaches an address by ping, by TCP on port 80 and by UDP on port 53, which have to be served there, and is seen as `seen`.
#[track_caller]
pub fn assert_reaches(node: &Node, to: Ipv4Addr, seen: Ipv4Addr, deadline: Duration) {
    let report = ping(node, to, 3);
    assert!(report.is_complete() && report.duplicates == 0, "{node} to {to}: {report:?}");
    let long = "x".repeat(50_000);
    let tcp = tcp_exchange(node, to, 80, &long, deadline).unwrap_or_else(|error| panic!("{node} to {to}: {error}"));
    assert_eq!((tcp.reply.len(), tcp.peer.ip()), (long.len(), seen.into()), "{node} to {to} by TCP");
    let udp = udp_exchange(node, to, 53, "hello", deadline).unwrap_or_else(|error| panic!("{node} to {to}: {error}"));
    assert_eq!(udp.peer.ip(), seen, "{node} to {to} by UDP");
}

/// Sends a datagram to where nobody listens, and is told so.
#[track_caller]
pub fn assert_refused(node: &Node, to: Ipv4Addr, deadline: Duration) {
    let error = udp_exchange(node, to, CLOSED, "hello", deadline).expect_err("nobody listens");
    assert!(error.contains("refused"), "{node} to {to}: {error}");
}

/// Nobody listens there.
const CLOSED: u16 = 4_000;
