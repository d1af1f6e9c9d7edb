//! Adds, changes and deletes flows of the one table.

use super::action::Action;
use super::matching::Match;
use crate::openflow::{self, ANY_GROUP, BufferId, Cookie, EncodeError, FlowModCommand, FlowModFlags, TableId};
use buoy_topology::PortNo;

/// A flow mod in words that 1.0 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowMod {
    /// The flow's cookie.
    pub cookie: Cookie,
    /// What is done.
    pub command: FlowModCommand,
    /// The flow goes after so many seconds without a packet; 0 for never.
    pub idle_timeout: u16,
    /// The flow goes after so many seconds; 0 for never.
    pub hard_timeout: u16,
    /// Higher ones are looked at first.
    pub priority: u16,
    /// Whether the switch tells when the flow goes.
    pub tells_removal: bool,
    /// Whether the flow is refused where one of its priority overlaps it.
    pub checks_overlap: bool,
    /// Which packets.
    pub matching: Match,
    /// What is done with them; nothing means drop.
    pub actions: Vec<Action>,
}

impl TryFrom<&openflow::FlowMod> for FlowMod {
    type Error = EncodeError;

    fn try_from(flow_mod: &openflow::FlowMod) -> Result<Self, EncodeError> {
        let unless = |said: bool, what| if said { Ok(()) } else { Err(EncodeError::Unencodable { what }) };
        let flags = FlowModFlags::SEND_FLOW_REM | FlowModFlags::CHECK_OVERLAP;
        unless(flow_mod.table == TableId(0), "table other than 0")?;
        unless(flow_mod.cookie_mask == Cookie(0), "filter by cookie")?;
        unless(flow_mod.buffer_id == BufferId::NONE, "packet that the switch holds back")?;
        unless(flow_mod.out_port == PortNo::ANY, "filter by output port")?;
        unless(flow_mod.out_group == ANY_GROUP, "filter by group")?;
        unless(flags.contains(flow_mod.flags), "flag of a flow mod")?;
        Ok(Self {
            cookie: flow_mod.cookie,
            command: flow_mod.command,
            idle_timeout: flow_mod.idle_timeout,
            hard_timeout: flow_mod.hard_timeout,
            priority: flow_mod.priority,
            tells_removal: flow_mod.flags.contains(FlowModFlags::SEND_FLOW_REM),
            checks_overlap: flow_mod.flags.contains(FlowModFlags::CHECK_OVERLAP),
            matching: Match::try_from(&flow_mod.matching)?,
            actions: Action::from_instructions(&flow_mod.instructions)?,
        })
    }
}
