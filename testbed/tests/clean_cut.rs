//! What is taken away is away when the command has ended: of a flood through a floating IP, nothing that is sent after
//! `buoyctl` ended with 0 gets to the instance that had it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use buoy_testbed::Daemon;
use buoy_testbed::probe::{StampRun, Stamps, eventually, moment};
use buoy_testbed::scenario::{SOON, buoyctl, declared, switch};
use buoy_testbed::site::{FLOATING_IP, REMOTE};
use buoy_topology::MacAddr;

/// A cut is seen to be late in about every sixth where nobody waits for the datapath.
const ROUNDS: usize = 24;
/// Two attempts at least, on a machine that is busy all the time.
const LATE: Duration = Duration::from_secs(180);
const PER_SECOND: u32 = 20_000;

/// How an address leaves the first instance.
const CUTS: [&str; 3] =
    ["fip disassociate 203.0.113.100", "fip associate 203.0.113.100 web-2", "fip release 203.0.113.100"];

#[test]
fn nothing_that_is_sent_after_a_cut_arrives() {
    let (lab, daemon) = declared();
    let arrived = Stamps::open(&lab.node("vm1"), 9_000);
    let flood = StampRun::start(&lab.node("lan"), "server", &datagram(), PER_SECOND);
    let mut quiet = Vec::new();
    let end = Instant::now() + LATE;
    for cut in CUTS.iter().cycle().take(ROUNDS) {
        quiet.push(loop {
            reach(&daemon, &arrived);
            let done = buoyctl(&daemon, &format!("--timeout 60 {cut}"));
            let since = moment();
            assert_eq!(done.get("applied"), Some(&true.into()), "{cut}: {done}");
            // Time for what should not arrive.
            let shown = switch(&daemon, "br-ex");
            // A host that is too busy to answer is left in peace for a while, and the switch's word counts.
            if shown["fence"] != "switch" {
                break (*cut, since, moment(), shown);
            }
            assert!(Instant::now() < end, "the host never answers: {shown}\n{}", daemon.log());
        });
    }
    flood.stop();
    let sent = arrived.so_far();
    println!("{} datagrams arrived, {ROUNDS} cuts", sent.len());
    assert!(sent.len() > ROUNDS, "datagrams arrive before a cut");
    for (cut, from, to, shown) in quiet {
        let late: Vec<_> = sent.iter().filter(|sent| (from..to).contains(sent)).map(|sent| *sent - from).collect();
        assert!(late.is_empty(), "{cut}: datagrams arrived that were sent so long after it: {late:?}");
        assert_eq!(shown["fence"], "datapath", "{cut}: nobody has looked: {shown}");
    }
}

/// Gives the first instance the address, and waits until the datapath knows the way.
fn reach(daemon: &Daemon, arrived: &Stamps) {
    let since = moment();
    buoyctl(daemon, "fip associate 203.0.113.100 web-1");
    eventually(SOON, "datagrams arrive", || arrived.so_far().iter().any(|sent| *sent > since).then_some(()));
}

/// Without a checksum, since its last bytes are written when it is sent.
fn datagram() -> Vec<u8> {
    let (router, host) = (MacAddr::new([2, 0, 0xcb, 0, 0x71, 1]), MacAddr::new([2, 0, 0xcb, 0, 0x71, 2]));
    let (from, to): (Ipv4Addr, Ipv4Addr) = (REMOTE, FLOATING_IP);
    let builder = etherparse::PacketBuilder::ethernet2(router.octets(), host.octets())
        .ipv4(from.octets(), to.octets(), 64)
        .udp(40_000, 9_000);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[0; 18]).expect("a vector takes all bytes");
    frame.splice(CHECKSUM..CHECKSUM + 2, [0, 0]);
    frame
}

/// Behind Ethernet, IPv4, and the first three words of UDP.
const CHECKSUM: usize = 14 + 20 + 6;
