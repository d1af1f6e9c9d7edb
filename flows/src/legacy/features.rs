//! What a switch says about itself, its ports among it.

use buoy_topology::DatapathId;

use super::port;
use crate::openflow::wire::Reader;
use crate::openflow::{DecodeError, Features, Port};

/// Reads a features reply. The bits that say which actions the switch knows are left out: it refuses the others.
pub(super) fn read(body: &[u8]) -> Result<(Features, Vec<Port>), DecodeError> {
    let mut reader = Reader::new("features reply", body);
    let datapath_id = DatapathId(reader.u64()?);
    let n_buffers = reader.u32()?;
    let n_tables = reader.u8()?;
    reader.skip(3)?;
    let capabilities = reader.u32()?;
    reader.skip(4)?;
    let mut ports = Vec::new();
    while !reader.is_empty() {
        ports.push(port::read(&mut reader)?);
    }
    Ok((Features { datapath_id, n_buffers, n_tables, auxiliary_id: 0, capabilities, reserved: 0 }, ports))
}
