//! Why a connection ends.

use std::fmt;

use super::{ECHO_WAIT, HANDSHAKE, JOB_WAIT, WRITE_WAIT};

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say what each variant means")]
pub enum CloseReason {
    HandshakeTimeout,
    EchoTimeout,
    JobTimeout { job: &'static str },
    WriteTimeout,
    Flood,
    TooManyPorts,
    TooManyElections,
    Version { offered: u8 },
    BadMessage(String),
    NoDump { error: String },
    OtherDialect,
    Nameless,
    SameDatapath { datapath_id: String, bridge: String, host: String },
    Eof,
    Io(String),
    Shutdown,
    Replaced,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeTimeout => write!(f, "did not finish the handshake within {} s", HANDSHAKE.as_secs()),
            Self::EchoTimeout => write!(f, "did not answer an echo request within {} s", ECHO_WAIT.as_secs()),
            Self::JobTimeout { job } => write!(f, "did not answer {job} within {} s", JOB_WAIT.as_secs()),
            Self::WriteTimeout => write!(f, "did not read what it was sent for {} s", WRITE_WAIT.as_secs()),
            Self::Flood => f.write_str("asks for more answers than it reads"),
            Self::TooManyPorts => f.write_str("tells of more ports than there are numbers for"),
            Self::TooManyElections => f.write_str("refuses every claim to be primary as stale"),
            Self::Version { offered } => {
                write!(f, "speaks neither OpenFlow 1.3 nor 1.0 (offers up to 0x{offered:02x})")
            }
            Self::BadMessage(error) => write!(f, "sent what cannot be read: {error}"),
            Self::NoDump { error } => write!(f, "does not tell its flows: {error}"),
            Self::OtherDialect => f.write_str(
                "has flows of ours from OpenFlow 1.3, which OpenFlow 1.0 cannot delete: let it speak 1.3 again, or delete \
                 them (ovs-ofctl -O OpenFlow13 del-flows BRIDGE)",
            ),
            Self::Nameless => f.write_str("has no LOCAL port that names it"),
            Self::SameDatapath { datapath_id, bridge, host } => write!(
                f,
                "has datapath id {datapath_id} like {bridge} of host {host}: give one of them another \
                 (ovs-vsctl set bridge NAME other-config:datapath-id=ID)"
            ),
            Self::Eof => f.write_str("closed the connection"),
            Self::Io(error) => write!(f, "connection failed: {error}"),
            Self::Shutdown => f.write_str("the daemon is stopping"),
            Self::Replaced => f.write_str("connected anew"),
        }
    }
}
