//! TCP and UDP between two nodes, and whom the server took its client for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::enter::own_binary;
use crate::lab::Node;
use crate::running::{Output, Running};

/// An exchange that worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What the server sent back.
    pub reply: String,
    /// The client's address as the server sees it.
    pub peer: SocketAddr,
    /// The client's address as the client sees it.
    pub local: SocketAddr,
}

/// A server in a node. Dropped, it ends.
#[derive(Debug)]
pub struct Server {
    _running: Running,
}

/// Serves TCP on all addresses of a node: echoes what it reads, and answers an HTTP GET.
#[track_caller]
pub fn tcp_server(node: &Node, port: u16) -> Server {
    serve(node, "tcp-serve", port)
}

/// Serves UDP on all addresses of a node: echoes each datagram.
#[track_caller]
pub fn udp_server(node: &Node, port: u16) -> Server {
    serve(node, "udp-serve", port)
}

/// Connects, sends, and reads to the end; fails with the reason after `deadline` at the latest.
#[track_caller]
pub fn tcp_exchange(
    node: &Node,
    address: impl Into<IpAddr>,
    port: u16,
    payload: &str,
    deadline: Duration,
) -> Result<Exchange, String> {
    exchange(node, "tcp-exchange", SocketAddr::new(address.into(), port), payload, deadline)
}

/// Sends a datagram, three times at most, and waits for its echo; fails with the reason after `deadline`.
#[track_caller]
pub fn udp_exchange(
    node: &Node,
    address: impl Into<IpAddr>,
    port: u16,
    payload: &str,
    deadline: Duration,
) -> Result<Exchange, String> {
    exchange(node, "udp-exchange", SocketAddr::new(address.into(), port), payload, deadline)
}

/// The body that a [`tcp_server`] answers an HTTP GET with.
#[track_caller]
pub fn http_get(node: &Node, address: impl Into<IpAddr>, port: u16, deadline: Duration) -> Result<String, String> {
    let reply = tcp_exchange(node, address, port, "GET / HTTP/1.0\r\n\r\n", deadline)?.reply;
    match reply.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.0 200") => Ok(body.to_owned()),
        _ => Err(format!("not a response: {reply:?}")),
    }
}

#[track_caller]
fn serve(node: &Node, kind: &str, port: u16) -> Server {
    let mut running = node.spawn(probe(kind, [port.to_string()]));
    running.wait_for("ready", Duration::from_secs(5));
    Server { _running: running }
}

#[track_caller]
fn exchange(
    node: &Node,
    kind: &str,
    server: SocketAddr,
    payload: &str,
    deadline: Duration,
) -> Result<Exchange, String> {
    let words = probe(kind, [server.to_string(), deadline.as_millis().to_string(), payload.to_owned()]);
    let output: Output = node.spawn(words).wait(deadline + Duration::from_secs(5));
    if !output.success() {
        return Err(output.stderr.trim().to_owned());
    }
    serde_json::from_str(&output.stdout).map_err(|error| format!("{error} in {:?}", output.stdout))
}

/// The words of a hidden subcommand of `buoy-testbed`.
#[track_caller]
pub(super) fn probe(kind: &str, arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let binary = own_binary().unwrap_or_else(|error| panic!("{error:#}"));
    let mut words = vec![binary.to_string_lossy().into_owned(), "probe".to_owned(), kind.to_owned(), "--".to_owned()];
    words.extend(arguments);
    words
}
