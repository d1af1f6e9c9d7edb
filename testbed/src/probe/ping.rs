//! ICMP echo: a few packets, or a stream beside what a test does.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::lab::Node;
use crate::running::{Output, Running, Signal};

/// What became of the packets.
#[derive(Clone, Debug, PartialEq)]
pub struct PingReport {
    /// Packets that were sent and had time to be answered.
    pub sent: u64,
    /// How many of them were answered.
    pub received: u64,
    /// Sequence numbers, from 1, of those that were not.
    pub lost: Vec<u64>,
    /// Answers beyond the first.
    pub duplicates: u64,
    /// The longest time between two answers.
    pub longest_gap: Duration,
}

impl PingReport {
    /// Whether packets were sent and every one was answered.
    pub fn is_complete(&self) -> bool {
        self.sent > 0 && self.lost.is_empty()
    }

    /// Whether packets were sent and none was answered.
    pub fn is_silent(&self) -> bool {
        self.sent > 0 && self.received == 0
    }
}

/// Sends `count` packets 50 ms apart and gives the last at least a second for its answer.
#[track_caller]
pub fn ping(node: &Node, address: impl Into<IpAddr>, count: u32) -> PingReport {
    // With -c alone ping waits for the last answer only as long as the slowest one took so far. With -w it waits until
    // all are there, and sends more meanwhile; those are left out here.
    let seconds = (count * 50 + 1_000).div_ceil(1_000).to_string();
    let (address, packets) = (address.into().to_string(), count.to_string());
    let output = node.run(["ping", "-n", "-D", "-c", &packets, "-i", "0.05", "-w", &seconds, &address]);
    report(&output, 0, count.into())
}

/// A stream of packets that goes on until [`PingRun::stop`].
#[derive(Debug)]
pub struct PingRun {
    running: Running,
    interval: Duration,
}

impl PingRun {
    /// Starts it; 10 ms is a good interval, 2 ms the shortest that `ping` keeps.
    #[track_caller]
    pub fn start(node: &Node, address: impl Into<IpAddr>, interval: Duration) -> Self {
        let seconds = interval.as_secs_f64().to_string();
        let running = node.spawn(["ping", "-n", "-D", "-i", &seconds, &address.into().to_string()]);
        Self { running, interval }
    }

    /// Waits for an answer, so that what is lost later is the test's own doing.
    #[track_caller]
    pub fn await_reply(&mut self, deadline: Duration) {
        self.running.wait_for("bytes from", deadline);
    }

    /// How many answers there are so far.
    pub fn replies(&self) -> usize {
        self.running.stdout().lines().filter(|line| line.contains("bytes from")).count()
    }

    /// Waits for this many more answers, so that what happened before them is covered.
    #[track_caller]
    pub fn await_more(&mut self, replies: usize, deadline: Duration) {
        let goal = self.replies() + replies;
        super::eventually(deadline, "more answers to ping", || (self.replies() >= goal).then_some(()));
    }

    /// Ends it. Packets of the last 200 ms that are unanswered count as not sent: their answers may be on the way.
    #[track_caller]
    pub fn stop(self) -> PingReport {
        let in_flight = IN_FLIGHT.as_micros() / self.interval.as_micros().max(1);
        let output = self.running.stop(Signal::SIGINT, Duration::from_secs(5));
        report(&output, u64::try_from(in_flight).unwrap_or(u64::MAX).max(1), u64::MAX)
    }
}

const IN_FLIGHT: Duration = Duration::from_millis(200);

/// Reads what `ping -D` printed of the first `limit` packets; up to `grace` unanswered ones at the end are left out.
#[track_caller]
fn report(output: &Output, grace: u64, limit: u64) -> PingReport {
    let mut answered = BTreeSet::new();
    let mut duplicates = 0;
    let mut highest = 0;
    let mut last_time = None;
    let mut longest_gap = Duration::ZERO;
    for line in output.stdout.lines().filter(|line| line.contains("bytes from")) {
        let Some(sequence) = number_after(line, "icmp_seq=") else { continue };
        let sequence = unwrapped(sequence, highest);
        if sequence > limit {
            continue;
        }
        highest = highest.max(sequence);
        duplicates += u64::from(!answered.insert(sequence));
        let time = line.strip_prefix('[').and_then(|line| line.split(']').next()?.parse::<f64>().ok());
        if let (Some(last), Some(now)) = (last_time, time) {
            longest_gap = longest_gap.max(Duration::try_from_secs_f64(now - last).unwrap_or_default());
        }
        last_time = time.or(last_time);
    }
    let summary = output.stdout.lines().find(|line| line.contains("packets transmitted"));
    let sent = summary.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let sent = sent.unwrap_or_else(|| panic!("no summary of ping: {output}"));
    let sent = (sent - sent.saturating_sub(highest).min(grace)).min(limit);
    let lost: Vec<u64> = (1..=sent).filter(|sequence| !answered.contains(sequence)).collect();
    let received = u64::try_from(answered.len()).unwrap_or(u64::MAX);
    PingReport { sent, received, lost, duplicates, longest_gap }
}

/// The full sequence number: the field has 16 bits.
fn unwrapped(sequence: u64, highest: u64) -> u64 {
    let mut sequence = sequence + (highest & !0xffff);
    if sequence + 0x8000 < highest {
        sequence += 0x1_0000;
    }
    sequence
}

fn number_after(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(key)?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stdout: &str, grace: u64, limit: u64) -> PingReport {
        let status = std::process::ExitStatus::default();
        report(
            &Output { command: String::new(), status, stdout: stdout.to_owned(), stderr: String::new() },
            grace,
            limit,
        )
    }

    #[test]
    fn lost_packets_and_the_gap_they_leave_are_told() {
        let stdout = "[100.000000] 64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=1.0 ms\n\
                      [100.010000] From 192.0.2.9 icmp_seq=2 Destination Host Unreachable\n\
                      [100.250000] 64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=1.0 ms\n\
                      [100.250100] 64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=1.1 ms (DUP!)\n\
                      6 packets transmitted, 2 received, +1 duplicates, 66% packet loss, time 5ms\n";
        let report = check(stdout, 2, 6);
        assert_eq!((report.sent, report.received, report.duplicates), (4, 2, 1));
        assert_eq!(report.lost, [2, 4]);
        assert_eq!(report.longest_gap.as_millis(), 250);
        let report = check(stdout, 0, 2);
        assert_eq!((report.sent, report.received, report.lost), (2, 1, vec![2]));
    }

    #[test]
    fn sequence_numbers_go_on_after_16_bits() {
        assert_eq!(unwrapped(0xffff, 0xfffe), 0xffff);
        assert_eq!(unwrapped(0x0001, 0xffff), 0x1_0001);
        assert_eq!(unwrapped(0x0002, 0x1_0001), 0x1_0002);
    }
}
