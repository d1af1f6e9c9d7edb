//! A guest that sends whatever comes to its mind: forged MACs and addresses, ARP, IPv6, nested VLAN tags, STP, LLDP,
//! runts and jumbo frames. The same seed sends the same frames.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use buoy_topology::MacAddr;

use super::exchange::probe;
use super::inject::{arp, echo_request, ethernet};
use crate::lab::Node;
use crate::raw::RawPort;
use crate::running::{Running, Signal};

/// How many frames a storm had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormReport {
    /// Frames that the interface took.
    pub sent: u64,
    /// Frames that it did not take, above all too long ones.
    pub refused: u64,
}

/// A storm that goes on until [`StormRun::stop`].
#[derive(Debug)]
pub struct StormRun {
    running: Running,
}

impl StormRun {
    /// Starts it. MACs and addresses in `known` are forged more often than others.
    #[track_caller]
    pub fn start(node: &Node, interface: &str, seed: u64, per_second: u32, known: &[&str]) -> Self {
        let words = [interface.to_owned(), seed.to_string(), per_second.to_string()];
        let mut running = node.spawn(probe("storm", words.into_iter().chain(known.iter().map(|&own| own.to_owned()))));
        running.wait_for("blows", Duration::from_secs(5));
        Self { running }
    }

    /// Ends it.
    #[track_caller]
    pub fn stop(self) -> StormReport {
        let output = self.running.stop(Signal::SIGTERM, Duration::from_secs(5));
        let last = output.stdout.lines().rev().find_map(|line| line.strip_prefix("sent "));
        let mut numbers = last.unwrap_or_default().split(" refused ").map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(sent)), Some(Ok(refused))) => StormReport { sent, refused },
            _ => panic!("no count of the storm: {output}"),
        }
    }
}

/// Sends random frames for ever, and says now and then how many.
pub fn run(interface: &str, seed: u64, per_second: u32, known: &[String]) -> Result<()> {
    let port = RawPort::open(interface)?;
    let mut weather = Weather::new(seed, known)?;
    println!("blows");
    let (since, mut sent, mut refused) = (Instant::now(), 0_u64, 0_u64);
    loop {
        for _ in 0..BURST {
            match port.send(&weather.frame()) {
                Ok(()) => sent += 1,
                Err(_) => refused += 1,
            }
        }
        println!("sent {sent} refused {refused}");
        let due = Duration::from_secs_f64((sent + refused) as f64 / f64::from(per_second.max(1)));
        thread::sleep(due.saturating_sub(since.elapsed()));
    }
}

/// Frames between two looks at the clock.
const BURST: u32 = 32;

/// Makes the frames.
struct Weather {
    /// splitmix64
    state: u64,
    macs: Vec<MacAddr>,
    addresses: Vec<Ipv4Addr>,
}

impl Weather {
    fn new(seed: u64, known: &[String]) -> Result<Self> {
        let (macs, addresses): (Vec<_>, Vec<_>) = known.iter().partition(|own| own.contains(':'));
        let macs = macs.into_iter().map(|own| own.parse().with_context(|| own.clone())).collect::<Result<_>>()?;
        let addresses =
            addresses.into_iter().map(|own| own.parse().with_context(|| own.clone())).collect::<Result<_>>()?;
        Ok(Self { state: seed, macs, addresses })
    }

    fn frame(&mut self) -> Vec<u8> {
        let (dst, src) = (self.destination(), self.mac());
        let body = self.body();
        let tags = self.tags();
        let mut frame = ethernet(dst, src, &[tags, body].concat());
        match self.below(16) {
            0 => frame.truncate(14 + usize::try_from(self.below(40)).unwrap_or_default()),
            1 => frame.resize(8_000, 0x5a),
            2 => frame.resize(1_514, 0x5a),
            _ => {}
        }
        frame
    }

    fn body(&mut self) -> Vec<u8> {
        match self.below(10) {
            0..=2 => echo_request(self.address(), self.address()),
            3..=5 => {
                let operation = u8::try_from(self.below(4)).unwrap_or_default();
                arp(operation, self.mac(), self.address(), self.address())
            }
            // A router solicitation, as far as anybody will read it.
            6 => {
                [&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255], &self.bytes(32)[..], &[133, 0, 0, 0, 0, 0, 0, 0]].concat()
            }
            // LLDP, and STP in an LLC frame.
            7 => [&[0x88, 0xcc, 0x02, 0x07, 0x04], &self.bytes(20)[..]].concat(),
            8 => [&[0x00, 0x26, 0x42, 0x42, 0x03], &self.bytes(35)[..]].concat(),
            _ => self.bytes(48),
        }
    }

    fn tags(&mut self) -> Vec<u8> {
        let depth = self.below(12);
        let mut tags = Vec::new();
        for _ in 0..depth.saturating_sub(9) {
            let kind = if self.below(2) == 0 { 0x8100_u16 } else { 0x88a8 };
            tags.extend(kind.to_be_bytes());
            tags.extend(self.bytes(2));
        }
        tags
    }

    fn destination(&mut self) -> MacAddr {
        match self.below(8) {
            0..=1 => MacAddr::BROADCAST,
            2 => {
                let last = self.bytes(1).first().map_or(0, |byte| byte & 0x0f);
                MacAddr::new([0x01, 0x80, 0xc2, 0x00, 0x00, last])
            }
            3 => MacAddr::new([0x01, 0x00, 0x5e, 0x00, 0x00, 0x01]),
            _ => self.mac(),
        }
    }

    fn mac(&mut self) -> MacAddr {
        match self.pick(self.macs.len()) {
            Some(known) => self.macs.get(known).copied().unwrap_or(MacAddr::BROADCAST),
            None => {
                let [a, b, c, d, e, f, ..] = self.next().to_be_bytes();
                MacAddr::new([a, b, c, d, e, f])
            }
        }
    }

    fn address(&mut self) -> Ipv4Addr {
        match self.pick(self.addresses.len()) {
            Some(known) => self.addresses.get(known).copied().unwrap_or(Ipv4Addr::UNSPECIFIED),
            None => {
                let [a, b, c, d, ..] = self.next().to_be_bytes();
                Ipv4Addr::new(a, b, c, d)
            }
        }
    }

    /// One of so many known things, or none for something new.
    fn pick(&mut self, count: usize) -> Option<usize> {
        let is_new = self.below(5) == 0;
        let at = self.below(u64::try_from(count).unwrap_or(u64::MAX).max(1));
        usize::try_from(at).ok().filter(|at| !is_new && *at < count)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Frame;

    #[test]
    fn a_storm_has_all_kinds_of_frames_and_can_be_repeated() {
        let known = ["02:00:0a:00:00:0b".to_owned(), "203.0.113.2".to_owned()];
        let make = || Weather::new(7, &known).expect("known things");
        let (mut one, mut other) = (make(), make());
        let frames: Vec<_> = (0..4_000).map(|_| one.frame()).collect();
        assert!(frames.iter().all(|frame| *frame == other.frame()));
        let read: Vec<_> = frames.iter().filter_map(|frame| Frame::read(Duration::ZERO, frame)).collect();
        let has = |what: &str, is_it: &dyn Fn(&Frame) -> bool| assert!(read.iter().any(is_it), "no {what}");
        has("ARP", &|frame| frame.arp.is_some_and(|arp| arp.spa == Ipv4Addr::new(203, 0, 113, 2)));
        has("forged IPv4", &|frame| frame.ip.is_some_and(|ip| ip.src == Ipv4Addr::new(203, 0, 113, 2)));
        has("IPv6", &|frame| frame.ethertype == 0x86dd);
        has("LLDP", &|frame| frame.ethertype == 0x88cc);
        has("nested tags", &|frame| frame.vlans.len() == 2);
        has("own MAC", &|frame| frame.src.to_string() == known[0]);
        assert!(frames.iter().any(|frame| frame.len() == 8_000) && frames.iter().any(|frame| frame.len() < 24));
    }
}
