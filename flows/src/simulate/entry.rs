//! A flow in a table, whoever made it, and which packets it takes.

use std::fmt;

use super::headers::Headers;
use super::place::Place;
use crate::flow::{Flow, Owner};
use crate::openflow::{Cookie, FlowMod, FlowModCommand, FlowStats, Instruction, Match, TableId};

/// A flow as a table has it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its cookie.
    pub cookie: Cookie,
    /// Its table.
    pub table: TableId,
    /// Higher wins.
    pub priority: u16,
    /// Which packets it takes.
    pub matching: Match,
    /// What it does with them.
    pub instructions: Vec<Instruction>,
    conditions: Vec<Condition>,
    /// A field of its match that is not modelled.
    pub(super) unknown: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    place: Place,
    value: u128,
    mask: u128,
}

impl Entry {
    fn new(cookie: Cookie, table: TableId, priority: u16, matching: Match, mut instructions: Vec<Instruction>) -> Self {
        let mut conditions = Vec::new();
        let mut unknown = None;
        for field in matching.fields() {
            let known = field.parts().and_then(|parts| Some((Place::of(parts.header)?, parts)));
            match known {
                Some((place, parts)) => conditions.push(Condition { place, value: parts.value, mask: parts.mask }),
                None => unknown = Some(Match::new().with(field.clone()).to_string()),
            }
        }
        Instruction::canonicalise(&mut instructions);
        Self { cookie, table, priority, matching, instructions, conditions, unknown }
    }

    /// Whether the packet has what the flow asks for, as far as that is modelled.
    pub(super) fn takes(&self, headers: &Headers) -> bool {
        self.conditions.iter().all(|own| (own.place.read(headers) ^ own.value) & own.mask == 0)
    }

    /// Which feature of ours made it, and for what.
    pub fn owner(&self) -> Option<Owner> {
        Owner::of(self.cookie)
    }
}

impl From<Flow> for Entry {
    fn from(flow: Flow) -> Self {
        Self::new(flow.owner.cookie(), flow.table, flow.priority, flow.matching, flow.instructions)
    }
}

impl From<FlowStats> for Entry {
    fn from(flow: FlowStats) -> Self {
        Self::new(flow.cookie, flow.table, flow.priority, flow.matching, flow.instructions)
    }
}

/// In ovs-ofctl's words.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (command, Self { cookie, table, priority, .. }) = (FlowModCommand::Add, self);
        let (matching, instructions) = (self.matching.clone(), self.instructions.clone());
        let own = FlowMod {
            cookie: *cookie,
            table: *table,
            priority: *priority,
            command,
            matching,
            instructions,
            ..FlowMod::default()
        };
        own.fmt(f)
    }
}
