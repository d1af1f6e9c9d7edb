//! Shell completion: commands and options from clap, and the names of what there is from the daemon.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use buoy_topology::Name;
use clap::{Arg, Command, CommandFactory, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use serde_json::Value;

use super::{Args, Exit, client};
use crate::api::{ErrorKind, FipList, InstanceList, Request, Wait};
use crate::events::Kind;

/// A shell that can be taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Answers a shell that asks for completions, and ends the process then.
pub fn answer_shell() {
    CompleteEnv::with_factory(|| with_names(Args::command(), "")).var(VARIABLE).complete();
}

/// Prints what teaches a shell.
pub(super) fn teach(shell: Shell) -> Exit {
    let name = shell.to_possible_value().expect("no shell is skipped").get_name().to_owned();
    let shells = Shells::builtins();
    let completer = shells.completer(&name).expect("clap_complete has them all");
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, BUOYCTL, BUOYCTL, BUOYCTL, &mut script);
    match written.and_then(|()| io::stdout().write_all(&script)) {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("buoyctl: {error}");
            Exit::Refused(ErrorKind::Storage)
        }
    }
}

/// Lets each argument that names something offer what there is of it. `noun` is the command above.
fn with_names(command: Command, noun: &str) -> Command {
    let verb = command.get_name().to_owned();
    let command = command.mut_args(|arg| match offers_of(noun, &verb, &arg) {
        Some(offers) => arg.add(ArgValueCandidates::new(move || offers.all())),
        None => arg,
    });
    let noun = if noun.is_empty() && verb != BUOYCTL { verb } else { noun.to_owned() };
    command.mut_subcommands(|own| with_names(own, &noun))
}

/// What an argument can be.
#[derive(Clone)]
enum Offers {
    /// A name of what there is.
    Names(Box<Names>),
    /// A kind of event.
    Kinds,
    /// An interface of this machine, or the uplink of a provider.
    Uplinks,
    /// Who can send a packet.
    Senders,
}

/// Where the names come from that an argument can be.
#[derive(Clone)]
struct Names {
    request: Request,
    field: &'static str,
}

/// What an argument of a command can be; nothing where nobody knows.
fn offers_of(noun: &str, verb: &str, arg: &Arg) -> Option<Offers> {
    Some(match (arg.get_id().as_str(), verb) {
        ("kind", _) => Offers::Kinds,
        ("uplink", _) => Offers::Uplinks,
        ("from", "trace") => Offers::Senders,
        _ => Offers::Names(Box::new(names_of(noun, verb, arg)?)),
    })
}

/// What an argument of a command names; nothing where it is no name, or a new one.
fn names_of(noun: &str, verb: &str, arg: &Arg) -> Option<Names> {
    let is_new = matches!(verb, "create") || (verb == "add" && noun != "pool");
    let kind = match (arg.get_id().as_str(), noun) {
        ("name", noun) if !is_new => noun,
        ("address", "fip") => "fip",
        ("bridge", "switch") => "switch",
        (kind @ ("provider" | "pool" | "network" | "instance" | "project"), _) => kind,
        ("auto_assign" | "fip", _) => "pool",
        _ => return None,
    };
    Names::of(kind)
}

impl Offers {
    fn all(&self) -> Vec<CompletionCandidate> {
        let names = |kind: &str| Names::of(kind).map(|names| names.ask()).unwrap_or_default();
        let all: BTreeSet<String> = match self {
            Self::Names(names) => return names.ask().into_iter().map(CompletionCandidate::new).collect(),
            Self::Kinds => Kind::ALL.iter().map(|kind| kind.word().to_owned()).collect(),
            Self::Uplinks => {
                let uplinks = Names { request: Request::ProviderList, field: "uplink" }.ask();
                uplinks.into_iter().chain(interfaces()).collect()
            }
            Self::Senders => {
                let providers = names("provider");
                let ends = ["host", "uplink"].into_iter();
                let named = ends.flat_map(|end| providers.iter().map(move |provider| format!("{end}:{provider}")));
                let plain = ["host", "gateway"].map(str::to_owned).into_iter();
                names("instance").into_iter().chain(plain).chain(named).collect()
            }
        };
        all.into_iter().map(CompletionCandidate::new).collect()
    }
}

/// The network interfaces of this machine.
fn interfaces() -> Vec<String> {
    let all = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    all.filter_map(|own| own.file_name().into_string().ok()).filter(|name| name != "lo").collect()
}

impl Names {
    /// What there is of a kind of things.
    fn of(kind: &str) -> Option<Self> {
        let (request, field) = match kind {
            "provider" => (Request::ProviderList, "name"),
            "pool" => (Request::PoolList, "name"),
            "network" => (Request::NetworkList, "name"),
            "instance" => (Request::InstanceList(InstanceList::default()), "name"),
            "project" => (Request::ProjectList, "name"),
            "direct" => (Request::DirectList, "name"),
            "switch" => (Request::SwitchList, "bridge"),
            "fip" => (Request::FipList(FipList::default()), "address"),
            _ => return None,
        };
        Some(Self { request, field })
    }

    /// Asks the daemon. A shell that completes is no place for an error.
    fn ask(&self) -> Vec<String> {
        let answer = client::call(&socket(), &self.request, project().as_ref(), Wait::default(), Duration::ZERO);
        let rows = answer.as_ref().ok().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter_map(|row| row[self.field].as_str()).map(str::to_owned).collect()
    }
}

/// The socket that the words name, or the one that a command without any would use.
fn socket() -> PathBuf {
    named("--socket", "BUOY_SOCKET").map_or_else(|| crate::daemon::config::DEFAULT_SOCKET.into(), PathBuf::from)
}

/// The project that is acted for. A word that is just being written may be none.
fn project() -> Option<Name> {
    named("--project", "BUOY_PROJECT")?.to_str()?.parse().ok()
}

/// What an option is in the words, or else in the environment.
fn named(option: &str, variable: &str) -> Option<OsString> {
    let words: Vec<_> = std::env::args_os().collect();
    // The last word is the one that is completed.
    let pairs = words.iter().zip(words.iter().skip(1)).take(words.len().saturating_sub(2));
    let given = pairs.filter(|(word, _)| *word == option).map(|(_, value)| value.clone()).next_back();
    given.or_else(|| std::env::var_os(variable))
}

pub(super) const HELP: &str = "Completes commands, options and the names of what there is (asked of the daemon).

Examples:
  source <(buoyctl completion bash)                         # this shell
  buoyctl completion bash > /etc/bash_completion.d/buoyctl  # every bash
  buoyctl completion zsh > ~/.zfunc/_buoyctl
  buoyctl completion fish > ~/.config/fish/completions/buoyctl.fish";

const BUOYCTL: &str = "buoyctl";
/// Set by the script when the shell asks.
const VARIABLE: &str = "BUOYCTL_COMPLETE";
