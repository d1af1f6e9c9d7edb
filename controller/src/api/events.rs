//! Parameters about what happened.

use buoy_topology::Name;
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::written::Address;
use crate::events::{Class, Filter, Kind, Seq};

/// Parameters of `watch.start`: all that are given must hold.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WatchStart {
    /// Begin with what came after this event [default: with what happens from now on]
    #[arg(long, value_name = "SEQ", value_parser = seq)]
    pub since: Option<Seq>,
    /// Only events of these kinds, as docs/events.md lists them; with commas, or given several times
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Only what happened to this: an address, a name, a bridge, a port
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// Only what is about this address
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<Address>,
    /// Only what is of this project
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
    /// Whether `watch.seen` tells, once a second at most, how far the watch is where nothing was wanted
    #[arg(skip)]
    pub progress: bool,
}

impl WatchStart {
    /// Which events are meant.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            class: None,
            kinds: self.kind.clone(),
            subject: self.subject.clone(),
            address: self.address.map(|own| own.0),
            project: self.project.clone(),
        }
    }
}

/// Parameters of `history.show`: all that are given must hold.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryShow {
    /// Only what happened to this address
    pub address: Option<Address>,
    /// Only events of these kinds, as docs/events.md lists them; with commas, or given several times
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Only what happened to this: an address or a name
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// Only what is of this project
    #[arg(long, value_name = "P")]
    pub project: Option<Name>,
    /// Only what came after this event, the oldest first
    #[arg(long, value_name = "SEQ", value_parser = seq)]
    pub since: Option<Seq>,
    /// No more events than these: with --since the first, else the newest [default: all]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl HistoryShow {
    /// Which events are meant.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            class: Some(Class::Change),
            kinds: self.kind.clone(),
            subject: self.subject.clone(),
            address: self.address.map(|own| own.0),
            project: self.project.clone(),
        }
    }
}

fn seq(text: &str) -> Result<Seq, String> {
    text.parse().map(Seq).map_err(|_| format!("{text:?} is no number of an event"))
}
