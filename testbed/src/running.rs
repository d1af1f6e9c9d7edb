//! Commands inside a lab: finished ones and running ones.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

pub use nix::sys::signal::Signal;

use crate::enter::child_of;

/// How long a command may take where the caller does not say.
pub const RUN_DEADLINE: Duration = Duration::from_secs(30);

/// What a finished command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Output {
    /// The exit code; 128 plus the signal where one ended it, as a shell has it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// Its stdout. Panics with all that it said where it did not exit with 0.
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert!(self.success(), "{self}");
        self.stdout
    }

    /// Its stdout as one JSON document, whatever the exit code. Panics with all that it said where it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n{}{}", self.command, self.status, self.stdout, self.stderr)
    }
}

/// A command that runs inside a lab. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: Stream,
    stderr: Stream,
}

impl Running {
    /// Starts it with `nsenter` in front; stdin is empty.
    #[track_caller]
    pub(crate) fn start(name: String, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {name}: {error}"));
        let stdout = Stream::read(child.stdout.take());
        let stderr = Stream::read(child.stderr.take());
        Self { command: name, child, status: None, stdout, stderr }
    }

    /// The process id as it is seen from outside the lab; absent once it ended.
    pub fn pid(&self) -> Option<i32> {
        // nsenter stays outside the pid namespace and has one child: the command.
        child_of(self.child.id())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll().is_none()
    }

    /// Sends a signal to the command itself, not to `nsenter`.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.poll().is_none() {
            if let Some(pid) = self.pid() {
                // It may have ended by itself in between.
                let _ = kill(Pid::from_raw(pid), signal);
                return;
            }
            assert!(Instant::now() < deadline, "{} has no process", self.command);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it ends; panics where it does not in time.
    #[track_caller]
    pub fn wait(mut self, deadline: Duration) -> Output {
        let status = self.await_end(deadline);
        Output { command: self.command.clone(), status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// Sends a signal and waits for the end.
    #[track_caller]
    pub fn stop(mut self, signal: Signal, deadline: Duration) -> Output {
        self.signal(signal);
        self.wait(deadline)
    }

    /// Sends a signal and waits for the end; gives stdout as bytes, and stderr.
    #[track_caller]
    pub(crate) fn stop_bytes(mut self, signal: Signal, deadline: Duration) -> (Vec<u8>, String) {
        self.signal(signal);
        self.await_end(deadline);
        (self.stdout_bytes(), self.stderr())
    }

    /// Waits until stdout or stderr contains this text; panics where it does not in time or the command ends first.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str, deadline: Duration) {
        let end = Instant::now() + deadline;
        loop {
            let ended = self.poll().is_some();
            if self.stdout.contains(text) || self.stderr.contains(text) {
                return;
            }
            if ended || Instant::now() > end {
                panic!("{} did not say {text:?}\n{}{}", self.command, self.stdout.text(), self.stderr.text());
            }
            self.stdout.await_more(Duration::from_millis(5));
        }
    }

    /// What it has written to stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// What it has written to stdout so far, as bytes.
    pub(crate) fn stdout_bytes(&self) -> Vec<u8> {
        self.stdout.bytes().clone()
    }

    /// Waits for the end, and until all that it wrote has been read.
    #[track_caller]
    fn await_end(&mut self, deadline: Duration) -> ExitStatus {
        let end = Instant::now() + deadline;
        let status = loop {
            if let Some(status) = self.poll() {
                break status;
            }
            if Instant::now() > end {
                panic!(
                    "{} did not end within {deadline:?}\n{}{}",
                    self.command,
                    self.stdout.text(),
                    self.stderr.text()
                );
            }
            thread::sleep(Duration::from_millis(1));
        };
        self.stdout.join();
        self.stderr.join();
        status
    }

    fn poll(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.poll().is_none() {
            if let Some(pid) = self.pid() {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A pipe that a thread reads into memory.
#[derive(Debug)]
struct Stream {
    shared: Arc<(Mutex<Vec<u8>>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let sink = Arc::clone(&shared);
        let reader = thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut chunk = vec![0; 65_536];
            loop {
                match pipe.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(length) => {
                        let (buffer, arrived) = &*sink;
                        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
                        buffer.extend(chunk.iter().take(length));
                        arrived.notify_all();
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        });
        Self { shared, reader: Some(reader) }
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn contains(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    fn await_more(&self, patience: Duration) {
        let _ = self.shared.1.wait_timeout(self.bytes(), patience);
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
