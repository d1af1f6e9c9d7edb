//! One event: what happened, to what, when, and who did it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::time::Millis;

/// The number of an event: one more than that of the event before, also across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: Seq,
    /// When it happened.
    pub time: Millis,
    /// What it is.
    pub kind: Kind,
    /// What it happened to: an address, a name, a bridge, a port.
    pub subject: Box<str>,
    /// What else is to be known; `docs/events.md` says what that is for each kind.
    pub detail: Detail,
}

impl Event {
    /// As clients see it.
    pub fn view(&self) -> Value {
        let Self { seq, time, kind, subject, detail } = self;
        json!({"seq": seq, "time": time.utc(), "kind": kind, "subject": subject, "detail": detail})
    }
}

/// A JSON object, kept as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Box<RawValue>);

impl Detail {
    /// The text of an object.
    pub fn of(object: &Value) -> Self {
        let text = RawValue::from_string(object.to_string());
        Self(text.expect("JSON that was just written is JSON"))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Detail {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Detail {}

/// Who did something: the user at the other end of the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The user's number, as the kernel says.
    pub uid: u32,
    /// The user's name, where the number had one then.
    pub user: Option<std::sync::Arc<str>>,
}

/// Which of the two parts of the log an event is in; each has a bound of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What was changed by somebody: `buoyctl history` shows it.
    Change,
    /// What was observed.
    Signal,
}

impl Class {
    /// How many events of the class are kept.
    pub fn bound(self) -> usize {
        match self {
            Self::Change => 100_000,
            Self::Signal => 20_000,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $class:ident;)*) => {
        /// What an event is, by a word that stays.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $word)] $kind,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// Its part of the log.
            pub fn class(self) -> Class {
                match self { $(Self::$kind => Class::$class,)* }
            }
        }
    };
}

kinds! {
    /// An address became a project's.
    Allocated = "allocated", Change;
    /// An address leads to an instance.
    Associated = "associated", Change;
    /// An address leads to another fixed IP.
    Moved = "moved", Change;
    /// An address leads nowhere any more.
    Disassociated = "disassociated", Change;
    /// An address is nobody's any more.
    Released = "released", Change;
    /// What is known of an address is another.
    AddressChanged = "address_changed", Change;
    /// An upstream was declared.
    ProviderCreated = "provider_created", Change;
    /// An upstream was changed.
    ProviderChanged = "provider_changed", Change;
    /// An upstream was removed.
    ProviderDeleted = "provider_deleted", Change;
    /// A pool was declared.
    PoolCreated = "pool_created", Change;
    /// A pool was changed.
    PoolChanged = "pool_changed", Change;
    /// A pool was removed.
    PoolDeleted = "pool_deleted", Change;
    /// A network was declared.
    NetworkCreated = "network_created", Change;
    /// A network was changed.
    NetworkChanged = "network_changed", Change;
    /// A network was removed.
    NetworkDeleted = "network_deleted", Change;
    /// An instance was declared.
    InstanceCreated = "instance_created", Change;
    /// An instance was changed.
    InstanceChanged = "instance_changed", Change;
    /// An instance was removed.
    InstanceDeleted = "instance_deleted", Change;
    /// A direct port was declared.
    DirectCreated = "direct_created", Change;
    /// A direct port was changed.
    DirectChanged = "direct_changed", Change;
    /// A direct port was removed.
    DirectDeleted = "direct_deleted", Change;
    /// A project was declared.
    ProjectCreated = "project_created", Change;
    /// A project was changed.
    ProjectChanged = "project_changed", Change;
    /// A project was forgotten.
    ProjectDeleted = "project_deleted", Change;
    /// How much projects without a quota of their own may have is another.
    QuotaChanged = "quota_changed", Change;
    /// A bridge that does not come back is not waited for any more.
    SwitchForgotten = "switch_forgotten", Change;
    /// A pool is as full as its admin wants to be told of.
    PoolLow = "pool_low", Change;
    /// A pool has room again.
    PoolRecovered = "pool_recovered", Change;
    /// A change of an address is in force.
    Applied = "applied", Signal;
    /// A switch connected.
    SwitchConnected = "switch_connected", Signal;
    /// A switch has everything that it should have.
    SwitchApplied = "switch_applied", Signal;
    /// A switch is connected no more.
    SwitchDisconnected = "switch_disconnected", Signal;
    /// A port can be used.
    PortUp = "port_up", Signal;
    /// A port went, or lost its carrier.
    PortDown = "port_down", Signal;
    /// Flows of ours that others changed were put back.
    DriftRepaired = "drift_repaired", Signal;
    /// Another MAC claims an address of ours.
    Conflict = "conflict", Signal;
    /// The guard kept a frame from the provider.
    GuardAlarm = "guard_alarm", Signal;
    /// What is known of a gateway is another.
    GatewayChanged = "gateway_changed", Signal;
    /// A hook did what it should.
    HookDone = "hook_done", Signal;
    /// A hook did not.
    HookFailed = "hook_failed", Signal;
    /// The daemon runs.
    DaemonStarted = "daemon_started", Signal;
    /// The daemon was told to end.
    DaemonStopped = "daemon_stopped", Signal;
    /// More was observed at once than is kept.
    Overflow = "overflow", Signal;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|kind| kind.word() == text);
        let words = || Self::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
        known.copied().ok_or_else(|| format!("{text:?} is no kind of event: it is one of {}", words()))
    }
}
