//! Who made a switch, and which version it runs.

use bytes::BytesMut;

use super::codec_error::DecodeError;
use super::wire::{Reader, put_text};

/// Who made the switch, as texts that end at their first zero byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Desc {
    /// The maker (256 bytes).
    pub manufacturer: String,
    /// The hardware (256 bytes).
    pub hardware: String,
    /// The software and its version (256 bytes).
    pub software: String,
    /// The serial number (32 bytes).
    pub serial: String,
    /// The datapath's description (256 bytes).
    pub datapath: String,
}

impl Desc {
    pub(super) fn put(&self, out: &mut BytesMut) {
        put_text(out, &self.manufacturer, 256);
        put_text(out, &self.hardware, 256);
        put_text(out, &self.software, 256);
        put_text(out, &self.serial, 32);
        put_text(out, &self.datapath, 256);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            manufacturer: reader.text(256)?,
            hardware: reader.text(256)?,
            software: reader.text(256)?,
            serial: reader.text(32)?,
            datapath: reader.text(256)?,
        })
    }
}
