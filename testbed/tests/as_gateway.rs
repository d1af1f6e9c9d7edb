//! An instance without a floating IP reaches a floating IP of its network, and is the network's gateway there.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, PingRun, StreamRun, assert_reaches, assert_refused, counted, eventually, hop, ping, tcp_exchange,
    tcp_server, udp_exchange, udp_server, with_port,
};
use buoy_testbed::scenario::{SOON, associated, await_dropped, await_forgotten, buoyctl};
use buoy_testbed::site::FLOATING_IP;
use buoy_testbed::{Daemon, Lab, Node};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Of the instance with the floating IP.
const FIXED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);
const SHARED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 110);
const UNFLOATING: &str = "from an instance without a floating IP";

/// A third instance on `vm3`, with this address in this network.
fn with_third(lab: &Lab, daemon: &Daemon, network: &str, ip: &str) -> Node {
    let third = format!("instance add web-3 --network {network} --port vm3 --mac 02:00:0a:00:00:0d --ip {ip}");
    assert_eq!(buoyctl(daemon, &third).get("applied"), Some(&true.into()));
    let vm3 = lab.node("vm3");
    let address = format!("ip addr add {ip}/24 dev eth0");
    for words in ["ip addr flush dev eth0", &address, "ip route replace default via 10.0.0.1"] {
        vm3.run(words.split(' ')).expect_success();
    }
    vm3
}

/// Whom who answers at an address sees.
#[track_caller]
fn seen(node: &Node, to: Ipv4Addr) -> std::net::SocketAddr {
    tcp_exchange(node, to, 80, "hello", SOON).unwrap_or_else(|error| panic!("{node} to {to}: {error}")).peer
}

/// Sends datagrams from sockets that are gone before the answers come, until who answered was told.
#[track_caller]
fn assert_told(node: &Node, to: Ipv4Addr, server: &Node) {
    let before = counted(server, "InDestUnreachs");
    eventually(SOON, "an answer finds nobody, and its sender is told", || {
        let words = format!("exec 3>/dev/udp/{to}/53; echo hello >&3; exec 3>&-");
        node.run(["bash", "-c", &words]);
        (counted(server, "InDestUnreachs") > before).then_some(())
    });
}

#[test]
fn several_reach_a_floating_ip_of_their_network_at_once() {
    let (lab, daemon) = associated();
    let (vm1, vm2) = (lab.node("vm1"), lab.node("vm2"));
    let vm3 = with_third(&lab, &daemon, "blue", "10.0.0.13");
    let _servers = (tcp_server(&vm1, 80), udp_server(&vm1, 53), tcp_server(&lab.node("remote"), 80));
    let beyond = Capture::start(&lab.node("lan"), "server", "ip and not host 203.0.113.2");
    let inside = Capture::start(&vm1, "eth0", "ip");
    let stream = StreamRun::start(&vm2, &vm1, FLOATING_IP, 7_000);
    assert_reaches(&vm2, FLOATING_IP, GATEWAY, SOON);
    // The same port, and both begin with it.
    [&vm2, &vm3].into_iter().for_each(|node| with_port(node, 40_000));
    let runs = [&vm2, &vm3].map(|node| PingRun::start(node, FLOATING_IP, Duration::from_millis(10)));
    let peers = [&vm2, &vm3].map(|node| seen(node, FLOATING_IP));
    assert!(peers.iter().all(|peer| peer.ip() == GATEWAY) && peers[0].port() != peers[1].port(), "{peers:?}");
    for node in [&vm2, &vm3] {
        assert_eq!(udp_exchange(node, FLOATING_IP, 53, "hello", SOON).expect("UDP").peer.ip(), GATEWAY);
    }
    for mut run in runs {
        run.await_more(20, SOON);
        let report = run.stop();
        assert!(report.is_complete() && report.duplicates == 0, "{report:?}");
    }
    // By the fixed address nothing is translated; the instance itself is seen as it was.
    assert_eq!(seen(&vm3, FIXED).ip(), Ipv4Addr::new(10, 0, 0, 13));
    assert_eq!(seen(&vm1, FLOATING_IP).ip(), FLOATING_IP);
    // Nobody has gained a way out, and the gateway answers what nobody asked for as before.
    assert!(ping(&vm2, Ipv4Addr::new(198, 51, 100, 10), 2).is_silent());
    assert!(ping(&vm1, GATEWAY, 2).is_complete());
    assert!(tcp_exchange(&vm1, GATEWAY, 22, "hello", Duration::from_millis(500)).is_err());
    await_dropped(&daemon, "to the network's gateway itself");
    await_dropped(&daemon, UNFLOATING);
    let report = stream.stop();
    assert!(report.broken.is_none() && report.echoes > 0, "{report:?}");
    let frames = beyond.stop();
    assert!(frames.is_empty(), "{}", listing(&frames));
    let keyed: Vec<_> = inside.stop();
    let is_key = |own: Ipv4Addr| own.octets()[0] >= 240;
    assert!(keyed.iter().all(|own| own.ip.as_ref().is_none_or(|ip| !is_key(ip.src) && !is_key(ip.dst))));
}

#[test]
fn errors_are_told_in_both_directions() {
    let (lab, daemon) = associated();
    let (vm1, vm2) = (lab.node("vm1"), lab.node("vm2"));
    let _server = udp_server(&vm1, 53);
    assert_refused(&vm2, FLOATING_IP, SOON);
    assert_eq!([1, 2].map(|ttl| hop(&vm2, FLOATING_IP, ttl, SOON)), [GATEWAY, FLOATING_IP]);
    // What it quotes is what the other one knows: sent by the fixed address, to the gateway.
    let filter = format!(
        "src host {GATEWAY} and icmp[icmptype] == 3 and icmp[20:4] == {:#x} and icmp[24:4] == {:#x}",
        FIXED.to_bits(),
        GATEWAY.to_bits()
    );
    let heard = Capture::start(&vm1, "eth0", &filter);
    assert_told(&vm2, FLOATING_IP, &vm1);
    assert!(!heard.stop().is_empty());
    // Who shares an address is no other one inside the network.
    buoyctl(&daemon, &format!("provider set lan --snat {SHARED}"));
    await_forgotten(&lab);
    assert_refused(&vm2, FLOATING_IP, SOON);
    assert_told(&vm2, FLOATING_IP, &vm1);
}

#[test]
fn another_network_is_reached_as_the_shared_address_or_not_at_all() {
    let (lab, daemon) = associated();
    let (vm1, vm2) = (lab.node("vm1"), lab.node("vm2"));
    buoyctl(&daemon, "network create green --cidr 10.0.0.0/24 --gateway 10.0.0.1");
    let vm3 = with_third(&lab, &daemon, "green", "10.0.0.11");
    let _servers = [&vm1, &vm3].map(|node| (tcp_server(node, 80), udp_server(node, 53)));
    assert!(ping(&vm3, FLOATING_IP, 2).is_silent());
    await_dropped(&daemon, UNFLOATING);
    buoyctl(&daemon, &format!("provider set lan --snat {SHARED}"));
    await_forgotten(&lab);
    assert_reaches(&vm3, FLOATING_IP, SHARED, SOON);
    assert_refused(&vm3, FLOATING_IP, SOON);
    assert_eq!([1, 2].map(|ttl| hop(&vm3, FLOATING_IP, ttl, SOON)), [GATEWAY, FLOATING_IP]);
    assert_told(&vm3, FLOATING_IP, &vm1);
    assert_reaches(&vm2, FLOATING_IP, GATEWAY, SOON);
    // Two that look alike to their peers, each in a network of its own.
    buoyctl(&daemon, &format!("fip associate {OTHER} web-3"));
    assert_reaches(&vm2, OTHER, SHARED, SOON);
    // Who loses the floating IP is not answered for any more, nor does it answer.
    let stream = StreamRun::start(&vm2, &vm1, FLOATING_IP, 7_000);
    buoyctl(&daemon, &format!("fip disassociate {FLOATING_IP}"));
    await_forgotten(&lab);
    let heard = Capture::start(&vm2, "eth0", &format!("host {FLOATING_IP} and src host not 10.0.0.12"));
    let reached = Capture::start(&vm1, "eth0", &format!("src host {GATEWAY} and tcp"));
    assert!(ping(&vm2, FLOATING_IP, 2).is_silent());
    for frames in [heard.stop(), reached.stop()] {
        assert!(frames.is_empty(), "{}", listing(&frames));
    }
    drop(stream);
}
