//! What is measured: one file each. A row takes the stage as it finds it, and measures Buoy and its peers in turn.

mod association;
mod datapath;
mod icmp_errors;
mod megaflows;
mod memory;
mod packets;
mod programming;
mod reconnect;
mod start;
mod throughput;

use clap::ValueEnum;

use super::report::Row;
use super::stage::Stage;

/// What can be measured, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Subject {
    /// A daemon with so many floating IPs meets empty bridges
    Programming,
    /// One more association, asked at the socket
    Association,
    /// Associations of 64 clients at once
    Throughput,
    /// A switch comes back that still has everything
    Reconnect,
    /// What each association takes of the daemon's memory
    Memory,
    /// The daemon starts
    Start,
    /// Packets to a guest through its floating IP
    Datapath,
    /// What the datapath remembers of them
    Megaflows,
    /// A flood of ICMP errors that the daemon translates
    Icmp,
    /// Packets that many switches hand to the daemon
    Packets,
}

impl Subject {
    /// Its name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|own| own.get_name().to_owned()).unwrap_or_default()
    }

    /// Measures it. None where it says nothing with so many floating IPs.
    #[track_caller]
    pub(super) fn measure(self, stage: &mut Stage, effort: Effort) -> Vec<Row> {
        match self {
            Self::Association => association::measure(stage, effort),
            Self::Datapath => datapath::measure(stage, effort),
            Self::Megaflows => megaflows::measure(stage),
            Self::Icmp => vec![icmp_errors::measure(stage, effort)],
            _ if stage.size == 0 => Vec::new(),
            Self::Programming => vec![programming::measure(stage, effort)],
            Self::Throughput => throughput::measure(stage, effort),
            Self::Reconnect => vec![reconnect::measure(stage, effort)],
            Self::Memory => memory::measure(stage, effort),
            Self::Packets => packets::measure(stage, effort),
            Self::Start => vec![start::measure(stage, effort)],
        }
    }
}

/// How much is done for the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Enough to see that it works.
    Quick,
    /// Enough for figures.
    Full,
}

impl Effort {
    /// How often to do what takes longer with more floating IPs.
    fn rounds(self, size: u32) -> u32 {
        match self {
            Self::Quick => 1,
            Self::Full if size <= 1_000 => 7,
            Self::Full if size <= 10_000 => 5,
            Self::Full => 3,
        }
    }

    /// How often to do what takes an instant, and longer only with very many.
    fn instants(self, size: u32) -> u16 {
        match self {
            Self::Quick => 3,
            Self::Full if size <= 1_000 => 500,
            Self::Full if size <= 10_000 => 300,
            Self::Full => 100,
        }
    }

    /// One of two.
    fn of<T>(self, quick: T, full: T) -> T {
        if self == Self::Quick { quick } else { full }
    }
}
