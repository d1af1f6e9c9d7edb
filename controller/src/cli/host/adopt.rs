//! `buoyctl host adopt`: the plan, or the plan carried out under a guard.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::args::Format;
use super::super::client;
use super::args::Adopt;
use super::carry::undo;
use super::error::HostError;
use super::machine::Machine;
use super::plan::{Plan, Wanted, plan};
use super::run::run;
use super::state::{Phase, State, StateFile};
use super::{advice, check, guard, standing};
use crate::api::{Request, Wait};

/// Prints the plan, or carries it out.
pub(super) fn adopt(args: &Adopt, file: &StateFile, socket: &Path, format: Format) -> Result<(), HostError> {
    let wanted = args.wanted();
    if args.apply && !nix::unistd::geteuid().is_root() {
        return Err(HostError::NotRoot);
    }
    refuse_open(file)?;
    let machine = Machine::read(&wanted.uplink, &wanted.bridge)?;
    check::refuse(&machine, &wanted)?;
    let plan = plan(&machine, &wanted);
    let mut warnings = check::warn(&machine, &wanted);
    warnings.extend(advice::running(Path::new("/"), machine.link(&wanted.uplink), &wanted.bridge));
    let gateway = machine.gateways(&wanted.uplink).find(IpAddr::is_ipv4);
    let advice = advice::lasting(Path::new("/"), &wanted, machine.link(&wanted.uplink), gateway);
    if !args.apply {
        print(&match format {
            Format::Json => format!("{:#}\n", to_json(&plan, &wanted, &warnings, &advice)),
            Format::Table => to_text(&plan, &warnings, &advice),
        });
        return Ok(());
    }
    client::call(socket, &Request::StatusShow, None, Wait::default(), Duration::from_secs(5))?;
    await_switch()?;
    warnings.iter().for_each(|warning| eprintln!("buoyctl: note: {warning}"));
    let state = State {
        phase: Phase::Moving,
        plan,
        socket: socket.to_owned(),
        guard: None,
        begun: 0,
        rollback_after: args.rollback_after.as_secs(),
        until: None,
        asked: false,
        before: machine.reach(&wanted.uplink),
        reason: None,
        wanted,
    };
    file.begin(&state, refuse_old)?;
    let result = match guard::start(file) {
        Ok(child) => watch(file, child),
        Err(error) => undo_alone(file).and(Err(error)),
    };
    if let (Ok(()), Format::Table) = (&result, format) {
        eprintln!("Confirmed: it stays.\n\n{advice}");
    }
    if let (Format::Json, Some(state)) = (format, file.read()?) {
        print(&format!("{:#}\n", standing::to_json(&state, false)));
    }
    result
}

/// The database may answer where the switch itself does not.
fn await_switch() -> Result<(), HostError> {
    let words = ["--timeout=5", "version"];
    let dead = |error| {
        HostError::Broken(format!("ovs-vswitchd does not answer ({error}): systemctl status openvswitch-switch"))
    };
    run("ovs-appctl", &words, "").map(drop).map_err(dead)
}

fn refuse_open(file: &StateFile) -> Result<(), HostError> {
    // Somebody who may not read it may still see a plan.
    if nix::unistd::geteuid().is_root() { file.read()?.iter().try_for_each(refuse_old) } else { Ok(()) }
}

fn refuse_old(old: &State) -> Result<(), HostError> {
    let Wanted { uplink, bridge, .. } = &old.wanted;
    match old.phase {
        Phase::Confirmed | Phase::RolledBack => Ok(()),
        Phase::Waiting => Err(HostError::Conflict(format!(
            "{uplink} was put into {bridge} and waits for a confirmation: buoyctl host confirm, or buoyctl host rollback"
        ))),
        _ => Err(HostError::Conflict(format!(
            "putting {uplink} into {bridge} is under way or was interrupted: buoyctl host status, buoyctl host rollback"
        ))),
    }
}

/// Tells how the guard gets on, and takes Enter for a confirmation.
fn watch(file: &StateFile, mut guard: Child) -> Result<(), HostError> {
    let enter = enter_pressed();
    let (mut told, mut waits) = (0, false);
    loop {
        // First whether it lives, then what it wrote: what it wrote last is not missed.
        let lives = guard.try_wait().is_ok_and(|ended| ended.is_none());
        let state = file.read()?.ok_or_else(|| HostError::Broken("the state of the adoption is gone".to_owned()))?;
        let begun = state.plan.steps.iter().take(state.begun).skip(told);
        begun.for_each(|step| eprintln!("{}", step.what));
        told = told.max(state.begun);
        if state.phase == Phase::Waiting && !waits {
            waits = true;
            let enter = if std::io::stdin().is_terminal() { "press Enter here, or " } else { "" };
            eprintln!(
                "Done. Log in anew to see that the host is reachable, and within {} seconds {enter}say: buoyctl host confirm{}\n\
                 Otherwise all is put back. Ctrl-C ends this command, not the countdown.",
                state.rollback_after,
                standing::state_option(file),
            );
        }
        match state.phase {
            Phase::Confirmed => return Ok(()),
            Phase::RolledBack | Phase::Broken => return Err(standing::outcome(&state)),
            _ if !lives => undo_alone(file)?,
            _ if waits && enter.try_recv().is_ok() => standing::confirm(file)?,
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Undoes in the place of a guard that is gone.
fn undo_alone(file: &StateFile) -> Result<(), HostError> {
    match file.guard()? {
        Some(_place) => undo(file, Some("the guard ended before its time".to_owned())),
        None => Ok(()),
    }
}

/// Says when Enter is pressed, where there is a terminal.
fn enter_pressed() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    if std::io::stdin().is_terminal() {
        thread::spawn(move || {
            let mut line = String::new();
            // The end of input is no confirmation.
            while std::io::stdin().read_line(&mut line).is_ok_and(|count| count > 0) {
                let _ = sender.send(());
            }
        });
    }
    receiver
}

fn to_json(plan: &Plan, wanted: &Wanted, warnings: &[String], advice: &str) -> Value {
    let steps: Vec<_> = plan.steps.iter().map(super::step::Step::to_json).collect();
    let confirmed: Vec<_> = plan.confirmed.iter().map(super::step::Step::to_json).collect();
    let undo: Vec<_> = plan.undo.iter().map(|(_, step)| step.to_json()).collect();
    json!({
        "uplink": wanted.uplink, "bridge": wanted.bridge, "int_bridge": wanted.int_bridge,
        "controller": wanted.controller, "warnings": warnings, "steps": steps, "confirm": confirmed, "undo": undo,
        "advice": advice,
    })
}

/// The plan as a script with comments.
fn to_text(plan: &Plan, warnings: &[String], advice: &str) -> String {
    let mut text = String::from(
        "# What `buoyctl host adopt --apply` does, and undoes unless you confirm. Nothing has been done yet.\n",
    );
    for warning in warnings {
        let _ = writeln!(text, "# Note: {warning}.");
    }
    for (number, step) in (1..).zip(&plan.steps) {
        let _ = write!(text, "\n# {number}. {}\n{}\n", step.what, step.action);
    }
    for step in &plan.confirmed {
        let _ = write!(text, "\n# Once confirmed: {}\n{}\n", step.what, step.action);
    }
    text.push_str("\n# To undo it:\n");
    for (_, step) in &plan.undo {
        let _ = write!(text, "\n# {}\n{}\n", step.what, step.action);
    }
    let advice = advice.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n");
    text.push('\n');
    text.extend(advice);
    text
}

fn print(text: &str) {
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
