//! `buoyctl pool import`: a list of addresses as a provider's web interface exports it.
//!
//! [`csv`] and [`json`] read the two forms, [`place`] tells where something stands in the text.

mod csv;
mod json;
mod place;
#[cfg(test)]
mod tests;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use buoy_topology::{MacAddr, Name, Note};
use clap::ValueEnum;
use thiserror::Error;

use super::client::Failure;
use crate::api::{ImportEntry, PoolImport};
use place::Place;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The pool
    name: Name,
    /// The list; "-" reads it from stdin
    file: PathBuf,
    /// How it is written [default: JSON where it begins with "[", else CSV]
    #[arg(long, value_enum, value_name = "FORM")]
    input_format: Option<Form>,
    /// Take a block's first and last address too, as in a block that the provider routes
    #[arg(long)]
    all_addresses: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A header line, then a line for each entry
    Csv,
    /// An array of objects
    Json,
}

impl Import {
    /// Reads the list.
    pub(super) fn read(self) -> Result<(PoolImport, List), Unreadable> {
        let (source, bytes) = read(&self.file)?;
        let entries = parse(&bytes, self.input_format).map_err(|Mistake { place, what }| Unreadable::Mistake {
            source_name: source.clone(),
            place: place.to_string(),
            what,
        })?;
        let (places, entries) = entries.into_iter().unzip();
        let Self { name, all_addresses, dry_run, .. } = self;
        let params = PoolImport { name, entries, all_addresses, dry_run, part: 0, more: false };
        Ok((params, List { source, places }))
    }
}

/// Where the entries of a list are written.
#[derive(Debug)]
pub(super) struct List {
    source: String,
    places: Vec<Place>,
}

impl List {
    /// What a refusal says, with the place of the entry that it is about; none where it is about no entry.
    pub(super) fn place(&self, failure: &Failure) -> Option<String> {
        let Failure::Refused { mistakes, .. } = failure else { return None };
        let mistake = mistakes.first()?;
        let place = self.places.get(mistake.entry?)?;
        Some(format!("{}:{place}: {}", self.source, mistake.message))
    }
}

/// Why there is no list.
#[derive(Debug, Error)]
pub(super) enum Unreadable {
    #[error("{source_name}: {error}")]
    File { source_name: String, error: std::io::Error },
    #[error("{source_name}:{place}: {what}")]
    Mistake { source_name: String, place: String, what: String },
}

/// Something in a list that cannot be what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    place: Place,
    what: String,
}

/// An entry and where its address is written.
type Placed = (Place, ImportEntry);

fn read(file: &Path) -> Result<(String, Vec<u8>), Unreadable> {
    let (name, read) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        ("stdin".to_owned(), std::io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    match read {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(Unreadable::File { source_name: name, error }),
    }
}

fn parse(bytes: &[u8], form: Option<Form>) -> Result<Vec<Placed>, Mistake> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let place = Place::after(&String::from_utf8_lossy(good));
            return Err(Mistake { place, what: "this is not UTF-8: save the list in that encoding".to_owned() });
        }
    };
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let guessed = if text.trim_start().starts_with('[') { Form::Json } else { Form::Csv };
    let entries = match form.unwrap_or(guessed) {
        Form::Csv => csv::parse(text)?,
        Form::Json => json::parse(text)?,
    };
    if entries.is_empty() {
        return Err(Mistake { place: Place::after(text), what: "the list has no entry".to_owned() });
    }
    Ok(entries)
}

/// A MAC, where one is written.
fn mac(text: &str) -> Result<Option<MacAddr>, String> {
    let mac: Option<MacAddr> = optional(text)?;
    match mac.filter(|mac| !mac.is_unicast()) {
        Some(mac) => Err(format!("{mac} is a group address or all zeros: an interface cannot have it")),
        None => Ok(mac),
    }
}

/// A note, where one is written.
fn note(text: &str) -> Result<Option<Note>, String> {
    optional(text)
}

fn optional<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<Option<T>, String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.parse().map_err(|error: T::Err| error.to_string())).transpose()
}

pub(super) const HELP: &str =
    "CSV has a header line that names its columns, in any order and case, with commas, semicolons or tabs between them:
address (or ip), mac, note; fields may be quoted, other columns are not read. JSON is an array of objects with the
same names. An address is a CIDR, a span A-B or a single address. An empty mac or note leaves what is known: a list
adds, and takes nothing away. Of a list with a mistake nothing is imported; the mistake is named by file, line and
column. The same list a second time changes nothing.

Example:
  $ cat addresses.csv
  IP;MAC;Note
  203.0.113.100;02:00:00:00:00:64;mail
  198.51.100.16/29;;routed block
  $ buoyctl pool import public addresses.csv --dry-run
  ADDRESS                      ADDED  MAC                NOTE
  203.0.113.100                0      02:00:00:00:00:64  mail
  198.51.100.17-198.51.100.22  6      -                  routed block";
