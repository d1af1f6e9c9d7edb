//! Packets to a certain controller, with data for it or held until it lets them go on.

use bytes::{Bytes, BytesMut};

use crate::openflow::codec_error::{DecodeError, EncodeError};
use crate::openflow::packet_in::PacketInReason;
use crate::openflow::wire::{Reader, padding_to_8, put_padding, put_property};

const MAX_LEN: u16 = 0;
const CONTROLLER_ID: u16 = 1;
const REASON: u16 = 2;
const USERDATA: u16 = 3;
const PAUSE: u16 = 4;
const METER_ID: u16 = 5;

const WHAT: &str = "controller action property";

/// Sends the packet to a controller (NXAST_CONTROLLER2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    /// How many bytes of the packet.
    pub max_len: u16,
    /// The controller's id; 0 for every one that did not choose another.
    pub controller_id: u16,
    /// The reason that the packet-in gives.
    pub reason: PacketInReason,
    /// What comes with the packet-in.
    pub userdata: Bytes,
    /// Whether the packet waits in the switch until the controller lets it go on.
    pub pause: bool,
    /// The meter that the packet goes through; 0 for none.
    pub meter: u32,
}

/// The whole packet to every controller that did not choose an id.
impl Default for Controller {
    fn default() -> Self {
        Self {
            max_len: u16::MAX,
            controller_id: 0,
            reason: PacketInReason::Action,
            userdata: Bytes::new(),
            pause: false,
            meter: 0,
        }
    }
}

impl Controller {
    /// Writes what differs from the default.
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_padding(out, 6);
        if self.max_len != u16::MAX {
            put_number(out, MAX_LEN, self.max_len)?;
        }
        if self.controller_id != 0 {
            put_number(out, CONTROLLER_ID, self.controller_id)?;
        }
        if self.reason != PacketInReason::Action {
            put_property(out, WHAT, REASON, &[self.reason.number()])?;
        }
        if !self.userdata.is_empty() {
            put_property(out, WHAT, USERDATA, &self.userdata)?;
        }
        if self.pause {
            put_property(out, WHAT, PAUSE, &[])?;
        }
        if self.meter != 0 {
            put_property(out, WHAT, METER_ID, &self.meter.to_be_bytes())?;
        }
        Ok(())
    }

    pub(super) fn read(mut body: Reader<'_>) -> Result<Self, DecodeError> {
        let mut action = Self::default();
        body.skip(6)?;
        while !body.is_empty() {
            let (kind, whole, mut value) = body.tlv(WHAT)?;
            match kind {
                MAX_LEN => action.max_len = value.u16()?,
                CONTROLLER_ID => action.controller_id = value.u16()?,
                REASON => action.reason = PacketInReason::from(value.u8()?),
                USERDATA => action.userdata = value.to_bytes(),
                PAUSE => action.pause = true,
                METER_ID => action.meter = value.u32()?,
                _ => return Err(DecodeError::BadValue { what: WHAT, value: kind.into() }),
            }
            body.skip(padding_to_8(whole.len()))?;
        }
        Ok(action)
    }
}

/// Writes a property of 16 bits, whose padding its length counts.
fn put_number(out: &mut BytesMut, kind: u16, number: u16) -> Result<(), EncodeError> {
    let [high, low] = number.to_be_bytes();
    put_property(out, WHAT, kind, &[high, low, 0, 0])
}
