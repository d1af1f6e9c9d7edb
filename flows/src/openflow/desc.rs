//! Who made a switch, and which version it runs.

use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::Reader;

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
            manufacturer: read_text(reader, 256)?,
            hardware: read_text(reader, 256)?,
            software: read_text(reader, 256)?,
            serial: read_text(reader, 32)?,
            datapath: read_text(reader, 256)?,
        })
    }
}

/// Writes a text into `len` bytes, cut so that a zero byte follows it.
fn put_text(out: &mut BytesMut, text: &str, len: usize) {
    let text: Vec<u8> = text.bytes().chain(std::iter::repeat(0)).take(len - 1).collect();
    out.put_slice(&text);
    out.put_u8(0);
}

fn read_text(reader: &mut Reader<'_>, len: usize) -> Result<String, DecodeError> {
    let text = reader.bytes(len)?.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}
