//! Packets for a guest: which way they take, and how many of them it takes in.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use buoy_topology::MacAddr;
use etherparse::PacketBuilder;

use super::stage::Stage;
use crate::probe::{Sink, counter, eventually, flood};
use crate::scenario::await_up_to_date;
use crate::site::FLOATING_IP;
use crate::{Lab, Node};

/// The guest behind the first floating IP, with a socket that takes datagrams.
#[derive(Debug)]
pub(super) struct Guest {
    node: Node,
    sink: Sink,
}

impl Guest {
    /// Associates its floating IP in both bridges, and opens its socket.
    #[track_caller]
    pub(super) fn open(stage: &mut Stage) -> Self {
        stage.ensure_connected();
        await_up_to_date(&stage.daemon, UP_TO_DATE);
        stage.daemon.buoyctl_json(["fip", "associate", &FLOATING_IP.to_string(), "web-1"]);
        let node = stage.lab.node("vm1");
        let sink = Sink::open(&node, PORT);
        Self { node, sink }
    }

    /// Takes both away.
    #[track_caller]
    pub(super) fn close(self, stage: &Stage) {
        self.sink.close();
        stage.daemon.buoyctl_json(["fip", "disassociate", &FLOATING_IP.to_string()]);
    }

    /// Sends what is in the file until some of it arrives: then the switch knows what to do with it.
    #[track_caller]
    pub(super) fn reach(&self, way: &Way) {
        let before = self.count(DATAGRAMS);
        eventually(LATE, "packets arrive", || {
            flood(&way.sender, way.interface, &way.file, Duration::ZERO);
            (self.count(DATAGRAMS) > before).then_some(())
        });
        self.count_all(before, DATAGRAMS);
    }

    /// Sends for so long as fast as one process can.
    #[track_caller]
    pub(super) fn burst(&self, way: &Way, time: Duration) -> Burst {
        self.burst_of(way, time, DATAGRAMS)
    }

    /// The same, where what arrives is an ICMP error.
    #[track_caller]
    pub(super) fn burst_of_errors(&self, way: &Way, time: Duration) -> Burst {
        self.burst_of(way, time, ERRORS)
    }

    #[track_caller]
    fn burst_of(&self, way: &Way, time: Duration, what: What) -> Burst {
        let before = self.count(what);
        let report = flood(&way.sender, way.interface, &way.file, time);
        let after = self.count_all(before, what);
        Burst::of(report.sent, after - before, Duration::from_micros(report.micros))
    }

    /// Waits until there are more, and all that were on their way.
    #[track_caller]
    fn count_all(&self, before: u64, what: What) -> u64 {
        eventually(LATE, "packets arrive, and all that are on their way", || {
            let now = self.count(what);
            thread::sleep(REST);
            (now > before && now == self.count(what)).then_some(now)
        })
    }

    #[track_caller]
    fn count(&self, (protocol, name): What) -> u64 {
        counter(&self.node, protocol, name)
    }
}

/// A protocol and what is counted of it.
type What = (&'static str, &'static str);
/// What got to the guest's socket.
const DATAGRAMS: What = ("Udp", "RcvbufErrors");
const ERRORS: What = ("Icmp", "InDestUnreachs");

/// What was sent in a second, and what arrived of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    /// Sent.
    pub(super) offered: f64,
    /// Arrived.
    pub(super) arrived: f64,
}

impl Burst {
    fn of(sent: u64, arrived: u64, time: Duration) -> Self {
        // A duration of so many nanoseconds is what std makes a float of without a loss of place.
        let each = |count: u64| Duration::from_nanos(count).as_secs_f64() * 1e9 / time.as_secs_f64();
        Self { offered: each(sent), arrived: each(arrived) }
    }
}

/// Where packets are sent from, and which.
#[derive(Debug)]
pub(super) struct Way {
    sender: Node,
    interface: &'static str,
    /// The frames, in the lab's own `/run`.
    file: String,
}

impl Way {
    /// Out of the far end of the uplink: nothing of the provider stands between.
    #[track_caller]
    pub(super) fn through_the_uplink(lab: &Lab, name: &str, frames: &[Vec<u8>]) -> Self {
        Self::new(lab, "server", name, frames)
    }

    /// Out of an interface of the provider's switch.
    #[track_caller]
    pub(super) fn new(lab: &Lab, interface: &'static str, name: &str, frames: &[Vec<u8>]) -> Self {
        let file = format!("/run/buoy/{name}.frames");
        let hex = |frame: &Vec<u8>| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        std::fs::write(lab.path(&file), frames.iter().map(hex).collect::<String>())
            .expect("/run of the lab is writable");
        Self { sender: lab.node("lan"), interface, file }
    }
}

/// Frames of this length for the guest's socket, one for each of so many flows: each from an address of its own.
pub(super) fn datagrams(mac: MacAddr, address: Ipv4Addr, length: usize, flows: u32) -> Vec<Vec<u8>> {
    let frame = |number: u32| {
        let source = Ipv4Addr::from_bits(SOURCES.to_bits() + number * STRIDE);
        let packet = PacketBuilder::ethernet2(ROUTER_MAC.octets(), mac.octets())
            .ipv4(source.octets(), address.octets(), 64)
            .udp(SOURCE_PORT, PORT);
        let mut frame = Vec::new();
        packet.write(&mut frame, &vec![0; length - HEADERS]).expect("a vector takes all bytes");
        frame
    };
    (0..flows).map(frame).collect()
}

/// The least that Ethernet carries, without its checksum.
pub(super) const SHORT: usize = 60;
/// The most that it carries.
pub(super) const LONG: usize = 1_514;
/// How many flows are active where many are.
pub(super) const FLOWS: u32 = 1_000;
/// Where the provider's router sends what is for a floating IP.
pub(super) const REGISTERED_MAC: MacAddr = MacAddr::new([0x02, 0x00, 0xcb, 0x00, 0x71, 0x02]);
/// Whom that comes from.
pub(super) const ROUTER_MAC: MacAddr = MacAddr::new([0x02, 0x00, 0xcb, 0x00, 0x71, 0x01]);
/// The guest.
pub(super) const GUEST_MAC: MacAddr = MacAddr::new([0x02, 0x00, 0x0a, 0x00, 0x00, 0x0b]);
/// Its fixed address.
pub(super) const FIXED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 11);

/// Ethernet, IPv4 and UDP.
const HEADERS: usize = 14 + 20 + 8;
const PORT: u16 = 9_000;
const SOURCE_PORT: u16 = 40_000;
/// Shared address space (RFC 6598), which nobody of the lab has.
const SOURCES: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// Sources differ in high bits and in low ones.
const STRIDE: u32 = 4_093;
/// Longer than what is on its way takes.
const REST: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(60);
/// Longer than a large site takes on a slow machine.
const UP_TO_DATE: Duration = Duration::from_secs(600);
