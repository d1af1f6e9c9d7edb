//! When something happened, as the daemon itself tells it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Daemon;
use crate::scenario::BRIDGES;

/// A connection that is told of all that happens from now on.
#[derive(Debug)]
pub(super) struct Watch {
    reader: BufReader<UnixStream>,
}

impl Watch {
    /// Begins to watch.
    #[track_caller]
    pub(super) fn start(daemon: &Daemon) -> Self {
        let mut stream = UnixStream::connect(daemon.socket()).expect("the daemon serves its socket");
        stream.set_read_timeout(Some(LONG)).expect("a timeout can be set");
        writeln!(stream, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "watch.start"})).expect("the daemon reads");
        let mut watch = Self { reader: BufReader::new(stream) };
        let answer = watch.message();
        assert!(answer.get("result").is_some(), "{answer}");
        watch
    }

    /// How long it took from when the first bridge connected until both had everything.
    #[track_caller]
    pub(super) fn until_applied(&mut self) -> Duration {
        let (mut connected, mut applied) = (None, Vec::new());
        let deadline = Instant::now() + LONG;
        while applied.len() < BRIDGES.len() {
            assert!(Instant::now() < deadline, "the bridges lack flows after {LONG:?}, and have connected anew since");
            let (kind, time) = self.event();
            match kind.as_str() {
                "switch_connected" => drop(connected.get_or_insert(time)),
                "switch_applied" => applied.push(time),
                _ => {}
            }
        }
        let (first, last) =
            (connected.expect("a bridge connects first"), applied.into_iter().max().unwrap_or_default());
        last.checked_sub(first).unwrap_or_else(|| last + DAY - first)
    }

    /// Waits until both bridges are gone.
    #[track_caller]
    pub(super) fn until_gone(&mut self) {
        let mut gone = 0;
        while gone < BRIDGES.len() {
            gone += usize::from(self.event().0 == "switch_disconnected");
        }
    }

    /// The kind of the next event, and its time of day.
    fn event(&mut self) -> (String, Duration) {
        let message = self.message();
        let text = |field: &str| message.pointer(&format!("/params/{field}")).and_then(Value::as_str);
        let (kind, time) = text("kind").zip(text("time")).unwrap_or_else(|| panic!("no event: {message}"));
        (kind.to_owned(), time_of_day(time).unwrap_or_else(|| panic!("no time: {message}")))
    }

    fn message(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("the daemon tells in time");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

/// The time of day in a time as RFC 3339 writes it, in UTC and with milliseconds.
fn time_of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split_once('T')?.1.strip_suffix('Z')?.split(':');
    let (hours, minutes, seconds): (u64, u64, &str) =
        (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let (seconds, millis): (u64, u64) =
        seconds.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))?;
    Some(Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis))
}

const DAY: Duration = Duration::from_secs(86_400);
/// Longer than a large site takes on a slow machine.
const LONG: Duration = Duration::from_secs(1_200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_to_the_millisecond() {
        let time = Duration::from_millis(((3 * 60 + 4) * 60 + 5) * 1_000 + 67);
        assert_eq!(time_of_day("2026-01-02T03:04:05.067Z"), Some(time));
        assert_eq!(time_of_day("2026-01-02"), None);
    }
}
