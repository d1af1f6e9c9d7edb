//! Adds, changes and deletes meters: they bound how many packets, or kilobits, a second pass.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::wire::{Reader, put_padding, put_tlv};

const DROP: u16 = 1;

const WHAT: &str = "meter band";

/// What is done to the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeterCommand {
    /// Adds it; one that is there already is an error.
    Add,
    /// Changes it; one that is not there is an error.
    Modify,
    /// Deletes it, and every flow that goes through it.
    Delete,
}

/// What a meter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MeterFlags(pub u16);

impl MeterFlags {
    /// Kilobits a second.
    pub const KBPS: Self = Self(1);
    /// Packets a second.
    pub const PKTPS: Self = Self(1 << 1);
    /// Bands say how much a burst may be.
    pub const BURST: Self = Self(1 << 2);
    /// Packets and bytes are counted.
    pub const STATS: Self = Self(1 << 3);
}

/// What happens beyond a rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MeterBand {
    /// Packets are dropped.
    Drop {
        /// In the unit that the flags say.
        rate: u32,
        /// How much may pass at once.
        burst: u32,
    },
    /// A band that has no variant here, and that OVS refuses: its type, and what follows its length.
    Other(u16, Bytes),
}

/// Adds, changes or deletes a meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeterMod {
    /// What is done.
    pub command: MeterCommand,
    /// What the meter counts.
    pub flags: MeterFlags,
    /// Which meter.
    pub id: u32,
    /// What happens beyond which rate.
    pub bands: Vec<MeterBand>,
}

impl MeterMod {
    pub(super) fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u16(match self.command {
            MeterCommand::Add => 0,
            MeterCommand::Modify => 1,
            MeterCommand::Delete => 2,
        });
        out.put_u16(self.flags.0);
        out.put_u32(self.id);
        self.bands.iter().try_for_each(|band| match band {
            MeterBand::Drop { rate, burst } => put_tlv(out, WHAT, DROP, |out| {
                out.put_u32(*rate);
                out.put_u32(*burst);
                put_padding(out, 4);
                Ok(())
            }),
            MeterBand::Other(kind, body) => put_tlv(out, WHAT, *kind, |out| {
                out.put_slice(body);
                Ok(())
            }),
        })
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("meter mod", body);
        let command = match reader.u16()? {
            0 => MeterCommand::Add,
            1 => MeterCommand::Modify,
            2 => MeterCommand::Delete,
            other => return Err(DecodeError::BadValue { what: "meter mod command", value: other.into() }),
        };
        let (flags, id) = (MeterFlags(reader.u16()?), reader.u32()?);
        let mut bands = Vec::new();
        while !reader.is_empty() {
            let (kind, whole, mut band) = reader.tlv(WHAT)?;
            if !whole.len().is_multiple_of(8) {
                return Err(DecodeError::BadLength { what: WHAT, len: whole.len() });
            }
            bands.push(match kind {
                DROP => MeterBand::Drop { rate: band.u32()?, burst: band.u32()? },
                _ => MeterBand::Other(kind, band.to_bytes()),
            });
        }
        Ok(Self { command, flags, id, bands })
    }
}
