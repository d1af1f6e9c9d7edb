//! What a process does to the files below a directory, as strace tells.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing that happened, in order. A sync counts for what was written before it began, and from when it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A file is there now, empty if it was not there before or is cut.
    Create { path: PathBuf, is_cut: bool },
    /// A directory is there now.
    Mkdir(PathBuf),
    /// Bytes at an offset, or at the end.
    Write { path: PathBuf, offset: Option<u64>, bytes: Vec<u8> },
    /// A file has this length now.
    Truncate { path: PathBuf, len: u64 },
    /// A file or directory has another name now.
    Rename(PathBuf, PathBuf),
    /// A file is no more.
    Unlink(PathBuf),
    /// A sync of a file or directory began: its number.
    SyncBegan(usize, PathBuf),
    /// It has ended.
    SyncEnded(usize),
    /// A line on stdout that is the number of a commit and a full stop.
    Said(u64),
}

/// Runs one test of this binary under strace, with the directory in `BUOY_STORE_CHILD`.
pub(super) fn record(test: &str, root: &Path) -> Vec<Event> {
    let log = root.with_extension("strace");
    let calls = "openat,mkdir,pwrite64,write,ftruncate,rename,unlink,fsync,fdatasync";
    let status = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "10000000", "-e", &format!("trace={calls}"), "-e", "signal=none", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("BUOY_STORE_CHILD", root)
        .stdout(std::process::Stdio::null())
        .status()
        .expect("strace runs: testbed/prepare installs it");
    assert!(status.success(), "{status}");
    let mut reader = Reader { root: root.to_owned(), ..Reader::default() };
    std::fs::read_to_string(&log).unwrap().lines().for_each(|line| reader.line(line));
    reader.events
}

#[derive(Default)]
struct Reader {
    root: PathBuf,
    events: Vec<Event>,
    /// Calls that have begun, by thread.
    begun: HashMap<String, (String, Option<usize>)>,
    syncs: usize,
}

impl Reader {
    /// `PID call(arguments) = result`, or the same in two halves with other threads' lines between them.
    fn line(&mut self, line: &str) {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            let sync = self.sync_begins(begun);
            self.begun.insert(thread.to_owned(), (begun.to_owned(), sync));
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (begun, sync) = self.begun.remove(thread).unwrap();
            self.call(&format!("{begun}{end}"), sync);
        } else if rest.contains('(') {
            let sync = self.sync_begins(rest);
            self.call(rest, sync);
        }
    }

    /// The number of a sync that begins, if the call is one of a file of ours.
    fn sync_begins(&mut self, call: &str) -> Option<usize> {
        let arguments = call.strip_prefix("fsync(").or_else(|| call.strip_prefix("fdatasync("))?;
        let path = self.described(arguments)?;
        self.syncs += 1;
        self.events.push(Event::SyncBegan(self.syncs, path));
        Some(self.syncs)
    }

    fn call(&mut self, call: &str, sync: Option<usize>) {
        let (name, rest) = call.split_once('(').unwrap();
        let Some((arguments, result)) = rest.rsplit_once(')').map(|(arguments, end)| (arguments, end.trim())) else {
            return;
        };
        if result.starts_with("= -1") {
            return;
        }
        let event = match name {
            "fsync" | "fdatasync" => sync.map(Event::SyncEnded),
            "openat" => self.opened(arguments),
            "mkdir" => self.named(arguments, 0).map(Event::Mkdir),
            "unlink" => self.named(arguments, 0).map(Event::Unlink),
            "rename" => {
                self.named(arguments, 0).zip(self.named(arguments, 1)).map(|(from, to)| Event::Rename(from, to))
            }
            "write" if arguments.starts_with("1<") => said(arguments),
            "write" | "pwrite64" => self.written(name, arguments, result),
            "ftruncate" => self.described(arguments).map(|path| Event::Truncate { path, len: last_number(arguments) }),
            _ => None,
        };
        self.events.extend(event);
    }

    fn opened(&self, arguments: &str) -> Option<Event> {
        let path = self.named(arguments, 0).filter(|_| arguments.contains("O_CREAT"))?;
        Some(Event::Create { path, is_cut: arguments.contains("O_TRUNC") })
    }

    fn written(&self, name: &str, arguments: &str, result: &str) -> Option<Event> {
        let path = self.described(arguments)?;
        let mut bytes = quoted(arguments, 0)?;
        // What was asked for is not always what was done.
        bytes.truncate(last_number(result).try_into().unwrap());
        Some(Event::Write { path, offset: (name == "pwrite64").then(|| last_number(arguments)), bytes })
    }

    /// The path of the file descriptor that stands first, if it is one of ours.
    fn described(&self, arguments: &str) -> Option<PathBuf> {
        let inner = arguments.split_once('<')?.1.split_once('>')?.0;
        self.ours(&unescaped(inner))
    }

    /// The nth path in quotes, if it is one of ours.
    fn named(&self, arguments: &str, nth: usize) -> Option<PathBuf> {
        self.ours(&quoted(arguments, nth)?)
    }

    fn ours(&self, bytes: &[u8]) -> Option<PathBuf> {
        let path = PathBuf::from(std::str::from_utf8(bytes).ok()?);
        (path.starts_with(&self.root) || Some(path.as_path()) == self.root.parent()).then_some(path)
    }
}

fn said(arguments: &str) -> Option<Event> {
    let text = String::from_utf8(quoted(arguments, 0)?).ok()?;
    Some(Event::Said(text.trim().strip_suffix('.')?.parse().ok()?))
}

/// The bytes of the nth string in quotes. With `-xx` there is nothing but `\xHH` in one.
fn quoted(arguments: &str, nth: usize) -> Option<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).nth(nth).map(unescaped)
}

fn unescaped(text: &str) -> Vec<u8> {
    if !text.starts_with("\\x") {
        return text.into();
    }
    text.split("\\x").skip(1).map(|hex| u8::from_str_radix(&hex[..2], 16).unwrap()).collect()
}

fn last_number(text: &str) -> u64 {
    text.rsplit([' ', ',']).next().unwrap().parse().unwrap()
}
