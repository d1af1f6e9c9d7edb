//! Word that a flow went which had asked for it.

use super::matching::Match;
use crate::openflow::wire::Reader;
use crate::openflow::{Cookie, DecodeError, FlowDuration, FlowRemoved, FlowRemovedReason, TableId};

/// Reads it. 1.0 says neither the table nor the hard timeout.
pub(super) fn read(body: &[u8]) -> Result<FlowRemoved, DecodeError> {
    let mut reader = Reader::new("flow removed", body);
    let matching = (&Match::read(&mut reader)?).into();
    let cookie = Cookie(reader.u64()?);
    let priority = reader.u16()?;
    let reason = FlowRemovedReason::from(reader.u8()?);
    reader.skip(1)?;
    let duration = FlowDuration { seconds: reader.u32()?, nanoseconds: reader.u32()? };
    let idle_timeout = reader.u16()?;
    reader.skip(2)?;
    let packet_count = reader.u64()?;
    let byte_count = reader.u64()?;
    Ok(FlowRemoved {
        cookie,
        priority,
        reason,
        table: TableId(0),
        duration,
        idle_timeout,
        hard_timeout: 0,
        packet_count,
        byte_count,
        matching,
    })
}
