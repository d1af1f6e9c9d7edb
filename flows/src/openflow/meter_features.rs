//! How many meters a switch can have.

use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::{Reader, put_padding};

/// What a switch's meters can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MeterFeatures {
    /// How many meters there can be; 0 where it has none.
    pub max_meter: u32,
    /// The types of bands, as bits.
    pub band_types: u32,
    /// What they can count, as bits of the meter flags.
    pub capabilities: u32,
    /// Bands of one meter.
    pub max_bands: u8,
    /// Colours that bands can tell apart.
    pub max_color: u8,
}

impl MeterFeatures {
    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u32(self.max_meter);
        out.put_u32(self.band_types);
        out.put_u32(self.capabilities);
        out.put_u8(self.max_bands);
        out.put_u8(self.max_color);
        put_padding(out, 2);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            max_meter: reader.u32()?,
            band_types: reader.u32()?,
            capabilities: reader.u32()?,
            max_bands: reader.u8()?,
            max_color: reader.u8()?,
        })
    }
}
