//! What is taken away is away when the command has ended: of floods to and from a floating IP, nothing that is sent after
//! `buoyctl` ended with 0 gets to the instance that had it, nor from it to anybody. What the same instance has by another
//! floating IP lives on.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON object lacks reads as null")]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_testbed::daemon::buoyctl_line;
use buoy_testbed::probe::{StampRun, Stamps, StreamRun, eventually, moment};
use buoy_testbed::scenario::{SOON, buoyctl, switch};
use buoy_testbed::site::{DECLARATION, FLOATING_IP, REMOTE};
use buoy_testbed::{Daemon, Lab};
use buoy_topology::MacAddr;

/// Attempts with a minute in between, on a machine that is busy all the time.
const LATE: Duration = Duration::from_secs(600);
const PER_SECOND: u32 = 8_000;
/// How long a cut takes at least where nobody can tell what the datapath does.
const BY_TIME: Duration = Duration::from_secs(3);

/// How an address leaves the first instance.
const CUTS: [&str; 3] =
    ["fip disassociate 203.0.113.100", "fip associate 203.0.113.100 web-2", "fip release 203.0.113.100"];
/// The second interface of the first instance, and its own floating IP.
const SECOND: [&str; 2] = [
    "instance attach web-1 --network blue --port vm4 --mac 02:00:0a:00:00:0e --ip 10.0.0.14",
    "fip associate 203.0.113.101 web-1 --fixed-ip 10.0.0.14",
];
const OTHER_FLOATING_IP: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);

#[test]
fn nothing_passes_after_a_cut_where_the_host_answers() {
    check(Word::Datapath, 9, &[], |_, _| {});
}

#[test]
fn nothing_passes_after_a_cut_where_an_instance_answers() {
    check(Word::Datapath, 6, &[], |lab, _| host_is_down(lab));
}

#[test]
fn nothing_passes_after_a_cut_where_the_host_is_up_and_silent_and_an_instance_answers() {
    check(Word::DatapathAndNoTime, 3, &[], |lab, _| {
        let ignore = "echo 8 > /proc/sys/net/ipv4/conf/br-ex/arp_ignore";
        lab.host().run(["sh", "-c", ignore]).expect_success();
    });
}

#[test]
fn nothing_passes_after_a_cut_where_nobody_answers() {
    check(Word::Time, CUTS.len(), &[], |lab, gateway| {
        host_is_down(lab);
        let neighbour = format!("ip neighbour replace 10.0.0.1 lladdr {gateway} dev eth0");
        for guest in ["vm1", "vm2", "vm4"] {
            for command in ["ip link set eth0 arp off", &neighbour] {
                lab.node(guest).run(command.split(' ')).expect_success();
            }
        }
    });
}

#[test]
fn nothing_passes_after_a_cut_in_openflow_1_0() {
    check(Word::Time, CUTS.len(), &["br-ex", "br-int"], |_, _| {});
}

/// What is to say of the cuts that they are in force.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Datapath,
    /// The datapath, and no time once it is known to be behind.
    DatapathAndNoTime,
    Time,
}

fn host_is_down(lab: &Lab) {
    lab.host().run(["ip", "link", "set", "br-ex", "down"]).expect_success();
}

/// Cuts as often as that, and looks at what passes after each. An attempt where something else said that it is in force is repeated,
/// and where it is by time, one in which Open vSwitch took longer than that.
#[track_caller]
fn check(word: Word, rounds: usize, old: &[&str], prepare: impl Fn(&Lab, MacAddr)) {
    let lab = Lab::up("flat");
    old.iter().for_each(|bridge| _ = lab.ovs_vsctl(["set", "bridge", bridge, "protocols=OpenFlow10"]));
    let daemon = Daemon::start(&lab);
    lab.point_at_controller();
    for command in DECLARATION.into_iter().chain(SECOND) {
        daemon.buoyctl(["--timeout", "60"].into_iter().chain(command.split(' '))).expect_success();
    }
    let lives = StreamRun::start(&lab.node("remote"), &lab.node("vm4"), OTHER_FLOATING_IP, 8_080);
    let gateway = buoyctl(&daemon, "network show blue")["gateway_mac"].as_str().and_then(|mac| mac.parse().ok());
    let gateway = gateway.expect("a MAC");
    prepare(&lab, gateway);
    let (arrived, left) = (Stamps::open(&lab.node("vm1"), 9_000), Stamps::open(&lab.node("remote"), 9_000));
    let beside = [9_001, 9_002].map(|port| Stamps::open(&lab.node("vm4"), port));
    let [inward, outward] = datagrams(gateway);
    let floods = [("lan", "server", inward), ("vm1", "eth0", outward)];
    let floods = floods.map(|(node, port, frames)| StampRun::start(&lab.node(node), port, &frames, PER_SECOND));
    let mut quiet = Vec::new();
    let end = Instant::now() + LATE;
    if word != Word::Time {
        while !is_pending_while_the_datapath_is_behind(&lab, &daemon, [&arrived, &left], word) {
            assert!(Instant::now() < end, "nobody answers\n{}", daemon.log());
        }
    }
    for cut in CUTS.iter().cycle().take(rounds) {
        quiet.push(loop {
            reach(&daemon, [&arrived, &left]);
            let begun = Instant::now();
            let line = format!("--format json --timeout 60 {cut}");
            let mut running = lab.host().spawn(buoyctl_line(line.split(' ')));
            let kept_up = word != Word::Time || {
                await_revalidators(&lab);
                running.is_running()
            };
            let done = running.wait(LATE);
            let (took, since) = (begun.elapsed(), moment());
            assert!(done.success() && done.json()["applied"] == true, "{cut}: {done}\n{}", daemon.log());
            // Time for what should not arrive, until none of it is under way any more.
            let shown = switch(&daemon, "br-ex");
            let until = moment();
            beside.iter().for_each(|own| await_sent_after(until, own));
            // Who is too busy to answer is left in peace for a while, and it goes by time.
            let expected = if word == Word::Time { "time" } else { "datapath" };
            if shown["fence"] == expected {
                assert!(word != Word::Time || took >= BY_TIME, "{cut} took {took:?} only");
                if kept_up {
                    break (*cut, since, until);
                }
            }
            assert!(
                Instant::now() < end,
                "{expected} is expected, and that in time ({kept_up}): {shown}\n{}",
                daemon.log()
            );
        });
    }
    floods.into_iter().for_each(StampRun::stop);
    for (what, stamps) in [("to", arrived), ("from", left)] {
        let sent = stamps.so_far();
        println!("{} datagrams {what} the instance, {rounds} cuts", sent.len());
        assert!(sent.len() > rounds, "datagrams pass before a cut");
        for (cut, from, to) in &quiet {
            let late: Vec<_> = sent.iter().filter(|sent| (from..to).contains(sent)).map(|sent| *sent - *from).collect();
            assert!(late.is_empty(), "{cut}: datagrams {what} the instance passed, sent so long after it: {late:?}");
        }
    }
    let lived = lives.stop();
    assert_eq!(lived.broken, None, "the connection to another floating IP: {lived:?}");
}

/// Waits until the flows have gone by which the first instance has the address, and until Open vSwitch has looked at all that it had
/// cached then.
fn await_revalidators(lab: &Lab) {
    let is_its = |flow: &String| ["203.0.113.100", "10.0.0.11"].iter().all(|own| flow.contains(own));
    eventually(LATE, "the flows are gone", || (!lab.dump_flows("br-int").iter().any(is_its)).then_some(()));
    // The end of a round that may have begun before, and a whole one.
    (0..2).for_each(|_| _ = lab.ovs_appctl(["revalidator/wait"]));
}

/// Keeps the datapath from following a cut, and holds that the cut is not in force then. Tells whether somebody answered for
/// it: where nobody does, it goes by time.
fn is_pending_while_the_datapath_is_behind(lab: &Lab, daemon: &Daemon, ways: [&Stamps; 2], word: Word) -> bool {
    reach(daemon, ways);
    lab.ovs_appctl(["revalidator/pause"]);
    buoyctl(daemon, "--wait store fip disassociate 203.0.113.100");
    // br-int has them last.
    let leaves = |flow: &String| flow.contains("set_field:203.0.113.100->ip_src");
    eventually(SOON, "the flows are gone", || (!lab.dump_flows("br-int").iter().any(leaves)).then_some(()));
    let since = moment();
    ways.into_iter().for_each(|way| await_sent_after(since, way));
    // The fence has its end then, and another one follows.
    let is_over = || daemon.log().contains("the datapath does not follow") || is_by_time(daemon);
    if word == Word::DatapathAndNoTime {
        eventually(LATE, "a fence takes too long", || is_over().then_some(()));
    }
    let (fip, is_watched) = (buoyctl(daemon, "fip show 203.0.113.100"), !is_by_time(daemon));
    lab.ovs_appctl(["revalidator/resume"]);
    assert!(!is_watched || fip["applied"] == false, "{fip}");
    is_watched
}

fn is_by_time(daemon: &Daemon) -> bool {
    switch(daemon, "br-ex")["fence"] == "time"
}

/// Gives the first instance the address, and waits until the datapath knows the way.
fn reach(daemon: &Daemon, ways: [&Stamps; 2]) {
    let since = moment();
    buoyctl(daemon, "--timeout 60 fip associate 203.0.113.100 web-1");
    ways.into_iter().for_each(|way| await_sent_after(since, way));
}

fn await_sent_after(since: Duration, way: &Stamps) {
    eventually(SOON, "datagrams pass", || way.so_far().last().is_some_and(|sent| *sent > since).then_some(()));
}

/// To the instance, as its provider's router sends them, and from it; each with what passes all the same.
fn datagrams(gateway: MacAddr) -> [[Vec<u8>; 2]; 2] {
    let mac = |last| MacAddr::new([2, 0, 0x0a, 0, 0, last]);
    let fixed = |last| Ipv4Addr::new(10, 0, 0, last);
    let (router, host) = (MacAddr::new([2, 0, 0xcb, 0, 0x71, 1]), MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]));
    let (outside, guest) = ((router, REMOTE), (mac(0x0b), fixed(11)));
    [
        [datagram(outside, (host, FLOATING_IP), 9_000), datagram(outside, (host, OTHER_FLOATING_IP), 9_001)],
        [datagram(guest, (gateway, REMOTE), 9_000), datagram(guest, (mac(0x0e), fixed(14)), 9_002)],
    ]
}

/// Without a checksum, since its last bytes are written when it is sent.
fn datagram(from: (MacAddr, Ipv4Addr), to: (MacAddr, Ipv4Addr), port: u16) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2(from.0.octets(), to.0.octets())
        .ipv4(from.1.octets(), to.1.octets(), 64)
        .udp(40_000, port);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[0; 18]).expect("a vector takes all bytes");
    frame.splice(CHECKSUM..CHECKSUM + 2, [0, 0]);
    frame
}

/// Behind Ethernet, IPv4, and the first three words of UDP.
const CHECKSUM: usize = 14 + 20 + 6;
