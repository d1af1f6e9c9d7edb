//! Numbers that a switch gives: datapath ids and port numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

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
