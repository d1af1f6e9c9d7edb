//! Instances without a floating IP share an address: out by it, answers and errors back, and nothing else in.

use std::net::Ipv4Addr;
use std::time::Duration;

use buoy_testbed::probe::capture::listing;
use buoy_testbed::probe::{
    Capture, PingRun, StreamRun, assert_reaches, assert_refused, counted, eventually, ping, tcp_exchange, tcp_server,
    udp_exchange, udp_server, with_port,
};
use buoy_testbed::scenario::{await_dropped, await_up_to_date, buoyctl, declared, dropped};
use buoy_testbed::site::{CLIENT, FLOATING_IP, REMOTE};
use buoy_testbed::{Daemon, Lab, Node};

const SHARED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 110);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// Long enough on a machine that does much else.
const LATE: Duration = Duration::from_secs(30);
/// Nobody listens there.
const CLOSED: u16 = 4_000;

/// The site with an address that is shared.
fn shared(ports: &str) -> (Lab, Daemon) {
    let (lab, daemon) = declared();
    let result = buoyctl(&daemon, &format!("provider set lan --snat {SHARED}{ports}"));
    assert_eq!(result.get("applied"), Some(&true.into()), "{result}");
    (lab, daemon)
}

/// How a station sees who talks to it by TCP.
#[track_caller]
fn seen(node: &Node, at: Ipv4Addr, port: u16) -> std::net::SocketAddr {
    let reply = tcp_exchange(node, at, port, "hello", LATE);
    reply.unwrap_or_else(|error| panic!("{node} to {at}: {error}")).peer
}

/// Waits until a station sees a node as an address: a switch takes a moment until it has forgotten how it was.
#[track_caller]
fn await_seen(node: &Node, at: Ipv4Addr, port: u16, address: Ipv4Addr) {
    eventually(LATE, &format!("{node} is seen as {address}"), || {
        let reply = tcp_exchange(node, at, port, "hello", Duration::from_secs(5)).ok()?;
        (reply.peer.ip() == address).then_some(())
    });
    assert_eq!(seen(node, at, port).ip(), address);
}

#[test]
fn instances_without_a_floating_ip_leave_by_the_shared_address() {
    let (lab, daemon) = shared(":20000-29999");
    buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    let _servers =
        ["remote", "client", "vm2"].map(|own| (tcp_server(&lab.node(own), 80), udp_server(&lab.node(own), 53)));
    let vm1 = lab.node("vm1");
    for to in [REMOTE, CLIENT] {
        let peer = seen(&vm1, to, 80);
        assert_eq!(peer.ip(), SHARED, "{to}");
        assert!((20_000..30_000).contains(&peer.port()), "{to}: {peer}");
        assert_eq!(udp_exchange(&vm1, to, 53, "hello", LATE).expect("UDP").peer.ip(), SHARED, "{to}");
        assert!(ping(&vm1, to, 3).is_complete(), "{to}");
    }
    // Much, in both directions.
    let payload = "x".repeat(60_000);
    assert_eq!(tcp_exchange(&vm1, REMOTE, 80, &payload, LATE).expect("TCP").reply.len(), payload.len());
    // Who has a floating IP has it still.
    assert_eq!(seen(&lab.node("vm2"), REMOTE, 80).ip(), FLOATING_IP);
    // A floating IP of its own network sees the gateway, whatever is shared; by its fixed address nothing is left at all.
    assert_reaches(&vm1, FLOATING_IP, GATEWAY, LATE);
    assert_eq!(seen(&vm1, Ipv4Addr::new(10, 0, 0, 12), 80).ip(), Ipv4Addr::new(10, 0, 0, 11));
}

#[test]
fn tenants_with_the_same_addresses_and_ports_share_it_at_once() {
    let (lab, daemon) = shared("");
    buoyctl(&daemon, "network create green --cidr 10.0.0.0/24 --gateway 10.0.0.1");
    buoyctl(
        &daemon,
        "instance add green-1 --network green --port vm3 --mac 02:00:0a:00:00:0d --ip 10.0.0.11 --wait switch",
    );
    let vm3 = lab.node("vm3");
    for words in ["ip addr flush dev eth0", "ip addr add 10.0.0.11/24 dev eth0", "ip route add default via 10.0.0.1"] {
        vm3.run(words.split(' ')).expect_success();
    }
    let (vm1, remote) = (lab.node("vm1"), lab.node("remote"));
    let runs = [&vm1, &vm3].map(|node| {
        with_port(node, 40_000);
        PingRun::start(node, REMOTE, Duration::from_millis(10))
    });
    let stream = StreamRun::start(&vm1, &remote, REMOTE, 7_000);
    let _servers = (tcp_server(&remote, 80), udp_server(&remote, 53));
    let peers = [&vm1, &vm3].map(|node| seen(node, REMOTE, 80));
    assert!(peers.iter().all(|peer| peer.ip() == SHARED) && peers[0].port() != peers[1].port(), "{peers:?}");
    for node in [&vm1, &vm3] {
        assert_eq!(udp_exchange(node, REMOTE, 53, "hello", LATE).expect("UDP").peer.ip(), SHARED);
    }
    for mut run in runs {
        run.await_more(20, LATE);
        let report = run.stop();
        assert!(report.is_complete() && report.duplicates == 0, "{report:?}");
    }
    let report = stream.stop();
    assert!(report.broken.is_none() && report.echoes > 0, "{report:?}");
}

#[test]
fn errors_reach_whom_they_are_for() {
    let (lab, _daemon) = shared("");
    let (vm1, remote) = (lab.node("vm1"), lab.node("remote"));
    let error = udp_exchange(&vm1, REMOTE, CLOSED, "hello", LATE).expect_err("nobody listens");
    assert!(error.contains("refused"), "{error}");
    let hop = |node: &Node, to: Ipv4Addr, ttl: &str| {
        eventually(LATE, &format!("hop {ttl} from {node} to {to}"), || {
            let output = node.run(["ping", "-n", "-c", "1", "-W", "2", "-t", ttl, &to.to_string()]);
            let line = output.stdout.lines().find(|line| line.contains("From ") || line.contains("bytes from "))?;
            line.split_once("rom ")?.1.split([' ', ':']).next()?.parse::<Ipv4Addr>().ok()
        })
    };
    assert_eq!(["1", "2", "3"].map(|ttl| hop(&vm1, REMOTE, ttl)), [GATEWAY, ROUTER, REMOTE]);
    // What nobody asked for gets no further than the address, and is told that where its time to live is over.
    assert_eq!(["1", "2"].map(|ttl| hop(&remote, SHARED, ttl)), [Ipv4Addr::new(198, 51, 100, 1), SHARED]);
    // Path MTU discovery, where the other end does not say what its link takes.
    let _server = tcp_server(&remote, 8_080);
    let narrow = "ip route replace default via 198.51.100.1 mtu 1200 advmss 1460";
    for (node, command) in [("router", "ip link set wan0 mtu 1200"), ("remote", narrow)] {
        lab.node(node).run(command.split(' ')).expect_success();
    }
    let payload = "x".repeat(60_000);
    let done = tcp_exchange(&vm1, REMOTE, 8_080, &payload, LATE).expect("it completes");
    assert_eq!((done.reply.len(), done.peer.ip()), (payload.len(), SHARED.into()));
}

#[test]
fn who_shares_is_told_that_the_provider_takes_less() {
    let (lab, daemon) = shared(":20000-29999");
    buoyctl(&daemon, "provider set lan --mtu 1200");
    let _server = tcp_server(&lab.node("remote"), 8_080);
    let payload = "x".repeat(60_000);
    let done = tcp_exchange(&lab.node("vm1"), REMOTE, 8_080, &payload, LATE).expect("it completes");
    assert_eq!((done.reply.len(), done.peer.ip()), (payload.len(), SHARED.into()));
}

#[test]
fn an_error_of_the_instance_goes_out_as_that_of_the_shared_address() {
    let (lab, _daemon) = shared("");
    let (vm1, remote) = (lab.node("vm1"), lab.node("remote"));
    let _server = udp_server(&remote, 53);
    // The quoted datagram went to the shared address too: that is how its sender knows it.
    let filter = format!("src host {SHARED} and icmp[icmptype] == 3 and icmp[24:4] == {:#x}", SHARED.to_bits());
    let heard = Capture::start(&remote, "eth0", &filter);
    eventually(LATE, "an answer finds nobody, and its sender is told", || {
        // The socket is gone before the answer comes, mostly.
        let words = format!("exec 3>/dev/udp/{REMOTE}/53; echo hello >&3; exec 3>&-");
        vm1.run(["bash", "-c", &words]);
        (counted(&remote, "InDestUnreachs") > 0).then_some(())
    });
    assert!(!heard.stop().is_empty());
}

#[test]
fn what_nobody_asked_for_ends_in_the_switch_and_is_counted() {
    let (lab, daemon) = shared("");
    let host = Capture::start(&lab.host(), "br-ex", "host 203.0.113.110 and not arp");
    for from in ["remote", "client"] {
        let node = lab.node(from);
        assert!(ping(&node, SHARED, 2).is_silent(), "{from}");
        assert!(tcp_exchange(&node, SHARED, 22, "hello", Duration::from_secs(1)).is_err(), "{from}");
    }
    await_dropped(&daemon, "to a shared address, and not an answer");
    let frames = host.stop();
    assert!(frames.is_empty(), "{}", listing(&frames));
}

#[test]
fn ports_that_run_out_are_counted_and_others_are_not_concerned() {
    let (lab, daemon) = shared(":30000-30000");
    let (vm1, remote) = (lab.node("vm1"), lab.node("remote"));
    let _server = tcp_server(&remote, 80);
    let stream = StreamRun::start(&vm1, &remote, REMOTE, 7_000);
    assert_eq!(dropped(&daemon, "no port of the shared or the gateway's address is free"), 0);
    let refused = tcp_exchange(&lab.node("vm2"), REMOTE, 7_000, "hello", Duration::from_secs(1));
    assert!(refused.is_err(), "{refused:?}");
    await_dropped(&daemon, "no port of the shared or the gateway's address is free");
    // The same port serves towards another one.
    assert_eq!(seen(&vm1, REMOTE, 80), (SHARED, 30_000).into());
    let report = stream.stop();
    assert!(report.broken.is_none(), "{report:?}");
}

#[test]
fn connections_live_on_while_the_daemon_restarts() {
    let (lab, mut daemon) = shared("");
    let (vm1, remote) = (lab.node("vm1"), lab.node("remote"));
    let stream = StreamRun::start(&vm1, &remote, REMOTE, 7_000);
    let mut pings = PingRun::start(&vm1, REMOTE, Duration::from_millis(10));
    pings.await_reply(LATE);
    let before = lab.lasting_flows("br-int");
    daemon.kill9();
    pings.await_more(20, LATE);
    daemon.start_again();
    await_up_to_date(&daemon, LATE);
    pings.await_more(20, LATE);
    assert_eq!(lab.lasting_flows("br-int"), before);
    let report = pings.stop();
    assert!(report.is_complete(), "{report:?}");
    let report = stream.stop();
    assert!(report.broken.is_none(), "{report:?}");
}

#[test]
fn a_floating_ip_goes_before_the_shared_address() {
    let (lab, daemon) = shared("");
    let remote = lab.node("remote");
    let _server = tcp_server(&remote, 80);
    let vm1 = lab.node("vm1");
    assert_eq!(seen(&vm1, REMOTE, 80).ip(), SHARED);
    let stream = StreamRun::start(&vm1, &remote, REMOTE, 7_000);
    buoyctl(&daemon, "fip associate 203.0.113.100 web-1");
    await_seen(&vm1, REMOTE, 80, FLOATING_IP);
    // What began as the shared address goes on as somebody whom the other end does not know, and is refused.
    eventually(LATE, "the connection of before is refused", || {
        let open = vm1.run(["ss", "-Htn", "state", "established", "dport", "=", ":7000"]).expect_success();
        open.trim().is_empty().then_some(())
    });
    let report = stream.stop();
    assert!(report.broken.is_some(), "{report:?}");
    buoyctl(&daemon, "fip disassociate 203.0.113.100");
    await_seen(&vm1, REMOTE, 80, SHARED);
}

#[test]
fn networks_and_providers_cease_to_share() {
    let (lab, daemon) = shared("");
    let _server = tcp_server(&lab.node("remote"), 80);
    let vm1 = lab.node("vm1");
    let await_silent = || eventually(LATE, "nothing is shared", || ping(&vm1, REMOTE, 2).is_silent().then_some(()));
    await_seen(&vm1, REMOTE, 80, SHARED);
    buoyctl(&daemon, "network set blue --snat off");
    await_silent();
    buoyctl(&daemon, "network set blue --snat on");
    await_seen(&vm1, REMOTE, 80, SHARED);
    let flows = || lab.dump_flows("br-int").into_iter().filter(|flow| flow.contains("nat(src=203.0.113.110")).count();
    assert_ne!(flows(), 0);
    buoyctl(&daemon, "provider set lan --snat off");
    assert_eq!(flows(), 0);
    await_silent();
    // It is an address as any other again.
    let freed = buoyctl(&daemon, "fip associate 203.0.113.110 web-2");
    assert_eq!(freed["applied"], true, "{freed}");
    await_seen(&lab.node("vm2"), REMOTE, 80, SHARED);
}

#[test]
fn under_the_policy_router_the_shared_address_has_the_routers_mac() {
    let (lab, daemon) = shared("");
    let mac = "02:00:cb:00:71:77";
    buoyctl(&daemon, &format!("provider set lan --mac-policy router --router-mac {mac}"));
    let heard = Capture::start(&lab.node("lan"), "server", &format!("src host {SHARED}"));
    let _servers = ["remote", "client"].map(|own| (tcp_server(&lab.node(own), 80), udp_server(&lab.node(own), 53)));
    for to in [REMOTE, CLIENT] {
        assert_reaches(&lab.node("vm1"), to, SHARED, LATE);
        assert_refused(&lab.node("vm1"), to, LATE);
    }
    let frames = heard.stop();
    let others: Vec<_> = frames.iter().filter(|own| own.src.to_string() != mac).cloned().collect();
    assert!(frames.len() > 20 && others.is_empty(), "{}", listing(&others));
}

#[test]
fn a_datapath_without_a_tracker_says_so_and_serves_floating_ips() {
    let (lab, daemon) = declared();
    lab.ovs_appctl(["dpif/set-dp-features", "br-int", "ct_state_nat", "false"]);
    lab.ovs_ofctl(["del-flows", "br-int"]);
    let limited = eventually(LATE, "the bridge says what it cannot do", || {
        let shown = buoyctl(&daemon, "switch show br-int");
        shown["limits"].as_array()?.first().cloned().filter(|_| shown["applied"] == true)
    });
    assert!(limited.as_str().unwrap_or_default().starts_with("its datapath has no connection tracking"), "{limited}");
    buoyctl(&daemon, "fip associate 203.0.113.100 web-2");
    let refused = daemon.buoyctl(["provider", "set", "lan", "--snat", "203.0.113.110"]);
    assert_eq!(refused.code(), 7, "{refused}");
    let shown = buoyctl(&daemon, "switch show br-int");
    let error = shown["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("its datapath has no connection tracking"), "{shown}");
    let _server = tcp_server(&lab.node("remote"), 80);
    assert_eq!(seen(&lab.node("vm2"), REMOTE, 80).ip(), FLOATING_IP);
    assert!(ping(&lab.node("vm1"), REMOTE, 2).is_silent());
}
