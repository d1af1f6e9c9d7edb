//! What a switch says about itself after the hello.

use buoy_topology::DatapathId;
use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::{Reader, put_padding};

/// What a switch says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features {
    /// The bridge's id.
    pub datapath_id: DatapathId,
    /// How many packets it can hold back.
    pub n_buffers: u32,
    /// How many tables it has.
    pub n_tables: u8,
    /// 0 on the main connection.
    pub auxiliary_id: u8,
    /// Bits that say what it can do.
    pub capabilities: u32,
    /// Nothing.
    pub reserved: u32,
}

impl Features {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.put_u64(self.datapath_id.0);
        out.put_u32(self.n_buffers);
        out.put_u8(self.n_tables);
        out.put_u8(self.auxiliary_id);
        put_padding(out, 2);
        out.put_u32(self.capabilities);
        out.put_u32(self.reserved);
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("features reply", body);
        let datapath_id = DatapathId(reader.u64()?);
        let n_buffers = reader.u32()?;
        let n_tables = reader.u8()?;
        let auxiliary_id = reader.u8()?;
        reader.skip(2)?;
        let capabilities = reader.u32()?;
        let reserved = reader.u32()?;
        Ok(Self { datapath_id, n_buffers, n_tables, auxiliary_id, capabilities, reserved })
    }
}
