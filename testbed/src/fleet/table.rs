//! The flows of a fake switch: what flow mods make of them, and what a dump tells.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use buoy_flows::flow::FlowKey;
use buoy_flows::openflow::{
    ANY_GROUP, Cookie, FlowDuration, FlowMod, FlowModCommand, FlowStats, FlowStatsRequest, Match, Message, TableId, Xid,
};
use buoy_topology::PortNo;
use bytes::BytesMut;

/// The flows by their identity, each as the message that made it.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<FlowKey, Box<[u8]>>,
}

impl Table {
    /// Whether a flow mod is one that [`Table::apply`] knows to do: what the daemon sends, and nothing besides.
    pub fn can(flow_mod: &FlowMod) -> bool {
        let is_strict = matches!(
            flow_mod.command,
            FlowModCommand::Add | FlowModCommand::ModifyStrict | FlowModCommand::DeleteStrict
        );
        let takes_every_output = (flow_mod.out_port, flow_mod.out_group) == (PortNo::ANY, ANY_GROUP);
        is_strict && takes_every_output && flow_mod.table != TableId::ALL
    }

    /// Does a flow mod.
    pub fn apply(&mut self, flow_mod: &FlowMod) -> Result<()> {
        let key = FlowKey::of(flow_mod.table, flow_mod.priority, &flow_mod.matching);
        let is_meant = |cookie: Cookie| (cookie.0 ^ flow_mod.cookie.0) & flow_mod.cookie_mask.0 == 0;
        match flow_mod.command {
            FlowModCommand::DeleteStrict => {
                if let Some(row) = self.rows.get(&key)
                    && is_meant(decode(row)?.cookie)
                {
                    self.rows.remove(&key);
                }
            }
            FlowModCommand::ModifyStrict => {
                let Some(row) = self.rows.get_mut(&key) else { return Ok(()) };
                let old = decode(row)?;
                if is_meant(old.cookie) {
                    *row = encode(FlowMod { instructions: flow_mod.instructions.clone(), ..old })?;
                }
            }
            _ => {
                self.rows.insert(key, encode(flow_mod.clone())?);
            }
        }
        Ok(())
    }

    /// What a dump tells, in parts that each fit into a message. There is at least one.
    pub fn dump(&self, request: &FlowStatsRequest) -> Result<Vec<Vec<FlowStats>>> {
        let mut parts = vec![Vec::new()];
        for row in self.rows.values() {
            let flow = decode(row)?;
            let is_asked = (flow.cookie.0 ^ request.cookie.0) & request.cookie_mask.0 == 0
                && [TableId::ALL, flow.table].contains(&request.table);
            if !is_asked {
                continue;
            }
            if parts.last().is_none_or(|part| part.len() >= PART) {
                parts.push(Vec::with_capacity(PART));
            }
            parts.last_mut().context("there is a part")?.push(stats(flow));
        }
        Ok(parts)
    }

    /// Whether a dump can be asked so.
    pub fn can_tell(request: &FlowStatsRequest) -> bool {
        (request.out_port, request.out_group) == (PortNo::ANY, ANY_GROUP) && request.matching == Match::new()
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no flow.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The flows in ovs-ofctl's words.
    pub fn texts(&self) -> Result<Vec<String>> {
        let plain = |row: &[u8]| decode(row).map(|own| FlowMod { command: FlowModCommand::Add, ..own }.to_string());
        self.rows.values().map(|row| plain(row)).collect()
    }

    /// Takes all flows away, as a loss of power does.
    pub fn clear(&mut self) {
        self.rows.clear();
    }
}

fn encode(flow_mod: FlowMod) -> Result<Box<[u8]>> {
    let mut out = BytesMut::with_capacity(256);
    Message::FlowMod(flow_mod).encode(Xid(0), &mut out)?;
    Ok((*out).into())
}

fn decode(row: &[u8]) -> Result<FlowMod> {
    match Message::decode(row)?.1 {
        Message::FlowMod(flow_mod) => Ok(flow_mod),
        other => anyhow::bail!("a flow was kept as {other:?}"),
    }
}

fn stats(flow: FlowMod) -> FlowStats {
    let FlowMod { cookie, table, priority, idle_timeout, hard_timeout, flags, matching, instructions, .. } = flow;
    FlowStats {
        table,
        duration: FlowDuration::default(),
        priority,
        idle_timeout,
        hard_timeout,
        flags,
        cookie,
        packet_count: 0,
        byte_count: 0,
        matching,
        instructions,
    }
}

/// Flows in one message of a dump: far below its 64 KiB, so that a dump has several.
const PART: usize = 50;

#[cfg(test)]
mod tests {
    use buoy_flows::openflow::MatchField;

    use super::*;

    fn flow(priority: u16, cookie: u64) -> FlowMod {
        let matching = Match::new().with(MatchField::EthType(0x0800));
        FlowMod { priority, cookie: Cookie(cookie), matching, ..FlowMod::default() }
    }

    #[test]
    fn a_flow_replaces_the_one_of_its_identity_and_goes_with_it() {
        let mut table = Table::default();
        for priority in [1, 2, 2] {
            table.apply(&flow(priority, u64::from(priority))).unwrap();
        }
        assert_eq!(table.len(), 2);
        table.apply(&FlowMod { command: FlowModCommand::DeleteStrict, ..flow(3, 0) }).unwrap();
        assert_eq!(table.len(), 2, "there is no such flow");
        let other = FlowMod { command: FlowModCommand::DeleteStrict, cookie_mask: Cookie(u64::MAX), ..flow(2, 7) };
        table.apply(&other).unwrap();
        assert_eq!(table.len(), 2, "it has another cookie");
        table.apply(&FlowMod { command: FlowModCommand::DeleteStrict, ..flow(2, 0) }).unwrap();
        assert_eq!(table.texts().unwrap(), [flow(1, 1).to_string()]);
    }

    #[test]
    fn a_dump_tells_every_flow_once_in_several_parts() {
        let mut table = Table::default();
        assert_eq!(table.dump(&FlowStatsRequest::default()).unwrap(), [vec![]]);
        for priority in 0..120 {
            table.apply(&flow(priority, u64::from(priority % 2))).unwrap();
        }
        let parts = table.dump(&FlowStatsRequest::default()).unwrap();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
        let odd = FlowStatsRequest { cookie: Cookie(1), cookie_mask: Cookie(1), ..FlowStatsRequest::default() };
        assert_eq!(table.dump(&odd).unwrap().concat().len(), 60);
    }
}
