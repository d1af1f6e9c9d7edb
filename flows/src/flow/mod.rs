//! The flow model: what a flow is, whose it is, and how it is kept.
//!
//! Read [`owner`] (what a cookie says), then [`packed`] (flows as bytes), [`set`] (how the flows of a hundred thousand
//! entities fit into memory), and [`step`] (how a flow comes to a switch).

pub mod owner;
pub mod packed;
pub mod set;
pub mod step;

use std::fmt;

use crate::openflow::{Action, FlowMod, FlowModCommand, FlowStats, Instruction, Match, MatchField, TableId};
pub use owner::Owner;
pub use packed::{FlowBody, FlowKey};
pub use set::{FlowSet, Shapes};
pub use step::Step;

/// One flow of ours. Its identity is (table, priority, match); the rest is its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The table that it is in.
    pub table: TableId,
    /// Higher wins.
    pub priority: u16,
    /// Which packets it takes.
    pub matching: Match,
    /// Which feature made it, and for what.
    pub owner: Owner,
    /// What it does with them; nothing means drop.
    pub instructions: Vec<Instruction>,
}

impl Flow {
    /// A flow that takes every packet of its table and drops it.
    pub fn new(table: TableId, priority: u16, owner: Owner) -> Self {
        Self { table, priority, matching: Match::new(), owner, instructions: Vec::new() }
    }

    /// Narrows what the flow takes.
    pub fn on(mut self, field: MatchField) -> Self {
        self.matching = self.matching.with(field);
        self
    }

    /// Adds actions that are done at once.
    pub fn apply(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.instructions.push(Instruction::ApplyActions(actions.into_iter().collect()));
        self
    }

    /// Lets the packet go on in a later table.
    pub fn goto(mut self, table: TableId) -> Self {
        self.instructions.push(Instruction::GotoTable(table));
        self
    }

    /// The flow mod that installs it.
    pub fn to_flow_mod(&self, command: FlowModCommand) -> FlowMod {
        FlowMod {
            cookie: self.owner.cookie(),
            table: self.table,
            command,
            priority: self.priority,
            matching: self.matching.clone(),
            instructions: self.instructions.clone(),
            ..FlowMod::default()
        }
    }

    /// The flow that a switch reports, if it is one of ours.
    pub fn from_stats(stats: FlowStats) -> Option<Self> {
        let FlowStats { table, priority, cookie, matching, instructions, .. } = stats;
        Some(Self { table, priority, matching, owner: Owner::of(cookie)?, instructions })
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_flow_mod(FlowModCommand::Add).fmt(f)
    }
}
