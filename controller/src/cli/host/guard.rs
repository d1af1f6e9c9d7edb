//! The guard: a process of its own session that carries the steps out, counts down, and undoes all unless somebody
//! confirms. It reads nothing from the terminal and says nothing to it, so it outlives the login that started it.

use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::setsid;

use super::carry::{carry_out, undo};
use super::error::HostError;
use super::state::{Phase, StateFile};

/// Starts the guard of the adoption that is written in this file.
pub(super) fn start(file: &StateFile) -> Result<Child, HostError> {
    let broken = |source| HostError::File { path: file.path().to_owned(), source };
    let log = file.log()?;
    let mut command = Command::new(std::env::current_exe().map_err(broken)?);
    command.arg0("buoyctl").args(["host", "guard", "--state"]).arg(file.path());
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(broken)?).stderr(log).current_dir(Path::new("/"));
    command.spawn().map_err(broken)
}

/// What the guard does, from the first step to the end.
pub(super) fn run(file: &StateFile) -> Result<(), HostError> {
    let signals = detach()?;
    let taken = || HostError::Conflict("another guard looks after this adoption".to_owned());
    let _place = file.guard()?.ok_or_else(taken)?;
    file.change(|state| {
        state.guard = Some(std::process::id());
        Ok(())
    })?;
    match carry_all_out(file, &signals) {
        Ok(()) => wait(file, &signals),
        Err(error) => {
            eprintln!("buoyctl: {error}");
            undo(file, Some(error.to_string()))
        }
    }
}

fn carry_all_out(file: &StateFile, signals: &SignalFd) -> Result<(), HostError> {
    let steps = file.change(|state| Ok(state.plan.steps.clone()))?;
    let socket = file.change(|state| Ok(state.socket.clone()))?;
    for (begun, step) in (1..).zip(&steps) {
        let asked = file.change(|state| {
            state.begun = begun;
            Ok(state.asked)
        })?;
        if asked || is_told_to_end(signals) {
            return Err(HostError::Unconfirmed(ASKED.to_owned()));
        }
        eprintln!("{}\n{}", step.what, step.action);
        carry_out(step, &socket)?;
    }
    Ok(())
}

/// Counts down. What confirms and what rolls back is written into the file by whoever says so.
fn wait(file: &StateFile, signals: &SignalFd) -> Result<(), HostError> {
    let patience = file.change(|state| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        state.phase = Phase::Waiting;
        state.until = Some(now.as_secs() + state.rollback_after);
        Ok(Duration::from_secs(state.rollback_after))
    })?;
    let end = Instant::now() + patience;
    loop {
        let is_told = is_told_to_end(signals);
        // One step under the lock: what is confirmed here is not rolled back.
        let reason = file.change(|state| {
            let late = Instant::now() >= end;
            if state.phase != Phase::Waiting || !(state.asked || is_told || late) {
                return Ok((state.phase, None));
            }
            state.phase = Phase::RollingBack;
            let unconfirmed = format!("nobody confirmed within {} seconds", state.rollback_after);
            Ok((state.phase, Some(if late { unconfirmed } else { ASKED.to_owned() })))
        })?;
        match reason {
            (_, Some(reason)) => return undo(file, Some(reason)),
            (Phase::Waiting, None) => {}
            (_, None) => return Ok(()),
        }
        let mut polled = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut polled, PollTimeout::from(TICK_MS));
    }
}

/// Leaves the terminal and its signals. The end of the system is the one that is still listened to.
fn detach() -> Result<SignalFd, HostError> {
    let broken = |errno: nix::errno::Errno| HostError::Broken(format!("cannot leave the terminal: {errno}"));
    let mut ignored = SigSet::empty();
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP].into_iter().for_each(|own| ignored.add(own));
    ignored.thread_block().map_err(broken)?;
    let mut heard = SigSet::empty();
    heard.add(Signal::SIGTERM);
    heard.thread_block().map_err(broken)?;
    setsid().map_err(broken)?;
    SignalFd::with_flags(&heard, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(broken)
}

fn is_told_to_end(signals: &SignalFd) -> bool {
    matches!(signals.read_signal(), Ok(Some(_)))
}

const ASKED: &str = "it was asked for";
const TICK_MS: u8 = 100;
