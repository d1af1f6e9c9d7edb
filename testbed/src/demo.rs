//! The tour of one floating IP that `testbed/demo` gives: each step is shown with the commands that it takes, and
//! checked. A step that does not hold ends the demo with a failure.

use std::time::Duration;

use crate::probe::capture::listing;
use crate::probe::{Capture, PingRun, arping, eventually, flush_neighbours, ping, tcp_exchange, tcp_server};
use crate::probe::{PingReport, exchange::http_get};
use crate::site::{CLIENT, DECLARATION, FLOATING_IP, FROM_US, REGISTERED_MAC, REMOTE};
use crate::{Daemon, Lab};

/// Gives the tour. It panics where something is not as it should be, with the state that explains it.
pub fn run() {
    say("0", "A lab of network namespaces around a private Open vSwitch: lab `flat`");
    println!("      remote ── router ──┐            ┌── br-ex ══ br-int ── web-1 (vm1), web-2 (vm2)");
    println!("              client ────┴─ LAN ── uplink0 (the host's only NIC)");
    let lab = Lab::up("flat");
    let mut daemon = Daemon::start(&lab);
    typed("buoyd &");
    typed(
        "ovs-vsctl -- set-fail-mode br-ex secure -- set-controller br-ex tcp:127.0.0.1:6653 ...   (both bridges, one transaction)",
    );
    lab.point_at_controller();
    show(&daemon, "switch list");

    declare(&daemon);
    let capture = Capture::start(&lab.node("lan"), "server", FROM_US);
    reach(&lab);
    survive(&lab, &mut daemon);

    say("4", "What the provider saw of us: one registered MAC, in Ethernet headers and in ARP senders");
    let frames = capture.stop();
    let alien = |frame: &&crate::probe::Frame| {
        let sender = frame.arp.as_ref().map_or(frame.src, |arp| arp.sha);
        frame.src.to_string() != REGISTERED_MAC || sender.to_string() != REGISTERED_MAC
    };
    let sample: Vec<_> = frames.iter().filter(|frame| frame.arp.is_some()).take(3).cloned().collect();
    let sample: Vec<_> =
        sample.into_iter().chain(frames.iter().filter(|frame| frame.ip.is_some()).take(3).cloned()).collect();
    println!("{}", indented(&listing(&sample)));
    let aliens: Vec<_> = frames.iter().filter(alien).cloned().collect();
    assert!(aliens.is_empty(), "frames with another MAC:\n{}", listing(&aliens));
    check(&format!("{} frames on the uplink, all of them from {REGISTERED_MAC}", frames.len()));

    leave(&lab, &daemon);
    say("6", "Cleaning up");
    daemon.stop();
    drop(lab);
    check("the daemon ended with exit code 0, and the lab is gone with all its namespaces");
}

fn declare(daemon: &Daemon) {
    say("1", "The site: a provider, a pool, a network, two instances, and a floating IP");
    for command in DECLARATION {
        quietly(daemon, command);
    }
    show(daemon, "fip allocate --pool public");
    show(daemon, "fip associate 203.0.113.100 web-1");
    show(daemon, "fip list");
}

fn reach(lab: &Lab) {
    say("2", "From the provider's LAN and from behind its router, and back");
    let _server = tcp_server(&lab.node("vm1"), 80);
    for (node, address) in [("client", CLIENT), ("remote", REMOTE)] {
        typed(&format!("{node}$ ping -c 3 {FLOATING_IP}"));
        let report = ping(&lab.node(node), FLOATING_IP, 3);
        assert!(report.is_complete(), "{report:?}");
        check(&summary(&report));
        typed(&format!("{node}$ curl http://{FLOATING_IP}/"));
        let body = http_get(&lab.node(node), FLOATING_IP, 80, SOON).expect("an HTTP answer");
        check(&format!("web-1 answers; it saw {}", body.trim()));
        let _outside = tcp_server(&lab.node(node), 8080);
        typed(&format!("web-1$ nc {address} 8080"));
        let seen = tcp_exchange(&lab.node("vm1"), address, 8080, "hello", SOON).expect("a TCP answer");
        assert_eq!(seen.peer.ip(), FLOATING_IP);
        check(&format!("{node} sees web-1 as {}", seen.peer.ip()));
    }
}

fn survive(lab: &Lab, daemon: &mut Daemon) {
    say("3", "The switch answers by itself: the daemon is killed, and all ARP caches are flushed");
    let mut run = PingRun::start(&lab.node("remote"), FLOATING_IP, Duration::from_millis(10));
    run.await_reply(SOON);
    typed("kill -9 $(pidof buoyd)");
    daemon.kill9();
    for node in ["client", "router", "vm1"] {
        flush_neighbours(&lab.node(node));
    }
    typed(&format!("client$ arping {FLOATING_IP}"));
    let mac = arping(&lab.node("client"), "eth0", FLOATING_IP, SOON).expect("an ARP answer");
    check(&format!("{FLOATING_IP} is at {mac}"));
    let report = ping(&lab.node("client"), FLOATING_IP, 3);
    assert!(report.is_complete(), "{report:?}");
    check(&summary(&report));
    let _server = tcp_server(&lab.node("vm1"), 81);
    tcp_exchange(&lab.node("client"), FLOATING_IP, 81, "hello", SOON).expect("a TCP answer");
    check("TCP answers too");
    typed("buoyd &");
    daemon.start_again();
    eventually(SOON, "both bridges are back", || {
        let switches = daemon.buoyctl_json(["switch", "list"]);
        let switches = switches.as_array()?;
        (switches.len() == 2 && switches.iter().all(|own| own["applied"] == true)).then_some(())
    });
    show(daemon, "switch list");
    run.await_more(50, SOON);
    let report = run.stop();
    assert!(report.lost.is_empty(), "{report:?}");
    check(&format!("a ping that ran all the while: {}", summary(&report)));
}

fn leave(lab: &Lab, daemon: &Daemon) {
    say("5", "The address moves to web-2 in one command, then leads nowhere");
    let _server = tcp_server(&lab.node("vm2"), 82);
    show(daemon, "fip associate 203.0.113.100 web-2");
    tcp_exchange(&lab.node("remote"), FLOATING_IP, 82, "hello", SOON).expect("a TCP answer");
    check("web-2 answers on it");
    quietly(daemon, "fip disassociate 203.0.113.100");
    typed(&format!("remote$ ping -c 3 {FLOATING_IP}"));
    let report = ping(&lab.node("remote"), FLOATING_IP, 3);
    assert!(report.is_silent(), "{report:?}");
    check(&summary(&report));
    show(daemon, "drops");
    for command in ["fip release 203.0.113.100", "instance remove web-1", "instance remove web-2"] {
        quietly(daemon, command);
    }
    for command in ["network delete blue", "pool delete public", "provider delete lan"] {
        quietly(daemon, command);
    }
}

/// Runs a command and shows what it prints.
fn show(daemon: &Daemon, command: &str) {
    typed(&format!("buoyctl {command}"));
    println!("{}", indented(&daemon.buoyctl(command.split(' ')).expect_success()));
}

/// Runs a command whose output would only be in the way.
fn quietly(daemon: &Daemon, command: &str) {
    typed(&format!("buoyctl {command}"));
    daemon.buoyctl(command.split(' ')).expect_success();
}

fn say(number: &str, text: &str) {
    println!("\n== {number}. {text}");
}

fn typed(command: &str) {
    println!("   $ {command}");
}

fn check(text: &str) {
    println!("     ok: {text}");
}

fn summary(report: &PingReport) -> String {
    format!("{} packets sent, {} answered", report.sent, report.received)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("     {line}")).collect::<Vec<_>>().join("\n")
}

const SOON: Duration = Duration::from_secs(5);
