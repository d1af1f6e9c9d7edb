//! Questions about counters: each asks one or more switches for their flows, and answers when all have told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use buoy_flows::flow::Owner;
use buoy_flows::flow::owner::Feature;
use buoy_flows::openflow::{Cookie, FlowMod, FlowModCommand, FlowStats, FlowStatsRequest, TableId};
use buoy_flows::pipeline::{DropReason, Role, tables};
use buoy_flows::simulate::Entry;
use buoy_topology::{Bridge, Dialect, PortName};
use serde_json::Value;

use super::Core;
use super::switches::InFlight;
use super::views::json;
use crate::api::views::{DropRow, FlowView};
use crate::api::{ApiError, ErrorKind, Request};
use crate::rpc::{Answer, Ask};
use crate::switch::{Command, ConnectionId};

/// A question under way.
#[derive(Debug)]
pub(super) struct Inquiry {
    ask: Ask,
    /// Switches that were not asked yet.
    to_ask: BTreeSet<ConnectionId>,
    /// The switches that are telling.
    telling: BTreeSet<ConnectionId>,
    gathered: Gathered,
    deadline: Instant,
}

/// What bridges dropped, by bridge, number of the table and number of the reason.
pub(super) type Dropped = BTreeMap<(PortName, u8, u8), DropRow>;

/// What was told so far, in the form in which it is answered: a large switch never stands in memory as flows.
#[derive(Debug)]
enum Gathered {
    Flows(Vec<FlowView>),
    Drops(Dropped),
    /// The same, for a page of metrics.
    Metrics(Dropped),
    /// For a packet that is to meet them.
    Trace(BTreeMap<PortName, Vec<Entry>>),
}

impl Core {
    /// Asks switches for their flows on behalf of a client.
    pub(super) fn inquire(&mut self, ask: Ask, switches: BTreeSet<ConnectionId>) {
        let deadline = Instant::now() + ask.call.timeout;
        let gathered = match ask.call.request {
            Request::DropsShow => Gathered::Drops(BTreeMap::new()),
            Request::MetricsShow => Gathered::Metrics(BTreeMap::new()),
            Request::TraceShow(_) => Gathered::Trace(BTreeMap::new()),
            _ => Gathered::Flows(Vec::new()),
        };
        self.stats.push(Inquiry { ask, to_ask: switches, telling: BTreeSet::new(), gathered, deadline });
        self.push_all();
        self.finish_inquiries();
    }

    /// Lets an idle switch tell, if somebody waits for that.
    pub(super) fn begin_inquiry(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get_mut(&id).filter(|switch| switch.job.is_none()) else { return };
        let Some(inquiry) = self.stats.iter_mut().find(|own| own.to_ask.contains(&id)) else { return };
        if switch.begin(InFlight::Inquiry, Command::Dump(inquiry.gathered.filter())) {
            inquiry.to_ask.remove(&id);
            inquiry.telling.insert(id);
        }
    }

    pub(super) fn on_inquiry_part(&mut self, id: ConnectionId, part: Vec<FlowStats>) {
        let Some(switch) = self.switches.get(&id) else { return };
        let Some(bridge) = &switch.bridge else { return };
        if let Some(inquiry) = self.stats.iter_mut().find(|own| own.telling.contains(&id)) {
            part.into_iter().for_each(|flow| inquiry.gathered.add(bridge, switch.role, flow));
        }
    }

    pub(super) fn on_inquiry_done(&mut self, id: ConnectionId) {
        for inquiry in &mut self.stats {
            inquiry.telling.remove(&id);
        }
        self.finish_inquiries();
    }

    /// A switch is gone: nobody waits for it any more.
    pub(super) fn abandon_inquiries(&mut self, id: ConnectionId) {
        for inquiry in &mut self.stats {
            inquiry.to_ask.remove(&id);
            inquiry.telling.remove(&id);
        }
        self.finish_inquiries();
    }

    pub(super) fn expire_inquiries(&mut self, now: Instant) {
        let (late, waiting) = std::mem::take(&mut self.stats).into_iter().partition(|own| own.deadline <= now);
        self.stats = waiting;
        for inquiry in late {
            // What other switches have told is better than nothing.
            if let Gathered::Metrics(dropped) = &inquiry.gathered {
                let _ = inquiry.ask.reply.send(json(self.metrics(dropped)).map(Answer::from));
                continue;
            }
            let message = "a switch did not tell its flows in time".to_owned();
            // Who does not wait any more needs no answer.
            let _ = inquiry.ask.reply.send(Err(ApiError::new(ErrorKind::Storage, message)));
        }
    }

    fn finish_inquiries(&mut self) {
        let is_done = |own: &Inquiry| own.telling.is_empty() && own.to_ask.is_empty();
        let (done, waiting) = std::mem::take(&mut self.stats).into_iter().partition(is_done);
        self.stats = waiting;
        for Inquiry { ask, gathered, .. } in done {
            match gathered {
                Gathered::Trace(flows) => self.trace(ask, Some(flows)),
                // Who hung up needs no answer.
                Gathered::Metrics(dropped) => drop(ask.reply.send(json(self.metrics(&dropped)).map(Answer::from))),
                gathered => drop(ask.reply.send(gathered.answer().map(Answer::from))),
            }
        }
    }
}

impl Gathered {
    /// Which flows are of interest.
    fn filter(&self) -> FlowStatsRequest {
        let (cookie, cookie_mask) = match self {
            Self::Flows(_) | Self::Trace(_) => (Cookie(0), Cookie(0)),
            Self::Drops(_) | Self::Metrics(_) => Feature::Drop.filter(),
        };
        FlowStatsRequest { cookie, cookie_mask, ..FlowStatsRequest::default() }
    }

    fn add(&mut self, bridge: &Bridge, role: Role, flow: FlowStats) {
        match self {
            Self::Flows(views) => views.push(FlowView {
                table: flow.table.0,
                table_name: table_name(bridge, role, flow.table),
                priority: flow.priority,
                owner: Owner::of(flow.cookie).map(|owner| owner.feature.word().to_owned()),
                packets: flow.packet_count,
                bytes: flow.byte_count,
                flow: text(flow),
            }),
            Self::Trace(flows) => flows.entry(bridge.name.clone()).or_default().push(flow.into()),
            Self::Drops(rows) | Self::Metrics(rows) => {
                let Some(Owner { feature: Feature::Drop, entity }) = Owner::of(flow.cookie) else { return };
                let Some(reason) = DropReason::of(entity) else { return };
                let row = rows.entry((bridge.name.clone(), flow.table.0, reason.number())).or_insert_with(|| DropRow {
                    bridge: bridge.name.clone(),
                    table: flow.table.0,
                    table_name: table_name(bridge, role, flow.table),
                    reason: reason.text().to_owned(),
                    packets: 0,
                    bytes: 0,
                });
                row.packets += flow.packet_count;
                row.bytes += flow.byte_count;
            }
        }
    }

    fn answer(self) -> Result<Value, ApiError> {
        match self {
            Self::Flows(mut views) => {
                views.sort_by(|a, b| (a.table, b.priority).cmp(&(b.table, a.priority)));
                json(views)
            }
            Self::Drops(rows) | Self::Metrics(rows) => json(rows.into_values().collect::<Vec<_>>()),
            Self::Trace(flows) => json(flows.len()),
        }
    }
}

/// The flow in the words that ovs-ofctl reads.
fn text(flow: FlowStats) -> String {
    let FlowStats { cookie, table, priority, idle_timeout, hard_timeout, matching, instructions, .. } = flow;
    let command = FlowModCommand::Add;
    let flow_mod = FlowMod {
        cookie,
        table,
        priority,
        idle_timeout,
        hard_timeout,
        command,
        matching,
        instructions,
        ..FlowMod::default()
    };
    flow_mod.to_string()
}

pub(super) fn table_name(bridge: &Bridge, role: Role, table: TableId) -> Option<String> {
    if bridge.dialect == Dialect::OpenFlow10 {
        return None;
    }
    let (names, more) = match role {
        Role::External => (tables::external::NAMES.as_slice(), [].as_slice()),
        Role::Integration => (tables::integration::NAMES.as_slice(), tables::integration::SHARED_NAMES.as_slice()),
        Role::Unconfigured => return None,
    };
    names.iter().chain(more).find(|(own, _)| *own == table).map(|(_, name)| (*name).to_owned())
}
