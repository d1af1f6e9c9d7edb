//! Numbers that several messages share.

use std::fmt;

use buoy_topology::PortNo;

use super::codec_error::EncodeError;

/// Whatever the controller writes into a flow to know it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(pub u64);

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The number of a flow table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u8);

impl TableId {
    /// Every table in a delete or a dump (OFPTT_ALL), the current one in a resubmit.
    pub const ALL: Self = Self(0xff);
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Names a packet that the switch holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferId(pub u32);

impl BufferId {
    /// No packet is held back (OFP_NO_BUFFER): OVS never holds one.
    pub const NONE: Self = Self(0xffff_ffff);
}

impl Default for BufferId {
    fn default() -> Self {
        Self::NONE
    }
}

/// Every group, in a filter (OFPG_ANY).
pub const ANY_GROUP: u32 = 0xffff_ffff;

/// How long a flow has been in the switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowDuration {
    /// Whole seconds.
    pub seconds: u32,
    /// Nanoseconds beyond them.
    pub nanoseconds: u32,
}

impl fmt::Display for FlowDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, nanoseconds } = *self;
        match nanoseconds {
            0 => write!(f, "{seconds}s"),
            _ if nanoseconds % 1_000_000 == 0 => write!(f, "{seconds}.{:03}s", nanoseconds / 1_000_000),
            _ => write!(f, "{seconds}.{nanoseconds:09}s"),
        }
    }
}

/// Ports in 16 bits, as Nicira's actions and fields have them; the reserved ones are at the top in both.
pub(super) trait Narrow {
    /// The port in 16 bits; fails where it has none.
    fn narrow(self) -> Result<u16, EncodeError>;
}

impl Narrow for PortNo {
    fn narrow(self) -> Result<u16, EncodeError> {
        let low = match self {
            Self(number @ 0..0xff00) => number,
            Self(number @ 0xffff_ff00..) => number & 0xffff,
            _ => return Err(EncodeError::Unencodable { what: "port above 16 bits" }),
        };
        u16::try_from(low).map_err(|_| EncodeError::Unencodable { what: "port above 16 bits" })
    }
}
