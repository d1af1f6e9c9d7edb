//! A node's own stack: what it counts, and which ports it takes.

use crate::lab::Node;

/// What a node counts of ICMP, by the name that the kernel has for it.
#[track_caller]
pub fn counted(node: &Node, name: &str) -> u64 {
    let text = node.run(["cat", "/proc/net/snmp"]).expect_success();
    let mut lines = text.lines().filter(|line| line.starts_with("Icmp:"));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let at = names.split(' ').position(|own| own == name).expect("it is counted");
    values.split(' ').nth(at).and_then(|own| own.parse().ok()).expect("a number")
}

/// Makes a node use one port for all that it begins.
#[track_caller]
pub fn with_port(node: &Node, port: u16) {
    node.run(["sysctl", "-w", &format!("net.ipv4.ip_local_port_range={port} {port}")]).expect_success();
}
