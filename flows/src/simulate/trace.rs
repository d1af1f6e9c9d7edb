//! What is told of a packet: the stages that it met, and where it and its copies ended.

use std::sync::Arc;

use buoy_topology::{PortName, PortNo};
use thiserror::Error;

use super::entry::Entry;
use super::headers::Headers;
use crate::openflow::{PacketInReason, TableId};
use crate::pipeline::DropReason;

/// What happened to a packet.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The lookups, in their order.
    pub stages: Vec<Stage>,
    /// Where the packet and its copies ended, in their order.
    pub ends: Vec<End>,
}

/// One lookup in a table.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The bridge.
    pub bridge: PortName,
    /// The table.
    pub table: TableId,
    /// The flow that took the packet; none where none did.
    pub flow: Option<Arc<Entry>>,
    /// What it did, but for what is an end.
    pub effects: Vec<Effect>,
}

/// What a flow did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A field of the packet has another value now; registers, metadata and the ingress port are not told.
    Changed {
        /// The field, in ovs-ofctl's words.
        field: String,
        /// The value, in the same.
        value: String,
    },
    /// The time to live counted down to this.
    TtlDown(u8),
    /// It got a VLAN tag.
    Tagged,
    /// It lost its VLAN tag.
    Untagged,
    /// It goes on in a table.
    Goes(TableId),
    /// It goes through a patch port to another bridge.
    Crosses {
        /// The patch port.
        port: PortNo,
        /// The other bridge.
        bridge: PortName,
    },
    /// The connection tracker looked at it.
    Tracked(Box<Tracked>),
    /// Its length was looked at.
    Measured {
        /// The bytes that it has, from its Ethernet header on.
        length: usize,
        /// The bytes that it may have.
        most: u16,
    },
    /// It passed a meter, which may drop what is too much.
    Metered(u32),
}

/// What the connection tracker made of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Its headers as it came.
    pub before: Headers,
    /// Its headers as it goes on, with what is known of its connection (`ct_state`).
    pub after: Headers,
    /// It would have begun a connection, but there is no address and port left for it.
    pub is_exhausted: bool,
}

/// The end of a packet, or of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// In which of the stages.
    pub stage: usize,
    /// The bridge.
    pub bridge: PortName,
    /// How.
    pub outcome: Outcome,
}

/// How a packet, or a copy, ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It leaves by a port.
    Sent {
        /// The port.
        port: PortNo,
        /// The bytes as sent.
        frame: Vec<u8>,
    },
    /// It goes to the controller.
    Controller {
        /// Why.
        reason: PacketInReason,
        /// The meter that it passes on the way; 0 for none.
        meter: u32,
        /// The bytes as sent.
        frame: Vec<u8>,
    },
    /// It is dropped.
    Dropped(Cause),
    /// It is a fragment, and the connection tracker keeps it until the others of its packet are there.
    Held,
    /// It meets something that the simulator does not know: where it ends is not said.
    Unjudged(String),
}

/// Why a packet is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Cause {
    /// A flow of ours that drops, and names its reason.
    #[error("{}", .0.text())]
    Named(DropReason),
    /// A flow that does nothing, of somebody else or without a reason.
    #[error("a flow that does nothing with it")]
    Silent,
    /// The table has no flow that takes it.
    #[error("no flow of the table takes it")]
    NoFlow,
    /// It would leave by the port that it came in on, which OVS does not do.
    #[error("it would leave by the port that it came in on")]
    IngressPort,
    /// It would leave by a port that is not there.
    #[error("there is no port {0}")]
    NoPort(PortNo),
    /// More than [`MOST_NESTED`] lookups one inside the other.
    #[error("more than {MOST_NESTED} lookups one inside the other")]
    TooDeep,
    /// More than [`MOST_LOOKUPS`] lookups.
    #[error("more than {MOST_LOOKUPS} lookups")]
    TooMany,
}

/// OVS's limit of lookups for one packet (MAX_RESUBMITS).
pub const MOST_LOOKUPS: u32 = 4_096;
/// OVS's limit of lookups one inside the other (MAX_DEPTH).
pub const MOST_NESTED: u32 = 64;

impl Trace {
    /// What leaves by a port: bridge, port, bytes.
    pub fn sent(&self) -> impl Iterator<Item = (&PortName, PortNo, &[u8])> {
        self.ends.iter().filter_map(|end| match &end.outcome {
            Outcome::Sent { port, frame } => Some((&end.bridge, *port, &**frame)),
            _ => None,
        })
    }

    /// Why it was dropped, where it or a copy was.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.ends.iter().filter_map(|end| match &end.outcome {
            Outcome::Dropped(cause) => Some(cause),
            _ => None,
        })
    }

    /// The end that says most of the packet: where it left, else why it was dropped, else that only a copy for the
    /// controller is left of it. None where nothing was sent in.
    pub fn verdict(&self) -> Option<&End> {
        self.ends.iter().min_by_key(|end| match end.outcome {
            Outcome::Unjudged(_) => 0,
            Outcome::Sent { .. } => 1,
            Outcome::Dropped(_) => 2,
            Outcome::Held => 3,
            Outcome::Controller { .. } => 4,
        })
    }
}
