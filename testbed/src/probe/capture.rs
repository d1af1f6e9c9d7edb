//! Recording the frames of an interface with tcpdump.

use std::time::Duration;

use crate::lab::Node;
use crate::probe::frame::Frame;
use crate::running::{Running, Signal};

/// A capture that runs.
#[derive(Debug)]
pub struct Capture {
    running: Running,
}

impl Capture {
    /// Starts on an interface of a node, with a filter in tcpdump's words (`""` for all); returns when it records.
    #[track_caller]
    pub fn start(node: &Node, interface: &str, filter: &str) -> Self {
        assert!(
            node.namespaces().may_change_user(),
            "tcpdump does not run in a user namespace with one user: run testbed/prepare, or: apt-get install uidmap, \
             and give this user a range in /etc/subuid and /etc/subgid (usermod --add-subuids, --add-subgids)"
        );
        let mut words = vec!["tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-B", "16384", "-Z", "root"];
        words.extend(["-w", "-"]);
        words.extend(filter.split_whitespace());
        let mut running = node.spawn(words);
        running.wait_for("listening on", DEADLINE);
        Self { running }
    }

    /// The frames so far.
    pub fn frames(&self) -> Vec<Frame> {
        read_pcap(&self.running.stdout_bytes())
    }

    /// Waits for a frame; panics with those that there are where it does not come.
    #[track_caller]
    pub fn wait_for(&self, deadline: Duration, what: &str, is_it: impl Fn(&Frame) -> bool) -> Frame {
        let end = std::time::Instant::now() + deadline;
        loop {
            let frames = self.frames();
            if let Some(frame) = frames.iter().find(|frame| is_it(frame)) {
                return frame.clone();
            }
            assert!(std::time::Instant::now() < end, "no {what} within {deadline:?} in\n{}", listing(&frames));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it; gives every frame that passed before the call. Panics where the kernel dropped some.
    #[track_caller]
    pub fn stop(mut self) -> Vec<Frame> {
        self.await_backlog();
        let output = self.running.stop_bytes(Signal::SIGINT, DEADLINE);
        let dropped = count(&output.1, "dropped by kernel");
        assert_eq!(dropped, Some(0), "capture has holes: {}", output.1);
        read_pcap(&output.0)
    }

    /// Waits until tcpdump has written all that its socket has received by now: at SIGINT it leaves the rest.
    #[track_caller]
    fn await_backlog(&mut self) {
        let mut goal = None;
        super::eventually(DEADLINE, "tcpdump writes what it received", || {
            let told = self.running.stderr().len();
            self.running.signal(Signal::SIGUSR1);
            let line = super::eventually(DEADLINE, "tcpdump answers SIGUSR1", || {
                let stderr = self.running.stderr();
                let line = stderr.get(told..)?.to_owned();
                line.contains("dropped by kernel").then_some(line)
            });
            let captured = count(&line, "captured")?;
            let goal = *goal.get_or_insert(count(&line, "received by filter")?);
            (captured >= goal).then_some(())
        });
    }
}

/// The frames as lines, for messages.
pub fn listing(frames: &[Frame]) -> String {
    frames.iter().map(|frame| format!("{frame}\n")).collect()
}

const DEADLINE: Duration = Duration::from_secs(10);

/// The number before `packets WHAT` or `packet WHAT`.
fn count(text: &str, what: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let what: Vec<&str> = what.split_whitespace().collect();
    words.windows(2 + what.len()).rev().find_map(|window| match window {
        [number, unit, rest @ ..] if unit.starts_with("packet") && matches(rest, &what) => number.parse().ok(),
        _ => None,
    })
}

fn matches(words: &[&str], pattern: &[&str]) -> bool {
    words.iter().zip(pattern).all(|(word, pattern)| word.trim_end_matches(',') == *pattern)
}

/// Reads a pcap stream; a record that has not arrived whole yet is left out.
fn read_pcap(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let Some((head, mut rest)) = bytes.split_at_checked(24) else { return frames };
    let is_little_endian = head.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1]);
    let number = |bytes: &[u8], at: usize| -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(if is_little_endian { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    while let (Some(seconds), Some(micros), Some(length)) = (number(rest, 0), number(rest, 4), number(rest, 8)) {
        let Some(body) = usize::try_from(length).ok().and_then(|length| rest.get(16..16 + length)) else { break };
        let time = Duration::from_secs(seconds.into()) + Duration::from_micros(micros.into());
        frames.extend(Frame::read(time, body));
        rest = rest.get(16 + body.len()..).unwrap_or_default();
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_in_both_of_tcpdumps_forms() {
        let at_end = "5 packets captured\n7 packets received by filter\n1 packet dropped by kernel\n";
        let on_demand = "tcpdump: 5 packets captured, 7 packets received by filter, 1 packet dropped by kernel\n";
        for text in [at_end, on_demand] {
            assert_eq!(count(text, "captured"), Some(5));
            assert_eq!(count(text, "received by filter"), Some(7));
            assert_eq!(count(text, "dropped by kernel"), Some(1));
        }
    }

    #[test]
    fn a_cut_stream_gives_its_whole_frames() {
        let mut stream = vec![0xd4, 0xc3, 0xb2, 0xa1];
        stream.resize(24, 0);
        let frame = [[0xff; 6], [0x02; 6], [0x08, 0x06, 0, 1, 8, 0]].concat();
        for _ in 0..2 {
            stream.extend([1, 0, 0, 0, 2, 0, 0, 0, 18, 0, 0, 0, 18, 0, 0, 0]);
            stream.extend(&frame);
        }
        assert_eq!(read_pcap(&stream).len(), 2);
        assert_eq!(read_pcap(&stream[..stream.len() - 1]).len(), 1);
        let frame = &read_pcap(&stream)[0];
        assert_eq!((frame.ethertype, frame.arp, frame.time.as_micros()), (0x0806, None, 1_000_002));
    }
}
