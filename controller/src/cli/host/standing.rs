//! `buoyctl host confirm`, `rollback` and `status`: how an adoption stands, and what becomes of it.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::super::args::Format;
use super::carry::{carry_out, undo};
use super::error::HostError;
use super::state::{DEFAULT_STATE, Phase, State, StateFile};

/// Keeps an adoption that waits for it.
pub(super) fn confirm(file: &StateFile) -> Result<(), HostError> {
    let state = file.change(|state| {
        let at = format!("{} in {}", state.wanted.uplink, state.wanted.bridge);
        match state.phase {
            Phase::Waiting => {
                state.phase = Phase::Confirmed;
                state.until = None;
                Ok(state.clone())
            }
            Phase::Confirmed => Ok(state.clone()),
            Phase::Moving => Err(HostError::Conflict("it is not done yet: buoyctl host status".to_owned())),
            _ => Err(HostError::Conflict(format!("too late, it was rolled back: {at} has to be adopted again"))),
        }
    })?;
    state.plan.confirmed.iter().try_for_each(|step| carry_out(step, &state.socket))
}

/// Undoes an adoption: by its guard, or alone where that is gone.
pub(super) fn rollback(file: &StateFile) -> Result<(), HostError> {
    file.change(|state| match state.phase {
        Phase::Confirmed => {
            let text = "it was confirmed: `buoyctl host status --format json` shows the commands that undo it";
            Err(HostError::Conflict(text.to_owned()))
        }
        Phase::RolledBack => Ok(()),
        _ => {
            state.asked = true;
            Ok(())
        }
    })?;
    let mut is_guarded = false;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(_place) = file.guard()? {
            let state = file.change(|state| Ok(state.clone()))?;
            return match state.phase {
                Phase::RolledBack => Ok(()),
                Phase::Broken if is_guarded => Err(outcome(&state)),
                _ => undo(file, None),
            };
        }
        is_guarded = true;
        if Instant::now() > end {
            let text = "its guard still lives and has not undone it: buoyctl host status".to_owned();
            return Err(HostError::Broken(text));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Says how it stands.
pub(super) fn status(file: &StateFile, format: Format) -> Result<(), HostError> {
    let state = file.read()?;
    let is_guarded = state.is_some() && file.guard()?.is_none();
    let text = match (format, &state) {
        (Format::Json, None) => format!("{:#}\n", json!({ "phase": null })),
        (Format::Json, Some(state)) => format!("{:#}\n", to_json(state, is_guarded)),
        (Format::Table, None) => {
            eprintln!("Nothing is being adopted: buoyctl host adopt --help");
            String::new()
        }
        (Format::Table, Some(state)) => to_text(state, is_guarded),
    };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// How it stands, for a script.
pub(super) fn to_json(state: &State, is_guarded: bool) -> Value {
    let undo: Vec<_> = state.plan.undo.iter().map(|(_, step)| step.to_json()).collect();
    json!({
        "phase": state.phase.as_str(), "uplink": state.wanted.uplink, "bridge": state.wanted.bridge,
        "guarded": is_guarded, "pid": state.guard.filter(|_| is_guarded), "seconds_left": seconds_left(state), "steps_begun": state.begun,
        "steps": state.plan.steps.len(), "reason": state.reason, "undo": undo,
    })
}

fn to_text(state: &State, is_guarded: bool) -> String {
    let at = format!("{} in {}", state.wanted.uplink, state.wanted.bridge);
    let reason = state.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let text = match (state.phase, is_guarded) {
        (Phase::Waiting, true) => {
            let seconds = seconds_left(state).unwrap_or_default();
            format!("waits for `buoyctl host confirm`, and is rolled back in {seconds} seconds")
        }
        (Phase::Waiting, false) => {
            "waits, but its guard is gone: buoyctl host confirm, or buoyctl host rollback".to_owned()
        }
        (Phase::Moving, true) => format!("is under way, at step {} of {}", state.begun, state.plan.steps.len()),
        (Phase::Moving, false) => {
            format!("was interrupted at step {} of {}: buoyctl host rollback", state.begun, state.plan.steps.len())
        }
        (Phase::RollingBack, true) => format!("is being rolled back{reason}"),
        (Phase::RollingBack, false) => {
            format!("was interrupted while it was rolled back: buoyctl host rollback{reason}")
        }
        (Phase::Confirmed, _) => "was confirmed".to_owned(),
        (Phase::RolledBack, _) => format!("was rolled back{reason}"),
        (Phase::Broken, _) => format!("could not be rolled back as a whole: buoyctl host rollback tries again{reason}"),
    };
    format!("{at} {text}\n")
}

/// What the command that began an adoption ends with when it was rolled back.
pub(super) fn outcome(state: &State) -> HostError {
    let reason = state.reason.clone().unwrap_or_default();
    match state.phase {
        Phase::Broken => {
            HostError::Broken(format!("it could not be undone as a whole: {reason}; buoyctl host rollback tries again"))
        }
        _ if state.until.is_none() => HostError::Broken(format!("all is as before: {reason}")),
        _ => HostError::Unconfirmed(format!("all is as before: {reason}")),
    }
}

/// The option that names the state, where it is not the usual one.
pub(super) fn state_option(file: &StateFile) -> String {
    let path = file.path().display().to_string();
    if path == DEFAULT_STATE { String::new() } else { format!(" --state {path}") }
}

fn seconds_left(state: &State) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    state.until.filter(|_| state.phase == Phase::Waiting).map(|until| until.saturating_sub(now))
}

/// How long a guard may take to undo: three attempts, each as long as Open vSwitch may take.
const PATIENCE: Duration = Duration::from_secs(120);
