//! What a provider has seen of a server.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::Cause;
use crate::probe::{ArpOperation, Frame};

/// A frame that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Why.
    pub cause: Cause,
    /// When, in milliseconds since the provider began to look.
    pub at_ms: u64,
    /// The frame in words.
    pub frame: String,
    /// Its first bytes, in hex.
    pub hex: String,
}

/// A question that the server asked by ARP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoHas {
    /// When, in milliseconds since the provider began to look.
    pub at_ms: u64,
    /// The frame in words.
    pub frame: String,
}

/// What there is to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Frames that passed from the server.
    pub from_server: u64,
    /// Frames that passed to the server.
    pub to_server: u64,
    /// How many frames were refused.
    pub refused: u64,
    /// The first of them.
    pub violations: Vec<Violation>,
    /// Questions by ARP, refused ones and gratuitous ones too.
    pub who_has: Vec<WhoHas>,
    /// Frames that came faster than they were read: the record has holes.
    pub lost: u64,
    /// Whether there was a minute with more questions than the rules allow.
    pub blocked: bool,
}

impl Report {
    /// Notes a frame that the server sent, and what was found of it.
    pub fn note(&mut self, bytes: &[u8], since: Duration, cause: Option<Cause>, who_has_per_minute: usize) {
        let at_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let frame = Frame::read(since, bytes);
        let words = || frame.as_ref().map_or_else(|| format!("{} bytes", bytes.len()), Frame::to_string);
        if frame.as_ref().and_then(|frame| frame.arp).is_some_and(|arp| arp.operation == ArpOperation::Request) {
            self.who_has.push(WhoHas { at_ms, frame: words() });
            self.blocked |= self.within_minute_before(at_ms) > who_has_per_minute;
        }
        match cause {
            None => self.from_server += 1,
            Some(cause) => {
                self.refused += 1;
                if self.violations.len() < MOST_VIOLATIONS {
                    let hex = bytes.iter().take(HEX_BYTES).map(|byte| format!("{byte:02x}")).collect();
                    self.violations.push(Violation { cause, at_ms, frame: words(), hex });
                }
            }
        }
    }

    /// All that was seen, where a frame was refused or missed, or where there were too many questions.
    pub fn complaint(&self) -> Option<String> {
        let is_clean = self.refused == 0 && self.lost == 0 && !self.blocked;
        (!is_clean).then(|| self.to_string())
    }

    /// The largest number of questions within a minute.
    pub fn who_has_per_minute(&self) -> usize {
        self.who_has.iter().map(|own| self.within_minute_before(own.at_ms)).max().unwrap_or_default()
    }

    fn within_minute_before(&self, at_ms: u64) -> usize {
        let within = |own: &&WhoHas| own.at_ms <= at_ms && own.at_ms + 60_000 > at_ms;
        self.who_has.iter().filter(within).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_server, to_server, refused, lost, .. } = self;
        writeln!(f, "{from_server} frames from the server, {to_server} to it, {refused} refused, {lost} lost")?;
        for Violation { cause, at_ms, frame, hex } in self.violations.iter().take(SHOWN) {
            writeln!(f, "{at_ms:>7} ms {cause:?}: {frame}\n           {hex}")?;
        }
        let hidden = refused.saturating_sub(u64::try_from(SHOWN).unwrap_or(u64::MAX));
        if hidden > 0 {
            writeln!(f, "and {hidden} more")?;
        }
        let blocked = if self.blocked { ": blocked" } else { "" };
        writeln!(f, "at most {} who-has within a minute{blocked}", self.who_has_per_minute())?;
        self.who_has.iter().take(SHOWN).try_for_each(|own| writeln!(f, "{:>7} ms {}", own.at_ms, own.frame))
    }
}

/// Refused frames that are kept; the others are counted.
const MOST_VIOLATIONS: usize = 10_000;
/// Frames that a message shows.
const SHOWN: usize = 40;
/// Bytes of a frame that are kept.
const HEX_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    const WHO_HAS: [u8; 18] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0];

    fn who_has() -> Vec<u8> {
        let mut frame = WHO_HAS.to_vec();
        frame.extend([6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 203, 0, 113, 2, 0, 0, 0, 0, 0, 0, 203, 0, 113, 254]);
        frame
    }

    #[test]
    fn a_minute_with_too_many_questions_blocks() {
        let mut report = Report::default();
        for second in [0, 20, 40, 61] {
            report.note(&who_has(), Duration::from_secs(second), None, 3);
        }
        assert_eq!((report.who_has_per_minute(), report.blocked, report.from_server), (3, false, 4));
        report.note(&who_has(), Duration::from_secs(81), None, 3);
        assert_eq!((report.who_has_per_minute(), report.complaint()), (3, None));
        report.note(&who_has(), Duration::from_secs(82), None, 3);
        assert_eq!((report.who_has_per_minute(), report.blocked), (4, true));
        assert!(report.complaint().is_some_and(|text| text.contains("4 who-has within a minute: blocked")));
    }

    #[test]
    fn a_refused_frame_is_told_with_its_bytes() {
        let mut report = Report::default();
        report.note(&who_has(), Duration::from_millis(7), Some(Cause::NotToGateway), 9);
        report.note(&[1, 2, 3], Duration::from_millis(8), Some(Cause::Malformed), 9);
        let text = report.to_string();
        assert!(
            text.contains("7 ms NotToGateway: 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff arp who-has 203.0.113.254"),
            "{text}"
        );
        assert!(text.contains("8 ms Malformed: 3 bytes\n           010203"), "{text}");
        assert_eq!((report.refused, report.from_server), (2, 0));
        assert_eq!(report.complaint(), Some(text));
    }
}
