//! The daemon's socket without a process for each call: many requests in one go.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use serde_json::{Value, json};

use crate::Daemon;

/// A connection to the daemon's socket.
#[derive(Debug)]
pub struct Rpc {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
    id: u64,
}

impl Rpc {
    /// Connects to a daemon.
    #[track_caller]
    pub fn connect(daemon: &Daemon) -> Self {
        let writer = UnixStream::connect(daemon.socket()).expect("the daemon serves its socket");
        let reader = BufReader::new(writer.try_clone().expect("a socket can be cloned"));
        Self { writer, reader, id: 0 }
    }

    /// One call, and its result. Panics where it fails.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.pipeline([(method, params)]).swap_remove(0)
    }

    /// One call, and its result or the error object that refuses it; none where the daemon went away meanwhile.
    pub fn attempt(&mut self, method: &str, params: Value) -> Option<Result<Value, Value>> {
        self.send(method, params)?;
        let mut line = String::new();
        self.reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let refused = answer.get_mut("error").map(Value::take);
        Some(refused.map_or_else(|| Ok(answer.get_mut("result").map(Value::take).unwrap_or_default()), Err))
    }

    /// Sends a call that nobody will read the answer of; none where the daemon went away.
    pub fn send(&mut self, method: &str, params: Value) -> Option<()> {
        self.id += 1;
        let line = format!("{}\n", json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
        self.writer.write_all(line.as_bytes()).ok()
    }

    /// Sends all calls without waiting for answers in between; returns the results in their order. Panics where one fails.
    #[track_caller]
    pub fn pipeline<'a>(&mut self, calls: impl IntoIterator<Item = (&'a str, Value)>) -> Vec<Value> {
        let first = self.id;
        let lines: Vec<_> = calls
            .into_iter()
            .map(|(method, params)| {
                self.id += 1;
                format!("{}\n", json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}))
            })
            .collect();
        let (count, mut writer) = (lines.len(), self.writer.try_clone().expect("a socket can be cloned"));
        let sender = thread::spawn(move || writer.write_all(lines.concat().as_bytes()));
        let mut results = vec![Value::Null; count];
        for _ in 0..count {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("the daemon answers");
            let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            let id = answer.get("id").and_then(Value::as_u64).expect("an id");
            let result = answer.get_mut("result").map(Value::take).unwrap_or_else(|| panic!("{answer}"));
            let place = usize::try_from(id - first - 1).ok().and_then(|place| results.get_mut(place));
            *place.expect("an answer to what was asked") = result;
        }
        sender.join().expect("the sender ends").expect("the daemon reads");
        results
    }
}
