//! Which of several controllers may change a switch.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::DecodeError;
use super::vendor::ONF;
use super::wire::{Reader, put_padding};

pub(super) const ROLE_STATUS: u32 = 1911;

/// What a controller is to a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControllerRole {
    /// Asks what it is.
    NoChange,
    /// One of several that may all change it: what every controller is at first.
    Equal,
    /// The only one that may change it.
    Primary,
    /// One that may only look.
    Secondary,
}

impl ControllerRole {
    const fn number(self) -> u32 {
        match self {
            Self::NoChange => 0,
            Self::Equal => 1,
            Self::Primary => 2,
            Self::Secondary => 3,
        }
    }

    fn read(number: u32) -> Result<Self, DecodeError> {
        Ok(match number {
            0 => Self::NoChange,
            1 => Self::Equal,
            2 => Self::Primary,
            3 => Self::Secondary,
            _ => return Err(DecodeError::BadValue { what: "controller role", value: number.into() }),
        })
    }
}

/// Asks for a role, or says which one was given (OpenFlow 1.3.5, section 7.3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// The role.
    pub role: ControllerRole,
    /// Grows with each election; the switch refuses an older one. All ones where there was none.
    pub generation_id: u64,
}

impl Role {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u32(self.role.number());
        put_padding(out, 4);
        out.put_u64(self.generation_id);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("role", body);
        let role = ControllerRole::read(reader.u32()?)?;
        reader.skip(4)?;
        Ok(Self { role, generation_id: reader.u64()? })
    }
}

/// Tells a controller that its role changed because of another one (ONF extension 191 for 1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleStatus {
    /// Its role now.
    pub role: ControllerRole,
    /// Why: 0 for another primary, 1 for the switch's configuration, 2 for an experimenter's reason.
    pub reason: u8,
    /// The generation of the election.
    pub generation_id: u64,
    /// Further properties, as they are on the wire; OVS has none.
    pub properties: Bytes,
}

impl RoleStatus {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u32(ONF);
        out.put_u32(ROLE_STATUS);
        out.put_u32(self.role.number());
        out.put_u8(self.reason);
        put_padding(out, 3);
        out.put_u64(self.generation_id);
        out.put_slice(&self.properties);
    }

    /// Reads what follows vendor and message type.
    pub(super) fn decode_rest(rest: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("role status", rest);
        let role = ControllerRole::read(reader.u32()?)?;
        let reason = reader.u8()?;
        reader.skip(3)?;
        Ok(Self { role, reason, generation_id: reader.u64()?, properties: reader.to_bytes() })
    }
}
