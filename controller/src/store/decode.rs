//! Checking and decoding everything on several threads, while one goes on reading.
//!
//! ```text
//!   sled ──values──> reader ──pieces──> decoders (one for each core) ──what was in them──> put together, in order
//! ```
//! sled is called by the reader alone. Whoever decodes what, the result is that of one after the other: of several values
//! that are damaged the first is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sled::Tree;

use super::StoreError;
use super::scan::{Scanned, Stored, read};
use super::table::Table;

/// Values that stand one after the other, and which piece they are.
type Piece = (usize, Vec<Stored>);
/// What was in a piece.
type Decoded = (usize, Result<Scanned, StoreError>);

/// Reads all trees; the first value that is not what was stored is an error.
pub(super) fn scan(trees: &BTreeMap<Table, Tree>, at: &Path) -> Result<Scanned, StoreError> {
    let (pieces, todo) = sync_channel(AHEAD);
    // Theirs alone: a reader without decoders would wait for ever.
    let (todo, done) = (Arc::new(Mutex::new(todo)), Mutex::new(Vec::new()));
    let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let end = thread::scope(|scope| {
        let mut started = 0;
        for _ in 0..cores {
            let (todo, done) = (Arc::clone(&todo), &done);
            let decode = move || decode_pieces(&todo, done, at);
            match thread::Builder::new().name("store scan".into()).spawn_scoped(scope, decode) {
                Ok(_) => started += 1,
                // Fewer do as well.
                Err(_) if started > 0 => break,
                Err(source) => return Err(StoreError::io(at, source)),
            }
        }
        drop(todo);
        cut(trees, at, &{ pieces })
    });
    let mut decoded: Vec<Decoded> = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    decoded.sort_unstable_by_key(|(number, _)| *number);
    let mut all = Scanned::default();
    decoded.into_iter().try_for_each(|(_, piece)| piece.map(|piece| all.append(piece)))?;
    // What the reader met comes after what it had read.
    end.map(|()| all)
}

/// Reads all values and hands them on in pieces.
fn cut(trees: &BTreeMap<Table, Tree>, at: &Path, pieces: &SyncSender<Piece>) -> Result<(), StoreError> {
    let (mut number, mut piece) = (0, Vec::with_capacity(PIECE));
    // The decoders go on until there is nothing more to come, unless one of them panics: then so does this.
    let send = |piece: Piece| pieces.send(piece).expect("a decoder takes it");
    let read = read(trees, at, |stored| {
        piece.push(stored);
        if piece.len() == PIECE {
            send((number, std::mem::replace(&mut piece, Vec::with_capacity(PIECE))));
            number += 1;
        }
        Ok(())
    });
    send((number, piece));
    read
}

fn decode_pieces(todo: &Mutex<Receiver<Piece>>, done: &Mutex<Vec<Decoded>>, at: &Path) {
    let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok((number, piece)) = next() {
        let mut scanned = Scanned::default();
        let result = piece.iter().try_for_each(|stored| scanned.add(stored, at));
        done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result.map(|()| scanned)));
    }
}

/// Values of a piece.
const PIECE: usize = 256;
/// Pieces that wait for a decoder: beyond these, the reader waits.
const AHEAD: usize = 16;
/// More threads than this wait for the reader.
const MOST_THREADS: usize = 8;
