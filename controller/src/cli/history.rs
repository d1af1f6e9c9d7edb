//! `buoyctl history`: the log of changes, asked for a page at a time.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use buoy_topology::Name;
use serde_json::Value;

use super::Exit;
use super::args::Format;
use super::client::{self, Failure};
use super::events::line;
use crate::api::{ErrorKind, HistoryShow, Request, Wait};
use crate::arguments::one_line;
use crate::events::Seq;
use crate::rpc::MOST_SHOWN;

/// Prints what is asked for, whole, as it comes.
pub(super) fn run(
    socket: &Path,
    project: Option<&Name>,
    format: Format,
    timeout: Duration,
    mut asked: HistoryShow,
) -> Exit {
    let newest = asked.since.is_none() && asked.limit.is_some();
    if newest && asked.limit.is_some_and(|limit| limit > MOST_SHOWN) {
        eprintln!("buoyctl: --limit is at most {MOST_SHOWN} without --since: leave it out to get everything");
        return Exit::Refused(ErrorKind::Invalid);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut printed = 0_usize;
    loop {
        let mut page = asked.clone();
        if !newest {
            let left = asked.limit.map_or(PAGE, |limit| limit.saturating_sub(printed));
            page.limit = Some(left.min(PAGE));
            page.since = asked.since.or(Some(Seq(0)));
        }
        let events = match client::call(socket, &Request::HistoryShow(page), project, Wait::None, timeout) {
            Ok(events) => events,
            Err(failure) => {
                // Half a list would be taken for a whole one: it stays open.
                let _ = out.flush();
                return refuse(&failure);
            }
        };
        let events = events.as_array().map(Vec::as_slice).unwrap_or_default();
        // A reader that has seen enough is no failure.
        if print(&mut out, format, events, printed == 0).is_err() {
            return Exit::Done;
        }
        printed += events.len();
        asked.since = events.last().and_then(|event| event["seq"].as_u64()).map(Seq).or(asked.since);
        if newest || events.len() < PAGE || asked.limit.is_some_and(|limit| printed >= limit) {
            break;
        }
    }
    let _ = match (format, printed) {
        (Format::Json, 0) => writeln!(out, "[]"),
        (Format::Json, _) => writeln!(out, "\n]"),
        (Format::Table, 0) => {
            eprintln!("Nothing was changed that is like that, or it was too long ago");
            Ok(())
        }
        (Format::Table, _) => Ok(()),
    };
    let _ = out.flush();
    Exit::Done
}

fn print(out: &mut impl Write, format: Format, events: &[Value], is_first: bool) -> io::Result<()> {
    for (event, number) in events.iter().zip(0..) {
        match format {
            Format::Json => {
                let before = if is_first && number == 0 { "[\n" } else { ",\n" };
                write!(out, "{before}  {event}")?;
            }
            Format::Table => out.write_all(line(event).as_bytes())?,
        }
    }
    Ok(())
}

fn refuse(failure: &Failure) -> Exit {
    eprintln!("buoyctl: {}", one_line(&failure.to_string()));
    failure.exit()
}

/// Events that are asked for at once.
const PAGE: usize = 1_000;

pub(super) const HELP: &str =
    "Each change with who made it (uid, and the user's name where it has one), what was changed, and when; the oldest first.
Without ADDRESS: of everything, that is addresses, pools, providers, networks, instances and direct ports. A record is
written together with its change and survives what the change survives. The last 100,000 records are kept.

Examples:
  buoyctl history 203.0.113.100
  buoyctl history 203.0.113.100 --limit 1
  buoyctl history --kind released,disassociated --project blue
  buoyctl history --subject web-1
  buoyctl --format json history >history.json";
