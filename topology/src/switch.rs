//! Bridges and ports as their switches report them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MacAddr, PortName};

/// An OpenFlow datapath id, printed as OVS prints it: 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatapathId(pub u64);

impl fmt::Display for DatapathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DatapathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An OpenFlow 1.3 port number (32 bits; the reserved ones are at the top).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortNo(pub u32);

impl PortNo {
    /// The highest number that a real port can have (OFPP_MAX).
    pub const MAX: Self = Self(0xffff_ff00);
    /// The port that the packet came in on (OFPP_IN_PORT).
    pub const IN_PORT: Self = Self(0xffff_fff8);
    /// The flow tables, for a packet of the controller's own (OFPP_TABLE).
    pub const TABLE: Self = Self(0xffff_fff9);
    /// OVS's or a switch's own L2 forwarding (OFPP_NORMAL).
    pub const NORMAL: Self = Self(0xffff_fffa);
    /// All ports but the one that the packet came in on (OFPP_FLOOD).
    pub const FLOOD: Self = Self(0xffff_fffb);
    /// Every port (OFPP_ALL).
    pub const ALL: Self = Self(0xffff_fffc);
    /// The controller (OFPP_CONTROLLER).
    pub const CONTROLLER: Self = Self(0xffff_fffd);
    /// The bridge's own port, the host (OFPP_LOCAL).
    pub const LOCAL: Self = Self(0xffff_fffe);
    /// No port, any port (OFPP_ANY).
    pub const ANY: Self = Self(0xffff_ffff);
}

impl fmt::Display for PortNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IN_PORT => f.pad("IN_PORT"),
            Self::TABLE => f.pad("TABLE"),
            Self::NORMAL => f.pad("NORMAL"),
            Self::FLOOD => f.pad("FLOOD"),
            Self::ALL => f.pad("ALL"),
            Self::CONTROLLER => f.pad("CONTROLLER"),
            Self::LOCAL => f.pad("LOCAL"),
            Self::ANY => f.pad("ANY"),
            Self(number) => fmt::Display::fmt(&number, f),
        }
    }
}

impl fmt::Debug for PortNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host that a bridge belongs to: all bridges that connect from one peer address, or over unix sockets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostName(pub std::sync::Arc<str>);

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The version of OpenFlow that is spoken with a bridge, and with it the form that its flows have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// 1.3 with OVS's extensions: a pipeline of many tables.
    OpenFlow13,
    /// 1.0, where a bridge offers nothing newer: one table.
    OpenFlow10,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenFlow13 => "OpenFlow 1.3",
            Self::OpenFlow10 => "OpenFlow 1.0",
        })
    }
}

/// A bridge as its switch reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its datapath id.
    pub datapath_id: DatapathId,
    /// The host that it is on.
    pub host: HostName,
    /// Its name: that of its LOCAL port.
    pub name: PortName,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Whether it has meters, which bound how often it asks the controller.
    pub meters: bool,
    /// Whether it can measure packets (check_pkt_larger).
    pub measures: bool,
    /// Whether its datapath has a connection tracker; taken for granted until it refuses a flow for want of one.
    pub tracks: bool,
    /// Its ports by name, LOCAL among them under the bridge's name.
    pub ports: BTreeMap<PortName, Port>,
}

impl Bridge {
    /// The bridge's own port, the host.
    pub fn local(&self) -> Option<Port> {
        self.ports.get(&self.name).copied().filter(|port| port.number == PortNo::LOCAL)
    }

    /// The port with this name.
    pub fn port(&self, name: &PortName) -> Option<Port> {
        self.ports.get(name).copied()
    }
}

/// A port of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its OpenFlow number.
    pub number: PortNo,
    /// Its MAC.
    pub mac: MacAddr,
}
