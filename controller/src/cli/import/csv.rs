//! A list as CSV.

use buoy_topology::RangeSpec;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::place::{Place, Walk};
use super::{Mistake, Placed, mac, note};
use crate::api::ImportEntry;

/// Which field is what.
struct Columns {
    address: usize,
    mac: Option<usize>,
    note: Option<usize>,
    count: usize,
}

/// A record and where it begins.
struct Row<'a> {
    fields: StringRecord,
    text: &'a str,
    place: Place,
    delimiter: char,
}

pub(super) fn parse(text: &str) -> Result<Vec<Placed>, Mistake> {
    let delimiter = delimiter(text);
    let separator = u8::try_from(delimiter).unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let (mut walk, mut passed) = (Walk::through(text), 0);
    let mut columns = None;
    let mut entries = Vec::new();
    for record in reader.records() {
        let fields = record.map_err(|error| Mistake { place: Place::START, what: error.to_string() })?;
        let start = fields.position().and_then(|own| usize::try_from(own.byte()).ok()).unwrap_or(passed);
        walk.advance(start.saturating_sub(passed));
        // Lines that are empty belong to what follows them.
        let place = walk.skip(|c| matches!(c, '\r' | '\n'));
        passed = text.len() - walk.rest().len();
        let row = Row { fields, text: walk.rest(), place, delimiter };
        match &columns {
            None => columns = Some(Columns::of(&row)?),
            Some(_) if row.fields.iter().all(str::is_empty) => {}
            Some(columns) => entries.push(columns.entry(&row)?),
        }
    }
    match columns {
        Some(_) => Ok(entries),
        None => Err(Mistake { place: Place::START, what: "the list is empty".to_owned() }),
    }
}

impl Columns {
    fn of(row: &Row<'_>) -> Result<Self, Mistake> {
        let find = |names: &[&str]| {
            let named = |(number, name): (usize, &str)| {
                names.iter().any(|own| own.eq_ignore_ascii_case(name)).then_some(number)
            };
            let mut found = row.fields.iter().enumerate().filter_map(named);
            match (found.next(), found.next()) {
                (_, Some(second)) => Err(row.mistake(second, format!("a second column named {}", names.join(" or ")))),
                (first, None) => Ok(first),
            }
        };
        let [address, mac, note] = [find(&["address", "ip"])?, find(&["mac"])?, find(&["note"])?];
        let missing = || {
            let names: Vec<_> = row.fields.iter().collect();
            let found = names.join(", ");
            row.mistake(0, format!("the first line names the columns, and none is address or ip: {found}"))
        };
        Ok(Self { address: address.ok_or_else(missing)?, mac, note, count: row.fields.len() })
    }

    fn entry(&self, row: &Row<'_>) -> Result<Placed, Mistake> {
        if row.fields.len() > self.count {
            let what = format!("the line has {} fields, the first one has {}", row.fields.len(), self.count);
            return Err(row.mistake(self.count, what));
        }
        let of = |column: Option<usize>| column.and_then(|column| row.fields.get(column)).unwrap_or_default();
        let wrong = |column: Option<usize>| move |what| row.mistake(column.unwrap_or_default(), what);
        let address: RangeSpec =
            of(Some(self.address)).parse().map_err(|error| row.mistake(self.address, format!("{error}")))?;
        let entry = ImportEntry {
            address,
            mac: mac(of(self.mac)).map_err(wrong(self.mac))?,
            note: note(of(self.note)).map_err(wrong(self.note))?,
        };
        Ok((row.place_of(self.address), entry))
    }
}

impl Row<'_> {
    fn mistake(&self, column: usize, what: String) -> Mistake {
        Mistake { place: self.place_of(column), what }
    }

    /// Where a field begins: after so many separators that are not quoted.
    fn place_of(&self, column: usize) -> Place {
        let (mut quoted, mut separators) = (false, 0);
        let begins = self.text.char_indices().find_map(|(at, character)| {
            if separators == column {
                return Some(at);
            }
            match character {
                '"' => quoted = !quoted,
                character if character == self.delimiter && !quoted => separators += 1,
                _ => {}
            }
            None
        });
        self.place.moved(self.text.get(..begins.unwrap_or(self.text.len())).unwrap_or_default())
    }
}

/// What stands between the names of the columns.
fn delimiter(text: &str) -> char {
    let header = text.trim_start().lines().next().unwrap_or_default();
    let count = |separator: char| header.matches(separator).count();
    if count(';') > count(',') {
        ';'
    } else if count('\t') > count(',') {
        '\t'
    } else {
        ','
    }
}
