//! `buoyctl watch`: events as they come, also after the daemon was away.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use buoy_topology::Name;
use serde_json::{Value, json};

use super::Exit;
use super::args::Format;
use super::client::Failure;
use super::events::line;
use crate::api::{ErrorKind, Request, WatchStart};
use crate::arguments::one_line;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    #[command(flatten)]
    what: WatchStart,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after so many seconds; with --count the exit code is 1 where it was not reached
    #[arg(long = "for", value_name = "SECONDS", value_parser = super::args::seconds)]
    period: Option<Duration>,
    /// End with exit code 6 when the daemon goes, and do not wait until it is back
    #[arg(long)]
    no_reconnect: bool,
}

/// Why a connection does not go on.
enum Stop {
    /// All that was wanted came, or nobody reads it.
    Done,
    /// The time is over.
    Late,
    /// The daemon refused, or ended the watch.
    Failed(Failure),
    /// The connection is lost.
    Lost(io::Error),
}

/// Prints events until there were enough, the time is over, or the daemon refuses.
pub(super) fn run(socket: &Path, format: Format, project: Option<Name>, args: Watch) -> Exit {
    let deadline = args.period.map(|period| Instant::now() + period);
    let what = WatchStart { project: args.what.project.or(project), progress: true, ..args.what };
    let mut session = Session { format, what, left: args.count, deadline };
    let mut was_there = false;
    loop {
        let stop = match UnixStream::connect(socket) {
            Ok(stream) => {
                if was_there {
                    eprintln!("buoyctl: note: the daemon is back");
                }
                was_there = true;
                session.read(stream)
            }
            Err(source) if !was_there => Stop::Failed(Failure::unreached(socket, source)),
            Err(_) => {
                if !session.pause() {
                    return session.ended_late();
                }
                continue;
            }
        };
        match stop {
            Stop::Done => return Exit::Done,
            Stop::Late => return session.ended_late(),
            Stop::Failed(failure) => {
                eprintln!("buoyctl: {}", one_line(&failure.to_string()));
                return failure.exit();
            }
            Stop::Lost(error) if args.no_reconnect => {
                let failure = Failure::HungUp(error);
                let last = session.what.since.map(|seq| format!("; go on with --since {seq}")).unwrap_or_default();
                eprintln!("buoyctl: {}{last}", one_line(&failure.to_string()));
                return failure.exit();
            }
            Stop::Lost(error) => {
                eprintln!("buoyctl: note: the daemon is away ({error}): waiting until it is back");
                if !session.pause() {
                    return session.ended_late();
                }
            }
        }
    }
}

/// What goes on over several connections.
struct Session {
    format: Format,
    /// What is asked for; `since` moves on with each event, and with those that were not wanted.
    what: WatchStart,
    left: Option<u64>,
    deadline: Option<Instant>,
}

impl Session {
    fn read(&mut self, stream: UnixStream) -> Stop {
        match self.lines(stream) {
            Ok(stop) => stop,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Stop::Late,
            Err(error) => Stop::Lost(error),
        }
    }

    fn lines(&mut self, mut stream: UnixStream) -> io::Result<Stop> {
        let request = serde_json::to_value(Request::WatchStart(self.what.clone())).unwrap_or_default();
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": request["method"], "params": request["params"]});
        writeln!(stream, "{request}")?;
        let mut reader = BufReader::new(stream);
        let mut text = String::new();
        loop {
            text.clear();
            if self.left == Some(0) {
                return Ok(Stop::Done);
            }
            match self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Ok(Stop::Late),
                rest => reader.get_ref().set_read_timeout(rest)?,
            }
            reader.read_line(&mut text)?;
            if !text.ends_with('\n') {
                return Ok(Stop::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            let message: Value = match serde_json::from_str(&text) {
                Ok(message) => message,
                Err(error) => return Ok(Stop::Failed(Failure::Broken(error.to_string()))),
            };
            if let Some(stop) = self.take(&message) {
                return Ok(stop);
            }
        }
    }

    fn take(&mut self, message: &Value) -> Option<Stop> {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("watch.event") => {
                self.go_on_after(&params["seq"]);
                self.left = self.left.map(|left| left.saturating_sub(1));
                let text = match self.format {
                    Format::Json => format!("{params}\n"),
                    Format::Table => line(params),
                };
                let mut out = io::stdout();
                // A reader that has seen enough is no failure.
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).err().map(|_| Stop::Done)
            }
            Some("watch.seen") => {
                self.go_on_after(&params["seq"]);
                None
            }
            Some("watch.end") => {
                self.go_on_after(&params["seq"]);
                let reason = params["reason"].as_str().unwrap_or("the daemon ended the watch");
                Some(Stop::Lost(io::Error::other(reason.to_owned())))
            }
            _ if !message["error"].is_null() => Some(Stop::Failed(Failure::refused(&message["error"]))),
            _ => {
                // Where nothing was seen yet, a later connection goes on from here.
                let since = message["result"]["since"].as_u64().map(crate::events::Seq);
                self.what.since = self.what.since.or(since);
                None
            }
        }
    }

    fn go_on_after(&mut self, seq: &Value) {
        self.what.since = seq.as_u64().map(crate::events::Seq).or(self.what.since);
    }

    /// Waits a moment; tells whether there is time left.
    fn pause(&self) -> bool {
        let rest = self.deadline.map_or(PAUSE, |deadline| deadline.saturating_duration_since(Instant::now()));
        std::thread::sleep(rest.min(PAUSE));
        !rest.is_zero()
    }

    fn ended_late(&self) -> Exit {
        match self.left {
            Some(left) if left > 0 => {
                eprintln!("buoyctl: {left} more events were waited for, and did not come in time");
                Exit::Refused(ErrorKind::Storage)
            }
            _ => Exit::Done,
        }
    }
}

/// How often it is tried whether the daemon is back.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) const HELP: &str = "A line for each event: number, time, kind, what it happened to, and details. With --format json one JSON object on
each line: seq, time, kind, subject, detail (docs/events.md lists the kinds). The number grows by one with each event,
also when the daemon was restarted. Filters leave numbers out.

When the daemon goes, buoyctl waits until it is back, says so on stderr, and goes on where it was: no event is missing and
none comes twice. Where events were made faster than they were read, or --since is too old, the daemon says which is the
oldest that it has; then the exit code is 3.

Examples:
  buoyctl watch
  buoyctl watch --kind conflict,guard_alarm,pool_low
  buoyctl watch --address 203.0.113.100 --format json
  buoyctl watch --since 4711 --format json >>events.json
  buoyctl watch --kind applied --address 203.0.113.100 --count 1 --for 10 && echo in force

Exit codes: 0 ended by --count, --for or by whoever read the lines; 1 --for was over before --count; 3 --since is too old;
6 no daemon.";
