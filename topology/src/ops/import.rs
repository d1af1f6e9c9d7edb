//! Importing a provider's list of addresses into a pool: all of it, or nothing.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::provider::check_mac;
use super::{FipSpec, OpError};
use crate::{Change, EntityId, FloatingIp, MacAddr, Name, Note, Pool, RangeSpec, Record, Site, Span};

/// A list of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSpec {
    /// The entries in the order of the list.
    pub entries: Vec<EntrySpec>,
    /// Whether a block's first and last address are taken too.
    pub all_addresses: bool,
}

/// An entry of a list. What it does not say stays as it is: a list adds and never takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySpec {
    /// The addresses.
    pub range: RangeSpec,
    /// The MAC that the provider bound each of them to.
    pub mac: Option<MacAddr>,
    /// A note for each of them.
    pub note: Option<Note>,
}

/// What an import does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The change that does it.
    pub change: Change,
    /// The entries that change something.
    pub entries: Vec<ImportedEntry>,
}

/// What an entry changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedEntry {
    /// The addresses.
    pub span: Span,
    /// How many of them the pool did not have.
    pub added: u64,
    /// The MAC, where it is new for one of them.
    pub mac: Option<MacAddr>,
    /// The note, where it is new for one of them.
    pub note: Option<Note>,
}

/// Why a list is refused, and which entry of it is wrong, where it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// The entry, counted from 0.
    pub entry: Option<usize>,
    /// Why.
    pub error: OpError,
}

impl Site {
    /// A pool with the addresses of a list, their MACs and their notes.
    pub fn import_to_pool(&self, name: &Name, spec: &ImportSpec) -> Result<Imported, ImportError> {
        let old = self.known_pool(name).map_err(|error| ImportError { entry: None, error })?;
        let mut import = Import::of((**old).clone());
        for (number, entry) in spec.entries.iter().enumerate() {
            let span = entry.range.span(spec.all_addresses);
            let taken = self.check_entry(&import.pool, span, entry).and_then(|()| import.take(span, entry));
            taken.map_err(|error| ImportError { entry: Some(number), error })?;
        }
        Ok(self.finish(import, old))
    }

    fn check_entry(&self, pool: &Pool, span: Span, entry: &EntrySpec) -> Result<(), OpError> {
        entry.mac.map_or(Ok(()), check_mac)?;
        self.check_span(pool, span)
    }

    /// Makes the change of what was taken in.
    fn finish(&self, import: Import, old: &Arc<Pool>) -> Imported {
        let Import { mut pool, told, mut entries, .. } = import;
        let mut change = Change::default();
        let spans: Vec<_> = entries.iter().map(|entry| entry.span).collect();
        self.reclaim(&mut pool, &spans, &mut change);
        let mut next = self.next_entity();
        for (address, Told { mac, note }) in told {
            let known = self.floating_ip(address).cloned();
            let is_new = known.is_none();
            let before = known.unwrap_or_else(|| FloatingIp::new(next, address));
            if let Some((told, new)) = mac.filter(|(_, mac)| before.mac != Some(*mac))
                && let Some(entry) = entries.get_mut(told)
            {
                entry.mac = Some(new);
            }
            if let Some((told, new)) = note.as_ref().filter(|(_, note)| before.note.as_ref() != Some(note))
                && let Some(entry) = entries.get_mut(*told)
            {
                entry.note = Some(new.clone());
            }
            let spec = FipSpec {
                mac: mac.map(|(_, mac)| Some(mac)),
                note: note.map(|(_, note)| Some(note)),
                ..FipSpec::default()
            };
            let after = self.described(&before, &spec);
            if after != before {
                change.put(Record::FloatingIp(after));
                if is_new {
                    next = EntityId(next.0.saturating_add(1));
                }
            }
        }
        if next != self.next_entity() {
            change.put(Record::NextEntity(next.0));
        }
        if pool != **old {
            change.put(Record::Pool(Arc::new(pool)));
        }
        entries.retain(|entry| entry.added > 0 || entry.mac.is_some() || entry.note.is_some());
        Imported { change, entries }
    }
}

/// An import while its entries are taken in.
#[derive(Debug)]
struct Import {
    pool: Pool,
    entries: Vec<ImportedEntry>,
    told: BTreeMap<Ipv4Addr, Told>,
    /// How many addresses have been told of, each time that one was.
    described: u64,
}

/// What a list tells of an address, each with the number of the entry.
#[derive(Debug, Default)]
struct Told {
    mac: Option<(usize, MacAddr)>,
    note: Option<(usize, Note)>,
}

impl Import {
    fn of(pool: Pool) -> Self {
        Self { pool, entries: Vec::new(), told: BTreeMap::new(), described: 0 }
    }

    fn take(&mut self, span: Span, entry: &EntrySpec) -> Result<(), OpError> {
        let number = self.entries.len();
        let added = span.size() - self.pool.addresses.covered(span);
        self.pool.addresses.insert(span);
        self.entries.push(ImportedEntry { span, added, mac: None, note: None });
        if entry.mac.is_none() && entry.note.is_none() {
            return Ok(());
        }
        self.described = self.described.saturating_add(span.size());
        if self.described > MOST_DESCRIBED {
            let text = format!("a list gives a MAC or a note to at most {MOST_DESCRIBED} addresses: split it");
            return Err(OpError::invalid(text));
        }
        for address in (span.first.to_bits()..=span.last.to_bits()).map(Ipv4Addr::from_bits) {
            let told = self.told.entry(address).or_default();
            tell(&mut told.mac, entry.mac, number, address)?;
            tell(&mut told.note, entry.note.clone(), number, address)?;
        }
        Ok(())
    }
}

/// Notes what an entry tells of an address. What another one has told already must be the same.
fn tell<T: PartialEq + ToString>(
    told: &mut Option<(usize, T)>,
    value: Option<T>,
    number: usize,
    address: Ipv4Addr,
) -> Result<(), OpError> {
    match (&*told, value) {
        (_, None) => {}
        (None, Some(value)) => *told = Some((number, value)),
        (Some((_, before)), Some(now)) if *before == now => {}
        (Some((_, before)), Some(now)) => {
            return Err(OpError::Contradiction { address, before: before.to_string(), now: now.to_string() });
        }
    }
    Ok(())
}

/// More than a provider's list has, and a bound on the work of one request.
const MOST_DESCRIBED: u64 = 1 << 16;

#[cfg(test)]
mod tests;
