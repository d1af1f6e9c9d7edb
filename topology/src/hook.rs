//! Hooks: what a provider is told when an address is associated, moved or released, and how that went.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{FloatingIp, Generation, MacAddr, Name};

/// A command that is run without a shell: an absolute path and arguments, with spaces between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HookCommand(Arc<str>);

impl HookCommand {
    /// The path, then the arguments.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }
}

impl FromStr for HookCommand {
    type Err = ParseHookError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with('/') {
            return Err(ParseHookError::Path { text: text.to_owned() });
        }
        if text.len() > MAX_LEN {
            return Err(ParseHookError::Long { len: text.len() });
        }
        let is_shells = |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\');
        match text.chars().find(|c| is_shells(*c)) {
            Some(character) => Err(ParseHookError::Character { character }),
            None => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for HookCommand {
    type Error = ParseHookError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HookCommand> for String {
    fn from(command: HookCommand) -> Self {
        command.to_string()
    }
}

impl fmt::Display for HookCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no hook.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseHookError {
    /// It does not begin with a path from the root.
    #[error("{text:?} is no hook: write the absolute path of a program, and its arguments after it")]
    Path {
        /// What was given.
        text: String,
    },
    /// More than 4,096 bytes.
    #[error("a hook has at most {MAX_LEN} bytes, this one has {len}")]
    Long {
        /// Its length in bytes.
        len: usize,
    },
    /// Something that only a shell would understand.
    #[error("a hook is run without a shell, so {character:?} cannot stand in it: arguments end at spaces")]
    Character {
        /// The first one.
        character: char,
    },
}

/// What happened to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookKind {
    /// It leads to an instance, and led nowhere before.
    Associated,
    /// It leads to another fixed IP.
    Moved,
    /// It leads nowhere any more, and stays with its project.
    Disassociated,
    /// It is nobody's any more.
    Released,
}

impl HookKind {
    /// What happened between two states of an address.
    pub fn between(old: Option<&FloatingIp>, new: &FloatingIp) -> Option<Self> {
        let before = old.and_then(|old| old.association.as_ref());
        let had_project = old.is_some_and(|old| old.project.is_some());
        match (before, &new.association) {
            (None, Some(_)) => Some(Self::Associated),
            (Some(before), Some(after)) => (before != after).then_some(Self::Moved),
            (_, None) if had_project && new.project.is_none() => Some(Self::Released),
            (Some(_), None) => Some(Self::Disassociated),
            (None, None) => None,
        }
    }
}

/// The document that a hook gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// What happened.
    pub event: HookKind,
    /// To which address.
    pub address: Ipv4Addr,
    /// Whose address it is.
    pub provider: Name,
    /// Its pool.
    pub pool: Name,
    /// The MAC that the provider sees, where it is known.
    pub mac: Option<MacAddr>,
    /// The project that has it, or that had it.
    pub project: Option<Name>,
    /// What it leads to now.
    pub instance: Option<Name>,
    /// The fixed IP that it leads to now.
    pub fixed_ip: Option<Ipv4Addr>,
    /// The host of the provider's bridge, where it is connected.
    pub host: Option<String>,
    /// What it led to before.
    pub previous_instance: Option<Name>,
    /// The commit.
    pub generation: Generation,
}

/// How far an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HookState {
    /// The hook has not run, or is to run again.
    Pending,
    /// It runs.
    Running,
    /// It ended with exit code 0.
    Done,
    /// It was tried as often as it is, and never did.
    Failed,
}

/// The newest event of an address, and how its hook went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// The event.
    pub event: HookEvent,
    /// How far it is.
    pub state: HookState,
    /// How often the hook was started for it.
    pub tries: u32,
    /// When that last changed, in seconds since 1970.
    pub at: u64,
    /// What the hook last had to say when it failed.
    pub message: Option<String>,
}

const MAX_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Association, EntityId};

    #[test]
    fn a_hook_is_a_path_with_arguments_and_no_shell() {
        let hook: HookCommand = "/usr/lib/buoy/hook  --config /etc/hook.ini".parse().unwrap();
        assert_eq!(hook.words().collect::<Vec<_>>(), ["/usr/lib/buoy/hook", "--config", "/etc/hook.ini"]);
        for (text, says) in [
            ("", "absolute path"),
            ("hook", "absolute path"),
            ("http://192.0.2.1/", "absolute path"),
            ("/bin/sh -c 'true'", "without a shell"),
            ("/bin/true\n", "without a shell"),
            (&*format!("/{}", "x".repeat(4096)), "at most 4096 bytes"),
        ] {
            assert!(text.parse::<HookCommand>().is_err_and(|error| error.to_string().contains(says)), "{text}");
        }
    }

    #[test]
    fn what_happened_is_told_by_what_was_and_is() {
        let fip = |project: bool, instance: &str| {
            let mut fip = FloatingIp::new(EntityId(1), [192, 0, 2, 1].into());
            fip.project = project.then(|| "default".parse().unwrap());
            let bound = |instance: &str| Association { instance: instance.parse().unwrap(), fixed_ip: fip.address };
            fip.association = (!instance.is_empty()).then(|| bound(instance));
            fip
        };
        for (old, new, kind) in [
            (None, fip(true, "a"), Some(HookKind::Associated)),
            (Some(fip(true, "")), fip(true, "a"), Some(HookKind::Associated)),
            (Some(fip(true, "a")), fip(true, "b"), Some(HookKind::Moved)),
            (Some(fip(true, "a")), fip(true, "a"), None),
            (Some(fip(true, "a")), fip(true, ""), Some(HookKind::Disassociated)),
            (Some(fip(true, "a")), fip(false, ""), Some(HookKind::Released)),
            (Some(fip(true, "")), fip(false, ""), Some(HookKind::Released)),
            (None, fip(true, ""), None),
            (Some(fip(false, "")), fip(false, ""), None),
        ] {
            assert_eq!(HookKind::between(old.as_ref(), &new), kind, "{old:?} {new:?}");
        }
    }
}
