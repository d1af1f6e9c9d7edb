//! Carries steps out, and undoes them.

use std::path::Path as FilePath;
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::super::client;
use super::error::HostError;
use super::machine::{Machine, read_links};
use super::names::InterfaceName;
use super::run::{OVS_TIMEOUT, run};
use super::state::{Phase, State, StateFile};
use super::step::{Action, Path, Step};
use crate::api::{Request, Wait};

/// Does one step.
pub(super) fn carry_out(step: &Step, socket: &FilePath) -> Result<(), HostError> {
    match &step.action {
        Action::Ovs(commands) => {
            let mut words = vec![OVS_TIMEOUT];
            for command in commands {
                words.push("--");
                words.extend(command.iter().map(String::as_str));
            }
            run("ovs-vsctl", &words, "").map(drop)
        }
        Action::Ip { lines, force } => {
            let words: &[&str] = if *force { &["-force", "-batch", "-"] } else { &["-batch", "-"] };
            run("ip", words, &format!("{}\n", lines.join("\n"))).map(drop)
        }
        Action::Write(files) => files.iter().try_for_each(|(path, value)| {
            fs::write(path, value).map_err(|source| HostError::File { path: path.into(), source })
        }),
        Action::AwaitBridges(bridges) => bridges.iter().try_for_each(|bridge| await_bridge(bridge, socket)),
        Action::AwaitPath(path) => await_path(path),
    }
}

/// Undoes what has begun, and looks whether all is as it was. Whoever calls it holds the guard's place.
pub(super) fn undo(file: &StateFile, reason: Option<String>) -> Result<(), HostError> {
    let state = file.change(|state| {
        state.phase = Phase::RollingBack;
        state.reason = reason.or(state.reason.take());
        Ok(state.clone())
    })?;
    let mut left = Ok(());
    for _ in 0..ATTEMPTS {
        let steps = state.plan.undo.iter().filter(|(from, _)| state.begun >= *from);
        let results: Vec<_> = steps.map(|(_, step)| (step, carry_out(step, &state.socket))).collect();
        left = missing(&state);
        if left.is_ok() {
            // What `ip -force` says of lines that had nothing to do is no failure; what Open vSwitch says is.
            let mut of_switch = results.into_iter().filter(|(step, _)| matches!(step.action, Action::Ovs(_)));
            left = of_switch.try_for_each(|(_, result)| result);
            break;
        }
    }
    file.change(|state| {
        state.phase = if left.is_ok() { Phase::RolledBack } else { Phase::Broken };
        if let Err(error) = &left {
            let first = state.reason.take().map(|reason| format!("{reason}; then ")).unwrap_or_default();
            state.reason = Some(format!("{first}{error}"));
        }
        Ok(())
    })?;
    left
}

/// An error that names what the uplink had and has not got back.
fn missing(state: &State) -> Result<(), HostError> {
    let uplink = &state.wanted.uplink;
    let machine = Machine::read(uplink, &state.wanted.bridge)?;
    let now = machine.reach(uplink);
    let lost: Vec<_> = state.before.iter().filter(|own| !now.contains(own)).map(String::as_str).collect();
    if !lost.is_empty() {
        return Err(HostError::Broken(format!("{uplink} did not get back: {}", lost.join("; "))));
    }
    match machine.bridge_with(uplink) {
        Some(bridge) => Err(HostError::Broken(format!("{uplink} is still a port of {}", bridge.name))),
        None => Ok(()),
    }
}

/// Waits until a bridge is connected and has all its flows, and its interface has settled.
fn await_bridge(bridge: &InterfaceName, socket: &FilePath) -> Result<(), HostError> {
    until(&format!("{bridge} is not up to date"), || {
        let switches = client::call(socket, &Request::SwitchList, None, Wait::default(), Duration::from_secs(5))?;
        let switches = switches.as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(own) = switches.iter().rev().find(|own| own["bridge"] == bridge.as_str()) else {
            return Ok(Some("it has not connected: does buoyd listen where --controller says?".to_owned()));
        };
        if own["connected"] != true || own["applied"] != true {
            let why = own["error"].as_str().unwrap_or("its flows are not there yet");
            return Ok(Some(format!("buoyctl switch show {bridge}: {why}")));
        }
        let links = read_links()?;
        let own = links.iter().find(|link| link.name == bridge.as_str());
        let settles = own.is_some_and(|link| link.is_up() && link.addresses.iter().any(|own| own.is_tentative()));
        Ok(settles.then(|| "it still asks whether somebody has its link-local address".to_owned()))
    })
}

/// Waits until the switch itself says that a packet of the host gets out, and one for the host in.
fn await_path(path: &Path) -> Result<(), HostError> {
    let Path { bridge, uplink, .. } = path;
    let port = run("ovs-vsctl", &[OVS_TIMEOUT, "get", "interface", uplink.as_str(), "ofport"], "")?;
    let port = port.trim();
    if port.parse::<u16>().is_err() {
        return Err(HostError::Broken(format!(
            "Open vSwitch cannot use {uplink}: ovs-vsctl get interface {uplink} error"
        )));
    }
    until(&format!("no way between the host and {uplink}"), || {
        for (packet, end) in [(path.outwards(), uplink), (path.inwards(port), bridge)] {
            let trace = run("ovs-appctl", &["ofproto/trace", "--names", bridge.as_str(), &packet], "")?;
            let actions =
                trace.lines().rev().find_map(|line| line.strip_prefix("Datapath actions:")).unwrap_or_default();
            let mut words = actions.split([',', '(', ')']).map(|word| word.trim().trim_matches('"'));
            if !words.any(|word| word == end.as_str()) {
                return Ok(Some(format!("{packet} ends in:{actions}, not in {end}")));
            }
        }
        Ok(None)
    })
}

/// Asks again and again, until `still` has no objection.
fn until(what: &str, mut still: impl FnMut() -> Result<Option<String>, HostError>) -> Result<(), HostError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let Some(why) = still()? else { return Ok(()) };
        if Instant::now() > end {
            return Err(HostError::Late { what: what.to_owned(), seconds: PATIENCE.as_secs(), why });
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// How long daemon and switch may take: they take milliseconds where nothing else is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often an undo is tried.
const ATTEMPTS: usize = 3;
