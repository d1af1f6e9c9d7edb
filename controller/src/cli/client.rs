//! The socket's other end: requests and their answers, and requests that are too long for a line.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use buoy_topology::Name;
use nix::unistd::{Gid, Group};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::Exit;
use crate::api::{ErrorKind, Mistake, Request, Wait};
use crate::rpc::MAX_LINE;

/// Why there is no result.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("no daemon answers on {} ({source}): is buoyd running? --socket names another path", .path.display())]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("you may not open {} (permission denied){}: ask as root, or as a member of that group", .path.display(), owner(.path))]
    Barred { path: PathBuf },
    #[error("the daemon hung up before it answered ({0}): what was asked may have been done")]
    HungUp(io::Error),
    #[error(
        "the daemon has not answered for {} s: it is busy with this, or its disk is slow. What was asked may still come to \
         be: 'buoyctl status' tells when it answers again, and --timeout waits longer",
        .waited.as_secs()
    )]
    Silent { waited: Duration },
    #[error("the daemon's answer is not JSON-RPC: {0}")]
    Broken(String),
    #[error("this makes {len} bytes, and the daemon reads at most {MAX_LINE} at once: split it, nothing was changed")]
    TooLong { len: usize },
    #[error("{message}")]
    Refused { kind: ErrorKind, message: String, mistakes: Vec<Mistake> },
}

impl Failure {
    /// Why nobody was reached on a path.
    pub(super) fn unreached(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Barred { path },
            _ => Self::Unreachable { path, source },
        }
    }

    /// What an error object says.
    pub(super) fn refused(error: &Value) -> Self {
        Self::Refused {
            // A kind of a newer daemon has no exit code of its own.
            kind: serde_json::from_value(error["data"]["kind"].clone()).unwrap_or(ErrorKind::Storage),
            message: error["message"].as_str().unwrap_or("refused without a reason").to_owned(),
            mistakes: serde_json::from_value(error["data"]["mistakes"].clone()).unwrap_or_default(),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::HungUp(_) | Self::Silent { .. } => Exit::Unreachable,
            Self::Barred { .. } => Exit::Refused(ErrorKind::Denied),
            Self::Broken(_) => Exit::Broken,
            Self::TooLong { .. } => Exit::Refused(ErrorKind::Invalid),
            Self::Refused { kind, .. } => Exit::Refused(*kind),
        }
    }
}

/// Whose a socket is, where that can be seen.
fn owner(path: &Path) -> String {
    let Ok(file) = path.metadata() else {
        return ", nor look into its directory".to_owned();
    };
    let named = Group::from_gid(Gid::from_raw(file.gid())).ok().flatten().map(|group| group.name);
    let group = named.unwrap_or_else(|| file.gid().to_string());
    format!(", it is for its owner and the group {group} (mode {:04o})", file.mode() & 0o7777)
}

/// Asks the daemon, and waits for its answer a little longer than the daemon waits for the switches.
pub(super) fn call(
    path: &Path,
    request: &Request,
    project: Option<&Name>,
    wait: Wait,
    timeout: Duration,
) -> Result<Value, Failure> {
    let mut session = Session::open(path, project, wait, timeout)?;
    match request {
        Request::PoolImport(_) => session.ask_long(Long::of(request.method(), params(request)?, &["entries"]), |_| {}),
        _ => session.ask(request.method(), params(request)?),
    }
}

/// The same, with the text of the result as it came.
pub(super) fn call_raw(
    path: &Path,
    request: &Request,
    project: Option<&Name>,
    wait: Wait,
    timeout: Duration,
) -> Result<Box<RawValue>, Failure> {
    Session::open(path, project, wait, timeout)?.ask_raw(request.method(), params(request)?)
}

fn params(request: &Request) -> Result<Map<String, Value>, Failure> {
    let mut object = serde_json::to_value(request).map_err(|error| Failure::Broken(error.to_string()))?;
    Ok(if let Value::Object(params) = object["params"].take() { params } else { Map::new() })
}

/// A connection to the daemon.
pub(super) struct Session {
    stream: BufReader<UnixStream>,
    project: Option<Name>,
    wait: Wait,
    timeout: Duration,
    /// How long an answer is waited for.
    patience: Duration,
}

/// A request that may be too long for a line: lists of entries, beside other params.
pub(super) struct Long {
    method: &'static str,
    params: Map<String, Value>,
    /// Each entry with the name of the list that it is in.
    entries: Vec<(&'static str, Value)>,
}

impl Long {
    /// A request with entries in the order of lists.
    pub(super) fn new(method: &'static str, params: Map<String, Value>, entries: Vec<(&'static str, Value)>) -> Self {
        Self { method, params, entries }
    }

    fn of(method: &'static str, mut params: Map<String, Value>, lists: &[&'static str]) -> Self {
        let mut entries = Vec::new();
        for list in lists {
            if let Some(Value::Array(own)) = params.remove(*list) {
                entries.extend(own.into_iter().map(|entry| (*list, entry)));
            }
        }
        Self { method, params, entries }
    }

    /// The params of each part, and how many entries there are up to its end.
    fn parts(self) -> Vec<(usize, Map<String, Value>)> {
        let (mut parts, mut part, mut size, mut count) = (Vec::new(), self.params.clone(), 0, 0);
        for (list, entry) in self.entries {
            let len = entry.to_string().len();
            if size > 0 && size + len > PART {
                parts.push((count, std::mem::replace(&mut part, self.params.clone())));
                size = 0;
            }
            size += len;
            count += 1;
            if let Value::Array(own) = part.entry(list).or_insert_with(|| json!([])) {
                own.push(entry);
            }
        }
        parts.push((count, part));
        let last = parts.len() - 1;
        for (number, (_, part)) in parts.iter_mut().enumerate() {
            part.insert("part".to_owned(), number.into());
            part.insert("more".to_owned(), (number < last).into());
        }
        parts
    }
}

impl Session {
    /// Connects. Answers are waited for a little longer than the daemon waits for the switches.
    pub(super) fn open(path: &Path, project: Option<&Name>, wait: Wait, timeout: Duration) -> Result<Self, Failure> {
        let unreachable = |source| Failure::unreached(path, source);
        let stream = UnixStream::connect(path).map_err(unreachable)?;
        let patience = timeout + GRACE;
        stream.set_read_timeout(Some(patience)).map_err(unreachable)?;
        Ok(Self { stream: BufReader::new(stream), project: project.cloned(), wait, timeout, patience })
    }

    /// Asks in as many parts as it takes. Tells after each how many entries the daemon has.
    pub(super) fn ask_long(&mut self, long: Long, mut told: impl FnMut(usize)) -> Result<Value, Failure> {
        let method = long.method;
        self.patience += EACH.saturating_mul(long.entries.len().try_into().unwrap_or(u32::MAX));
        self.stream.get_ref().set_read_timeout(Some(self.patience)).map_err(Failure::HungUp)?;
        let mut result = Value::Null;
        for (count, part) in long.parts() {
            result = self.ask(method, part)?;
            told(count);
        }
        Ok(result)
    }

    /// Asks, and takes the answer.
    pub(super) fn ask(&mut self, method: &str, params: Map<String, Value>) -> Result<Value, Failure> {
        let result = self.ask_raw(method, params)?;
        serde_json::from_str(result.get()).map_err(|error| Failure::Broken(error.to_string()))
    }

    fn ask_raw(&mut self, method: &str, mut params: Map<String, Value>) -> Result<Box<RawValue>, Failure> {
        if let Some(project) = &self.project {
            params.insert("project".to_owned(), json!(project));
        }
        params.insert("wait".to_owned(), json!(self.wait));
        params.insert("timeout".to_owned(), self.timeout.as_secs_f64().into());
        let request = json!({"method": method, "params": params, "jsonrpc": "2.0", "id": 1});
        let line = format!("{request}\n");
        if line.len() > MAX_LINE + 1 {
            return Err(Failure::TooLong { len: line.len() - 1 });
        }
        let sent = self.stream.get_mut().write_all(line.as_bytes());
        let mut answer = String::new();
        // A daemon that hangs up on who asks says why before it does.
        let read = self.stream.read_line(&mut answer);
        if !answer.ends_with('\n') {
            sent.and(read).map_err(|error| self.unanswered(error))?;
            return Err(Failure::HungUp(io::ErrorKind::UnexpectedEof.into()));
        }
        let answer: Answer = serde_json::from_str(&answer).map_err(|error| Failure::Broken(error.to_string()))?;
        match (answer.error, answer.result) {
            (Some(error), _) => Err(Failure::refused(&error)),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(Failure::Broken("it has neither a result nor an error".to_owned())),
        }
    }
}

impl Session {
    /// Why an answer did not come to its end.
    fn unanswered(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::Silent { waited: self.patience },
            _ => Failure::HungUp(error),
        }
    }
}

/// What a daemon answers.
#[derive(Debug, Deserialize)]
struct Answer {
    error: Option<Value>,
    // A result may be null, which is not the same as none.
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// What the daemon itself may take beyond the switches: an fsync on a busy disk.
const GRACE: Duration = Duration::from_secs(25);
/// What it may take for each entry of a long request, where the machine is busy.
const EACH: Duration = Duration::from_millis(5);
/// As many bytes of entries as go into a part: many parts make a smooth progress, few a fast one.
const PART: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_says_nothing_is_not_said_to_have_hung_up() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let patience = Duration::from_millis(1);
        ours.set_read_timeout(Some(patience)).unwrap();
        let (stream, wait, timeout) = (BufReader::new(ours), Wait::None, Duration::ZERO);
        let mut session = Session { stream, project: None, wait, timeout, patience };
        let silent = session.ask("status", Map::new()).unwrap_err();
        assert!(matches!(silent, Failure::Silent { waited } if waited == patience), "{silent}");
        drop(theirs);
        let gone = session.ask("status", Map::new()).unwrap_err();
        assert!(matches!(gone, Failure::HungUp(_)), "{gone}");
    }

    #[test]
    fn parts_fit_into_lines_and_have_all_entries_in_their_order() {
        let entries: Vec<_> =
            (0..5_000).map(|number| ("fip", json!({"address": number, "note": "ü".repeat(256)}))).collect();
        let prune = Map::from_iter([("prune".to_owned(), json!(true))]);
        let parts = Long::new("site.apply", prune, entries.clone()).parts();
        assert!(parts.len() > 5);
        let mut got = Vec::new();
        for (number, (count, part)) in parts.iter().enumerate() {
            assert!(json!(part).to_string().len() < MAX_LINE / 2);
            assert_eq!((&part["prune"], &part["part"]), (&json!(true), &json!(number)));
            assert_eq!(part["more"], json!(number + 1 < parts.len()));
            got.extend(part["fip"].as_array().unwrap().iter().map(|own| ("fip", own.clone())));
            assert_eq!(got.len(), *count);
        }
        assert_eq!(got, entries);
        assert_eq!(Long::new("site.apply", Map::new(), Vec::new()).parts().len(), 1);
    }
}
