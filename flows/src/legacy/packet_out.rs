//! A packet that the controller hands to the switch.

use bytes::Bytes;

use super::action::Action;
use super::port;
use crate::openflow::{self, BufferId, EncodeError};

/// A packet that the controller hands to the switch, in words that 1.0 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketOut {
    /// The port that it shall seem to come in on; OFPP_NONE is none.
    pub in_port: u16,
    /// What is done to it.
    pub actions: Vec<Action>,
    /// The packet, from its Ethernet header on.
    pub frame: Bytes,
}

impl TryFrom<&openflow::PacketOut> for PacketOut {
    type Error = EncodeError;

    fn try_from(packet: &openflow::PacketOut) -> Result<Self, EncodeError> {
        if packet.buffer_id != BufferId::NONE {
            return Err(EncodeError::Unencodable { what: "packet that the switch holds back" });
        }
        let actions = Action::list_from(&packet.actions)?;
        Ok(Self { in_port: port::narrow(packet.in_port)?, actions, frame: packet.frame.clone() })
    }
}
