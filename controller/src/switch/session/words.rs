//! What the core and a session say to each other.

use std::time::Duration;

use buoy_flows::openflow::{
    ControllerRole, Features, FlowChange, FlowStats, FlowStatsRequest, MeterMod, PacketIn, PacketOut, Port, PortStatus,
};
use buoy_flows::pipeline::fence::Respondent;
use buoy_topology::Dialect;

use super::{BundleOutcome, FenceEnd, FlowMods};

/// What the core asks of a switch.
#[derive(Debug)]
pub enum Command {
    /// Report these flows, as [`Event::Flows`] and at last [`Event::DumpDone`].
    Dump(FlowStatsRequest),
    /// Apply these as one atomic bundle; [`Event::Bundle`] says how it ended.
    Bundle(FlowMods),
    /// Have these checked as one atomic bundle, and keep it until [`Command::Commit`] or [`Command::Discard`];
    /// [`Event::Bundle`] says how it ended. A switch that gets neither loses it after a while.
    Prepare(FlowMods),
    /// Commit the bundle that was prepared, as soon as it is checked.
    Commit,
    /// Give up the bundle that was prepared.
    Discard,
    /// Send packets, in this order.
    Packets(Vec<PacketOut>),
    /// Give the switch this meter. One that it has already is no mistake.
    Meter(MeterMod),
    /// Become the primary controller; [`Event::Role`] says when it is so.
    ClaimPrimary,
    /// Find out when the datapath has followed every change of before, by asking somebody; [`Event::Fenced`] says whether
    /// it has.
    Fence {
        /// Who is asked.
        asked: Respondent,
        /// How long it may take while answers come.
        patience: Duration,
        /// Whether the switch has meters.
        meters: bool,
    },
}

/// What a switch says that matters to the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// The handshake is over.
    Ready(Ready),
    /// A port came, went or changed.
    Port(PortStatus),
    /// A part of a dump.
    Flows(Vec<FlowStats>),
    /// The dump is complete.
    DumpDone,
    /// How a bundle ended.
    Bundle(BundleOutcome),
    /// Packets for the controller, in the order in which they came.
    Packets(Vec<PacketIn>),
    /// Somebody else changed flows.
    Changed(Vec<FlowChange>),
    /// Not every change by others is told: the switch has no flow monitor, or its monitor had paused.
    Unwatched {
        /// Whether changes from now on are told.
        is_over: bool,
    },
    /// The role that this controller has now.
    Role(ControllerRole),
    /// A fence is over.
    Fenced(FenceEnd),
}

/// What a switch says of itself in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Who it is.
    pub features: Features,
    /// Its ports.
    pub ports: Vec<Port>,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Whether it can have meters.
    pub meters: bool,
    /// Whether it can measure packets.
    pub measures: bool,
}
