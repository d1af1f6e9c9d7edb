//! `buoyctl decode`: OpenFlow messages in hex, as text. Needs no daemon.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{Read, Write};

use buoy_flows::openflow::{Header, Message};
use serde_json::{Value, json};
use thiserror::Error;

use super::Exit;
use super::args::{Decode, Format};
use crate::api::ErrorKind;

/// Prints each message that the hex holds; all that can be read is printed, also where something is wrong.
pub(super) fn run(args: &Decode, format: Format) -> Exit {
    let mut text = args.hex.join(" ");
    if text.trim() == "-" {
        text.clear();
        if let Err(error) = std::io::stdin().read_to_string(&mut text) {
            eprintln!("buoyctl: what comes on stdin is no hex: {error}");
            return Exit::Refused(ErrorKind::Invalid);
        }
    }
    let (messages, failures) = match bytes_of(&text) {
        Ok(bytes) => decode(&bytes),
        Err(failure) => (Vec::new(), vec![failure]),
    };
    let mut out = String::new();
    match format {
        Format::Json => {
            let messages: Value = messages.iter().map(Decoded::to_json).collect();
            out = format!("{messages:#}\n");
        }
        Format::Table => messages.iter().for_each(|message| {
            writeln!(out, "{}", message.text).expect("a string takes any text");
        }),
    }
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(out.as_bytes());
    failures.iter().for_each(|failure| eprintln!("buoyctl: {failure}"));
    if failures.is_empty() { Exit::Done } else { Exit::Refused(ErrorKind::Invalid) }
}

/// Why something in the hex is no message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
enum Failure {
    #[error("there is no hex to decode")]
    Empty,
    #[error("{found:?} is no hex digit (digit {place})")]
    Digit { found: char, place: usize },
    #[error("the last byte has one hex digit only ({digits} digits in all)")]
    Odd { digits: usize },
    #[error("message {number} is cut short: {reason}")]
    Cut { number: usize, reason: String },
    #[error("message {number} claims to be {length} bytes long, which no message is; what follows is not read")]
    Length { number: usize, length: usize },
    #[error("message {number} (at byte {at}) makes no sense: {reason}")]
    Broken { number: usize, at: usize, reason: String },
}

/// The bytes that hex digits stand for; whitespace does not count, nor does a 0x that begins a word.
fn bytes_of(text: &str) -> Result<Vec<u8>, Failure> {
    let words = text.split_whitespace();
    let words = words.map(|word| word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word));
    let digits: Vec<u8> = words
        .flat_map(str::chars)
        .zip(1..)
        .map(|(found, place)| {
            let digit = found.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit.ok_or(Failure::Digit { found, place })
        })
        .collect::<Result<_, _>>()?;
    if digits.is_empty() {
        return Err(Failure::Empty);
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Failure::Odd { digits: digits.len() });
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A message that was understood.
struct Decoded {
    header: Header,
    name: Option<&'static str>,
    text: String,
}

impl Decoded {
    fn to_json(&self) -> Value {
        let Header { version, kind, length, xid } = self.header;
        json!({ "name": self.name, "version": version, "type": kind, "xid": xid.0, "length": length, "text": self.text })
    }
}

/// The messages that stand one after the other in these bytes, and what is wrong with the others.
fn decode(mut bytes: &[u8]) -> (Vec<Decoded>, Vec<Failure>) {
    let (mut messages, mut failures) = (Vec::new(), Vec::new());
    let (mut number, mut at) = (0, 0);
    while !bytes.is_empty() {
        number += 1;
        let Some(header) = bytes.first_chunk().copied().map(Header::parse) else {
            let reason = format!("{} of the {} bytes of its header are there", bytes.len(), Header::LEN);
            failures.push(Failure::Cut { number, reason });
            break;
        };
        let length = header.length;
        if length < Header::LEN {
            failures.push(Failure::Length { number, length });
            break;
        }
        let Some((frame, rest)) = bytes.split_at_checked(length) else {
            let reason = format!("{} of its {length} bytes are there", bytes.len());
            failures.push(Failure::Cut { number, reason });
            break;
        };
        match Message::decode(frame) {
            Ok((xid, message)) => {
                let text = message.with_xid(xid).to_string();
                messages.push(Decoded { header, name: message.openflow_name(), text });
            }
            Err(error) => failures.push(Failure::Broken { number, at, reason: error.to_string() }),
        }
        bytes = rest;
        at += length;
    }
    (messages, failures)
}
