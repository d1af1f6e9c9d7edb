//! Which messages a switch sends unasked.

use bytes::{BufMut, BytesMut};

use super::codec_error::DecodeError;
use super::wire::Reader;

/// For each kind of message the reasons that it is sent for, as bits: first for a primary or equal controller, then for a
/// secondary one (OpenFlow 1.3.5, section 7.3.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsyncConfig {
    /// Reasons of packet-ins (OFPR_*).
    pub packet_in: [u32; 2],
    /// Reasons of port status messages (OFPPR_*).
    pub port_status: [u32; 2],
    /// Reasons of flow-removed messages (OFPRR_*).
    pub flow_removed: [u32; 2],
}

impl AsyncConfig {
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        for mask in [self.packet_in, self.port_status, self.flow_removed].into_iter().flatten() {
            out.put_u32(mask);
        }
    }

    pub(super) fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("async config", body);
        let mut masks = || Ok([reader.u32()?, reader.u32()?]);
        Ok(Self { packet_in: masks()?, port_status: masks()?, flow_removed: masks()? })
    }
}
