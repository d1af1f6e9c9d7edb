//! Which flows a switch has: the question, and the answer's lines.

use bytes::{BufMut, BytesMut};

use super::action::Action;
use super::matching::Match;
use crate::openflow::wire::{Reader, patch_len, put_padding};
use crate::openflow::{
    Cookie, DecodeError, EncodeError, FlowDuration, FlowModFlags, FlowStats, TableId, VERSION_1_0, Xid,
};

const WHAT: &str = "flow stats";

/// OFPST_FLOW, in requests and replies.
pub(super) const KIND: u16 = 1;

const STATS_REQUEST: u8 = 16;
const EVERY_TABLE: u8 = 0xff;
/// OFPP_NONE: whatever port a flow outputs to.
const EVERY_PORT: u16 = 0xffff;

/// Asks for every flow. rust_ofp has no statistics, so this is written here.
pub(super) fn request(xid: Xid, out: &mut BytesMut) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_u8(VERSION_1_0);
    out.put_u8(STATS_REQUEST);
    out.put_u16(0);
    out.put_u32(xid.0);
    out.put_u16(KIND);
    out.put_u16(0);
    out.put_u32(Match::EVERYTHING);
    put_padding(out, Match::LEN - 4);
    out.put_u8(EVERY_TABLE);
    put_padding(out, 1);
    out.put_u16(EVERY_PORT);
    let len = out.len() - start;
    patch_len(out, "statistics request", start + 2, len)
}

/// Reads the lines of one message of the answer.
pub(super) fn read_all(body: &[u8]) -> Result<Vec<FlowStats>, DecodeError> {
    let mut reader = Reader::new(WHAT, body);
    let mut flows = Vec::new();
    while !reader.is_empty() {
        flows.push(read(&mut reader)?);
    }
    Ok(flows)
}

fn read(reader: &mut Reader<'_>) -> Result<FlowStats, DecodeError> {
    let len = usize::from(Reader::new(WHAT, reader.rest()).u16()?);
    if len < 2 {
        return Err(DecodeError::BadLength { what: WHAT, len });
    }
    let mut flow = Reader::new(WHAT, reader.bytes(len)?);
    flow.skip(2)?;
    let table = TableId(flow.u8()?);
    flow.skip(1)?;
    let matching = (&Match::read(&mut flow)?).into();
    let duration = FlowDuration { seconds: flow.u32()?, nanoseconds: flow.u32()? };
    let priority = flow.u16()?;
    let idle_timeout = flow.u16()?;
    let hard_timeout = flow.u16()?;
    flow.skip(6)?;
    let cookie = Cookie(flow.u64()?);
    let packet_count = flow.u64()?;
    let byte_count = flow.u64()?;
    let instructions = Action::to_instructions(&Action::read_list(flow.rest())?);
    Ok(FlowStats {
        table,
        duration,
        priority,
        idle_timeout,
        hard_timeout,
        flags: FlowModFlags::NONE,
        cookie,
        packet_count,
        byte_count,
        matching,
        instructions,
    })
}
