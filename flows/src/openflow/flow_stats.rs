//! Which flows a switch has: the question and one line of the answer.

use buoy_topology::PortNo;
use bytes::{BufMut, Bytes, BytesMut};

use super::codec_error::{DecodeError, EncodeError};
use super::flow_mod::FlowModFlags;
use super::instruction::Instruction;
use super::number::{ANY_GROUP, Cookie, FlowDuration, TableId};
use super::oxm::{Masked, Match, MatchField};
use super::wire::{Reader, patch_len, put_padding};

const WHAT: &str = "flow stats";
/// The VLAN tag as a whole, priority included.
const NXM_VLAN_TCI: u32 = 0x0000_0802;

/// Asks for the flows that pass every filter; by default for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowStatsRequest {
    /// The table; [`TableId::ALL`] for every one.
    pub table: TableId,
    /// Flows that output to this port.
    pub out_port: PortNo,
    /// Flows that output to this group.
    pub out_group: u32,
    /// What the flow's cookie must be under the mask.
    pub cookie: Cookie,
    /// Which bits of the cookie count.
    pub cookie_mask: Cookie,
    /// Flows that match at least this.
    pub matching: Match,
}

impl Default for FlowStatsRequest {
    fn default() -> Self {
        Self {
            table: TableId::ALL,
            out_port: PortNo::ANY,
            out_group: ANY_GROUP,
            cookie: Cookie(0),
            cookie_mask: Cookie(0),
            matching: Match::new(),
        }
    }
}

impl FlowStatsRequest {
    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        out.put_u8(self.table.0);
        put_padding(out, 3);
        out.put_u32(self.out_port.0);
        out.put_u32(self.out_group);
        put_padding(out, 4);
        out.put_u64(self.cookie.0);
        out.put_u64(self.cookie_mask.0);
        self.matching.put(out)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let table = TableId(reader.u8()?);
        reader.skip(3)?;
        let out_port = PortNo(reader.u32()?);
        let out_group = reader.u32()?;
        reader.skip(4)?;
        let cookie = Cookie(reader.u64()?);
        let cookie_mask = Cookie(reader.u64()?);
        let matching = Match::read(reader)?;
        Ok(Self { table, out_port, out_group, cookie, cookie_mask, matching })
    }
}

/// One flow of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowStats {
    /// Its table.
    pub table: TableId,
    /// How long it has been there.
    pub duration: FlowDuration,
    /// Its priority.
    pub priority: u16,
    /// It goes after so many seconds without a packet; 0 for never.
    pub idle_timeout: u16,
    /// It goes after so many seconds; 0 for never.
    pub hard_timeout: u16,
    /// How it behaves.
    pub flags: FlowModFlags,
    /// Its cookie.
    pub cookie: Cookie,
    /// The packets that matched.
    pub packet_count: u64,
    /// The bytes in them.
    pub byte_count: u64,
    /// Which packets.
    pub matching: Match,
    /// What is done with them.
    pub instructions: Vec<Instruction>,
}

impl FlowStats {
    /// The match that names the flow in a flow mod. OVS lets a flow that was added in OpenFlow 1.0 for packets without a
    /// tag ask for the whole VLAN field, and reports it in 1.3 as one that asks for the id: as such it is not found.
    pub fn name(&self) -> Match {
        let untagged = MatchField::VlanVid(0.into());
        if !self.flags.contains(FlowModFlags::RESET_COUNTS) || !self.matching.fields().contains(&untagged) {
            return self.matching.clone();
        }
        let open = MatchField::VlanVid(Masked::new(0, 0));
        let (header, value) = (NXM_VLAN_TCI, Bytes::from_static(&[0, 0]));
        let whole = MatchField::Other { header, experimenter: None, value, mask: None };
        self.matching.clone().with(open).with(whole)
    }

    pub(super) fn put(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let start = out.len();
        put_padding(out, 2);
        out.put_u8(self.table.0);
        put_padding(out, 1);
        out.put_u32(self.duration.seconds);
        out.put_u32(self.duration.nanoseconds);
        out.put_u16(self.priority);
        out.put_u16(self.idle_timeout);
        out.put_u16(self.hard_timeout);
        out.put_u16(self.flags.0);
        put_padding(out, 4);
        out.put_u64(self.cookie.0);
        out.put_u64(self.packet_count);
        out.put_u64(self.byte_count);
        self.matching.put(out)?;
        Instruction::encode_list(&self.instructions, out)?;
        let len = out.len() - start;
        patch_len(out, WHAT, start, len)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = usize::from(Reader::new(WHAT, reader.rest()).u16()?);
        if len < 2 {
            return Err(DecodeError::BadLength { what: WHAT, len });
        }
        let mut flow = Reader::new(WHAT, Reader::new(WHAT, reader.rest()).bytes(len)?);
        reader.skip(len)?;
        flow.skip(2)?;
        let table = TableId(flow.u8()?);
        flow.skip(1)?;
        let duration = FlowDuration { seconds: flow.u32()?, nanoseconds: flow.u32()? };
        let priority = flow.u16()?;
        let idle_timeout = flow.u16()?;
        let hard_timeout = flow.u16()?;
        let flags = FlowModFlags(flow.u16()?);
        flow.skip(4)?;
        let cookie = Cookie(flow.u64()?);
        let packet_count = flow.u64()?;
        let byte_count = flow.u64()?;
        let matching = Match::read(&mut flow)?;
        let instructions = Instruction::decode_list(flow.rest())?;
        Ok(Self {
            table,
            duration,
            priority,
            idle_timeout,
            hard_timeout,
            flags,
            cookie,
            packet_count,
            byte_count,
            matching,
            instructions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKey;

    #[test]
    fn a_flow_added_in_1_0_is_named_by_the_whole_tag() {
        let untagged: Match = [MatchField::EthType(0x0806), MatchField::VlanVid(0.into())].into_iter().collect();
        let mut stats = FlowStats {
            table: TableId(0),
            duration: FlowDuration::default(),
            priority: 7,
            idle_timeout: 0,
            hard_timeout: 0,
            flags: FlowModFlags::NONE,
            cookie: Cookie(0),
            packet_count: 0,
            byte_count: 0,
            matching: untagged.clone(),
            instructions: Vec::new(),
        };
        assert_eq!(stats.name(), untagged);
        stats.flags = FlowModFlags::RESET_COUNTS;
        let name = stats.name();
        let mut bytes = Vec::new();
        name.encode_oxm(&mut bytes);
        assert_eq!(bytes, [0x80, 0, 0x0a, 2, 8, 6, 0, 0, 8, 2, 0, 0]);
        assert_eq!(FlowKey::of(stats.table, stats.priority, &name).parts(), Ok((stats.table, stats.priority, name)));
    }
}
