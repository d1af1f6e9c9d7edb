//! What is too long for a line: requests that come in parts, and a site that goes out in parts. Either is held by the
//! connection, for a while and up to a size, and is forgotten with it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::api::site::NOUNS;
use crate::api::{ApiError, Call, ErrorKind};

use super::Exported;

/// What one connection holds.
#[derive(Debug)]
pub(super) struct Parts {
    places: Arc<Semaphore>,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
}

/// A request of which more is to come.
#[derive(Debug)]
struct Incoming {
    call: Call,
    next: u32,
    bytes: usize,
    deadline: Instant,
    _place: OwnedSemaphorePermit,
}

/// A site of which more is to be asked for.
#[derive(Debug)]
struct Outgoing {
    pages: VecDeque<String>,
    next: u32,
    deadline: Instant,
    _place: OwnedSemaphorePermit,
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is whole.
    Whole(Call),
    /// It is a part, and waits for the others; this is the answer.
    Held(Value),
}

/// How many requests and sites are held in parts at once, of all clients.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_HELD))
}

impl Parts {
    pub(super) fn new(places: Arc<Semaphore>) -> Self {
        Self { places, incoming: None, outgoing: None }
    }

    /// When something that is held is to be forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (incoming, outgoing) = (self.incoming.as_ref(), self.outgoing.as_ref());
        incoming.map(|own| own.deadline).into_iter().chain(outgoing.map(|own| own.deadline)).min()
    }

    /// Forgets what has been held for too long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.incoming.take_if(|own| own.deadline <= now);
        self.outgoing.take_if(|own| own.deadline <= now);
    }

    /// Takes a call in, of a line with so many bytes. A part that does not follow the one before it is refused, and with
    /// it all that is held: what is left out by mistake is not to be taken for a whole.
    pub(super) fn take(&mut self, call: Call, bytes: usize, now: Instant) -> Result<Taken, ApiError> {
        let Some((part, more)) = call.request.part() else { return Ok(Taken::Whole(call)) };
        if call.project.is_some() {
            // All that comes in parts is the admin's: others are refused at once, and hold nothing here.
            return Ok(Taken::Whole(call));
        }
        let held = self.incoming.take();
        if part == 0 {
            if !more {
                return Ok(Taken::Whole(call));
            }
            let place = self.place()?;
            return Ok(self.hold(Incoming { call, next: 1, bytes, deadline: now + PATIENCE, _place: place }));
        }
        let Some(mut held) = held.filter(|held| held.next == part && held.call.request.is_like(&call.request)) else {
            let method = call.request.method();
            let text = format!(
                "{method}: part {part} does not follow: parts come one after the other from 0 over one connection, with the same other params and at most {} s apart; begin again, nothing was changed",
                PATIENCE.as_secs()
            );
            return Err(ApiError::new(ErrorKind::Invalid, text));
        };
        held.bytes = held.bytes.saturating_add(bytes);
        if held.bytes > MOST_BYTES {
            let text = format!("all parts together have at most {} MiB: nothing was changed", MOST_BYTES >> 20);
            return Err(ApiError::new(ErrorKind::Invalid, text));
        }
        held.call.request.join(call.request);
        (held.call.wait, held.call.timeout) = (call.wait, call.timeout);
        if !more {
            return Ok(Taken::Whole(held.call));
        }
        held.next = held.next.saturating_add(1);
        held.deadline = now + PATIENCE;
        Ok(self.hold(held))
    }

    fn hold(&mut self, held: Incoming) -> Taken {
        let parts = held.next;
        self.incoming = Some(held);
        Taken::Held(json!({"parts": parts}))
    }

    /// The first part of a site; the others are held until they are asked for.
    pub(super) fn first(&mut self, site: Exported, now: Instant) -> Result<String, ApiError> {
        self.outgoing = None;
        let mut pages = pages(site);
        let first = pages.pop_front().unwrap_or_default();
        if !pages.is_empty() {
            let place = self.place()?;
            self.outgoing = Some(Outgoing { pages, next: 1, deadline: now + PATIENCE, _place: place });
        }
        Ok(first)
    }

    /// A further part of the site that the first one was of.
    pub(super) fn further(&mut self, part: u32, now: Instant) -> Result<String, ApiError> {
        let held = self.outgoing.as_mut().filter(|held| held.next == part);
        let Some(page) = held.and_then(|held| {
            held.next = held.next.saturating_add(1);
            held.deadline = now + PATIENCE;
            held.pages.pop_front()
        }) else {
            let text = format!(
                "site.export: part {part} does not follow: ask for part 0, then for each while there is `more`"
            );
            return Err(ApiError::new(ErrorKind::Invalid, text));
        };
        self.outgoing.take_if(|held| held.pages.is_empty());
        Ok(page)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let text = format!("{MOST_HELD} sites or lists are under way in parts already: try again in a moment");
            ApiError::new(ErrorKind::Storage, text)
        })
    }
}

/// Cuts a site into parts. Its entries stay in their order.
fn pages(site: Exported) -> VecDeque<String> {
    let (mut pages, mut page, mut size) = (Vec::new(), Vec::new(), 0);
    for entry in site.entries {
        size += entry.1.len() + 1;
        page.push(entry);
        if size >= PAGE {
            pages.push(text(&std::mem::take(&mut page)));
            size = 0;
        }
    }
    if !page.is_empty() || pages.is_empty() {
        pages.push(text(&page));
    }
    let last = pages.len() - 1;
    let numbered = pages.into_iter().enumerate().map(|(part, arrays)| {
        let (generation, more) = (site.generation, part < last);
        format!("{{\"generation\":{generation},\"part\":{part},\"more\":{more}{arrays}}}")
    });
    numbered.collect()
}

/// An array for each kind of entry.
fn text(entries: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    for noun in NOUNS {
        let own: Vec<_> = entries.iter().filter(|own| own.0 == noun).map(|own| own.1.as_str()).collect();
        text.push_str(&format!(",\"{noun}\":[{}]", own.join(",")));
    }
    text
}

/// As many bytes of entries as make a part that goes out.
const PAGE: usize = 256 * 1024;
/// As much as is taken in, in all parts: 500,000 addresses.
const MOST_BYTES: usize = 64 << 20;
/// How many are held at once.
const MOST_HELD: usize = 4;
/// How long a part waits for the next one.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
