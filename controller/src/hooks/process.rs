//! One program from its start to its end.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buoy_topology::{HookCommand, HookEvent};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;

/// Runs a hook: the event on stdin, its end within a time. The error is the last line of stderr, or how it ended.
pub(crate) async fn run(command: &HookCommand, event: &HookEvent, mark: &str, limit: Duration) -> Result<(), String> {
    let mut words = command.words();
    let program = words.next().unwrap_or_default();
    let mut document = serde_json::to_vec(event).map_err(|error| error.to_string())?;
    document.push(b'\n');
    let spawned = Command::new(program)
        .args(words)
        .env(MARK, mark)
        // A hook does not speak for the daemon.
        .env_remove("NOTIFY_SOCKET")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = spawned.map_err(|error| format!("{program} cannot be run: {error}"))?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
    let tail = Tail::default();
    let reader = child.stderr.take().map(|stderr| tokio::spawn(tail.clone().follow(stderr)));
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // A hook need not read what it is told.
            let _ = stdin.write_all(&document).await;
        }
        child.wait().await
    };
    let ended = timeout(limit, work).await;
    let Ok(ended) = ended else {
        drop(group);
        // Its group was killed: it ends.
        let _ = child.wait().await;
        return Err(format!("it took longer than {} s and was killed", limit.as_secs()));
    };
    group.0 = None;
    let status = ended.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    if let Some(mut reader) = reader
        && timeout(LAST_WORDS, &mut reader).await.is_err()
    {
        // Something that it left in the background holds its stderr.
        reader.abort();
    }
    Err(tail.last_line().unwrap_or_else(|| how(status)))
}

/// A process group that is killed when nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended by itself.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

/// The end of what a program writes.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    async fn follow(self, mut stderr: ChildStderr) {
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(chunk.get(..count).unwrap_or_default());
            let excess = kept.len().saturating_sub(KEPT);
            kept.drain(..excess);
        }
    }

    /// The last line that says something, cut to what a table bears.
    fn last_line(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&kept).into_owned();
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        let clean = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        Some(clean.take(LONGEST_MESSAGE).collect())
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code} and said nothing"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended in an unknown way".to_owned(),
    }
}

/// How long a hook may take.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);
/// The variable by which a hook is known.
pub(super) const MARK: &str = "BUOY_HOOK";
/// How long to read on after a hook has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Bytes of stderr that are kept.
const KEPT: usize = 4096;
/// Characters of a message.
const LONGEST_MESSAGE: usize = 256;

#[cfg(test)]
mod tests;
