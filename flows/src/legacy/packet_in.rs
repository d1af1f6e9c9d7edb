//! A packet that the switch hands to the controller.

use super::port;
use crate::openflow::wire::Reader;
use crate::openflow::{BufferId, Cookie, DecodeError, Match, MatchField, PacketIn, PacketInReason, TableId};

/// Reads a packet-in. 1.0 does not say which flow sent it: table and cookie are 0.
pub(super) fn read(body: &[u8]) -> Result<PacketIn, DecodeError> {
    let mut reader = Reader::new("packet-in", body);
    let buffer_id = BufferId(reader.u32()?);
    let total_len = reader.u16()?;
    let matching = Match::new().with(MatchField::InPort(port::widen(reader.u16()?)));
    let reason = PacketInReason::from(reader.u8()?);
    reader.skip(1)?;
    let frame = reader.to_bytes();
    Ok(PacketIn { buffer_id, total_len, reason, table: TableId(0), cookie: Cookie(0), matching, frame })
}
