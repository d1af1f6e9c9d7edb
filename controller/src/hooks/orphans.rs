//! Programs that a killed daemon left behind.

use std::fs;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpgid};
use tracing::info;

use super::process::MARK;

/// Ends the hooks of an earlier daemon with the same mark. What a hook has started on purpose in the background is left
/// alone once the hook itself has ended.
pub(super) fn end(mark: &str) {
    let wanted = format!("{MARK}={mark}");
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| getpgid(Some(*pid)) == Ok(*pid)) else { continue };
        // Those of other users cannot be read, and are not ours.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()) {
            info!(%pid, "a hook of an earlier daemon is ended; its event is told again");
            // It may have ended by itself.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}
