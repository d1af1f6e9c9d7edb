//! The daemon's socket, with errors that say what was asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

/// A connection to the daemon's socket.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// What `switch.list` says of a switch, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The bridge.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it has acknowledged everything.
    pub applied: bool,
    /// Flows of ours.
    pub flows: u64,
    /// Flows of others.
    pub foreign_flows: u64,
    /// What is wrong.
    pub error: Option<String>,
}

impl Client {
    /// Connects.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE)).context("set a timeout")?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks, and returns the result.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let line = format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
        self.stream.get_mut().write_all(line.as_bytes()).with_context(|| format!("ask {method}"))?;
        let mut answer = String::new();
        let count = self.stream.read_line(&mut answer).with_context(|| format!("the answer to {method}"))?;
        if count == 0 {
            bail!("the daemon closed its socket at {method}");
        }
        let mut answer: Value = serde_json::from_str(&answer).with_context(|| format!("the answer to {method}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{method} was refused: {}", error.get("message").and_then(Value::as_str).unwrap_or_default());
        }
        Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// Sends a request in parts, and returns the result. `sent` is told of each.
    pub fn ask_in_parts(
        &mut self,
        method: &str,
        parts: Vec<Map<String, Value>>,
        mut sent: impl FnMut(usize),
    ) -> Result<Value> {
        let last = parts.len().saturating_sub(1);
        let mut result = Value::Null;
        for (place, mut part) in parts.into_iter().enumerate() {
            let more = [("part", json!(place)), ("more", json!(place < last)), ("wait", json!("store"))];
            part.extend(more.map(|(word, value)| (word.to_owned(), value)));
            result = self.ask(method, Value::Object(part))?;
            sent(place + 1);
        }
        Ok(result)
    }

    /// How many switches are connected.
    pub fn connected(&mut self) -> Result<u64> {
        let status = self.ask("status.show", json!({}))?;
        status.get("switches").and_then(Value::as_u64).context("status.show counts switches")
    }

    /// All switches that the daemon knows.
    pub fn switches(&mut self) -> Result<Vec<Listed>> {
        let list = self.ask("switch.list", json!({}))?;
        let rows = list.as_array().context("switch.list is an array")?;
        let text = |row: &Value, field: &str| row.get(field).and_then(Value::as_str).map(str::to_owned);
        let is = |row: &Value, field: &str| row.get(field).and_then(Value::as_bool).unwrap_or_default();
        let count = |row: &Value, field: &str| row.get(field).and_then(Value::as_u64).unwrap_or_default();
        let listed = |row: &Value| Listed {
            name: text(row, "bridge").unwrap_or_default(),
            connected: is(row, "connected"),
            applied: is(row, "applied"),
            flows: count(row, "flows"),
            foreign_flows: count(row, "foreign_flows"),
            error: text(row, "error"),
        };
        Ok(rows.iter().map(listed).collect())
    }
}

/// A site of a whole fleet takes a while.
const PATIENCE: Duration = Duration::from_secs(600);
