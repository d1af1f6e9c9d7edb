//! A packet on its way: lookups, and the actions of the flows that they find.

use buoy_topology::{PortName, PortNo};

use super::connections::Connections;
use super::entry::Entry;
use super::headers::{Headers, IPV4, Vlan};
use super::network::{Network, Switch};
use super::place::{Bits, Place};
use super::sent;
use super::trace::{Cause, Effect, End, MOST_LOOKUPS, MOST_NESTED, Outcome, Stage, Trace};
use super::track::{self, Seen};
use crate::flow::Owner;
use crate::flow::owner::Feature;
use crate::openflow::{Action, Instruction, Match, MatchField, PacketInReason, TableId};
use crate::pipeline::DropReason;

/// A packet that is sent in, and what is told of it so far.
#[derive(Debug)]
pub(super) struct Run<'a> {
    network: &'a Network,
    frame: &'a [u8],
    known: &'a mut Connections,
    /// The headers that the frame has.
    was: Headers,
    trace: Trace,
    lookups: u32,
    /// A limit that was met: OVS drops everything then.
    limit: Option<Cause>,
}

/// Where a packet is.
#[derive(Clone, Copy, Debug)]
struct At<'a> {
    bridge: &'a PortName,
    switch: &'a Switch,
    table: TableId,
    depth: u32,
    stage: usize,
}

/// What became of the packet in a stage.
#[derive(Debug, Default)]
struct Done {
    /// It went on, left or came to an end.
    is_gone: bool,
    /// A copy went to the controller.
    is_told: bool,
    /// No further action of any flow counts.
    is_over: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(network: &'a Network, known: &'a mut Connections, frame: &'a [u8], was: Headers) -> Self {
        Self { network, frame, known, was, trace: Trace::default(), lookups: 0, limit: None }
    }

    pub(super) fn of(mut self, bridge: &'a PortName, switch: &'a Switch) -> Trace {
        let mut headers = self.was.clone();
        self.enter(At { bridge, switch, table: TableId(0), depth: 0, stage: 0 }, &mut headers);
        if let Some(cause) = self.limit {
            let stage = self.trace.stages.len().saturating_sub(1);
            self.trace.ends = vec![End { stage, bridge: bridge.clone(), outcome: Outcome::Dropped(cause) }];
        }
        self.trace
    }

    /// Looks the packet up in the table where it is. Tells whether all is over.
    fn enter(&mut self, mut at: At<'a>, headers: &mut Headers) -> bool {
        if at.depth >= MOST_NESTED || self.lookups >= MOST_LOOKUPS {
            self.limit = Some(if at.depth >= MOST_NESTED { Cause::TooDeep } else { Cause::TooMany });
            return true;
        }
        self.lookups += 1;
        at.stage = self.trace.stages.len();
        let flow = at.switch.look_up(at.table, headers);
        let (bridge, table) = (at.bridge.clone(), at.table);
        self.trace.stages.push(Stage { bridge, table, flow: flow.cloned(), effects: Vec::new() });
        let Some(flow) = flow else {
            self.end(at, Outcome::Dropped(Cause::NoFlow));
            return false;
        };
        if let Some(field) = &flow.unknown {
            self.end(at, Outcome::Unjudged(format!("the flow matches on {field}")));
            return true;
        }
        let mut done = Done::default();
        self.instructions(at, headers, &flow.instructions, &mut done);
        if !done.is_gone {
            self.nowhere(at, flow, done.is_told);
        }
        done.is_over
    }

    /// The flow did nothing that the packet goes on by.
    fn nowhere(&mut self, at: At<'_>, flow: &Entry, is_told: bool) {
        let cause = match flow.owner() {
            Some(Owner { feature: Feature::Drop, entity }) => {
                DropReason::of(entity).map_or(Cause::Silent, Cause::Named)
            }
            _ => Cause::Silent,
        };
        if !is_told || cause != Cause::Silent {
            self.end(at, Outcome::Dropped(cause));
        }
    }

    fn instructions(&mut self, at: At<'a>, headers: &mut Headers, list: &[Instruction], done: &mut Done) {
        for instruction in list {
            match instruction {
                Instruction::ApplyActions(actions) => self.actions(at, headers, actions, done),
                Instruction::WriteMetadata { value, mask } => {
                    headers.metadata = headers.metadata & !mask | value & mask;
                }
                Instruction::Meter(meter) => self.effect(at, Effect::Metered(*meter)),
                Instruction::GotoTable(table) => self.go(at, headers, *table, done),
                // Nothing that it would clear is ever written.
                Instruction::ClearActions => {}
                Instruction::WriteActions(_) | Instruction::Other(_) => {
                    self.unjudged(at, &format!("the instruction {instruction}"), done);
                }
            }
            if done.is_over || self.limit.is_some() {
                return;
            }
        }
    }

    fn actions(&mut self, at: At<'a>, headers: &mut Headers, actions: &[Action], done: &mut Done) {
        for action in actions {
            self.action(at, headers, action, done);
            if done.is_over || self.limit.is_some() {
                return;
            }
        }
    }

    fn action(&mut self, at: At<'a>, headers: &mut Headers, action: &Action, done: &mut Done) {
        match action {
            Action::Output { port, .. } => self.output(at, headers, *port, done),
            Action::OutputReg { source, .. } => match Bits::of(*source) {
                Some(bits) => {
                    let port = u32::try_from(bits.read(headers)).map_or(PortNo::ANY, PortNo);
                    self.output(at, headers, port, done);
                }
                None => self.unjudged(at, &action.to_string(), done),
            },
            Action::Controller(own) => self.tell(at, headers, own.reason, own.meter, done),
            Action::ControllerExt { reason, .. } => self.tell(at, headers, *reason, 0, done),
            Action::SetField(field) => {
                let parts = field.parts().and_then(|parts| Some((Place::of(parts.header)?, parts.value)));
                let Some((place, value)) = parts else { return self.unjudged(at, &action.to_string(), done) };
                if place.is_in(headers) {
                    let before = place.read(headers);
                    place.write(headers, value);
                    self.note(at, place, field, before != place.read(headers));
                }
            }
            Action::Load { dst, value } => {
                let Some(bits) = Bits::of(*dst) else { return self.unjudged(at, &action.to_string(), done) };
                if bits.place.is_in(headers) {
                    bits.write(headers, (*value).into());
                    self.note_part(at, bits.place, *dst, headers);
                }
            }
            Action::Move { src, dst } => {
                let (Some(from), Some(to)) = (Bits::of(*src), Bits::of(*dst)) else {
                    return self.unjudged(at, &action.to_string(), done);
                };
                if from.place.is_in(headers) && to.place.is_in(headers) {
                    let value = from.read(headers);
                    to.write(headers, value);
                    self.note_part(at, to.place, *dst, headers);
                }
            }
            Action::DecNwTtl | Action::DecTtlIds(_) if headers.eth_type == IPV4 => {
                if headers.nw_ttl > 1 {
                    headers.nw_ttl -= 1;
                    self.effect(at, Effect::TtlDown(headers.nw_ttl));
                } else {
                    self.tell(at, headers, PacketInReason::InvalidTtl, 0, done);
                    // The flow ends here, and its goto with it.
                    (done.is_gone, done.is_over) = (true, true);
                }
            }
            Action::PushVlan(kind) if headers.vlan.is_none() => {
                headers.vlan = Some(Vlan { kind: *kind, tci: 0 });
                self.effect(at, Effect::Tagged);
            }
            Action::CtClear => (headers.ct_state, headers.ct_zone) = (0, 0),
            Action::PopVlan => {
                if headers.vlan.take().is_some() {
                    self.effect(at, Effect::Untagged);
                }
            }
            Action::CheckPktLarger { len, dst } => {
                let Some(bits) = Bits::of(*dst) else { return self.unjudged(at, &action.to_string(), done) };
                let length = sent::length(self.frame, &self.was, headers);
                bits.write(headers, u128::from(length > usize::from(*len)));
                self.effect(at, Effect::Measured { length, most: *len });
            }
            Action::Resubmit { port, table } => {
                let kept = headers.in_port;
                headers.in_port = port.filter(|port| *port != PortNo::IN_PORT).unwrap_or(kept);
                let table = if *table == TableId::ALL { at.table } else { *table };
                self.go(at, headers, table, done);
                headers.in_port = kept;
            }
            Action::Clone(actions) => {
                let mut inner = Done::default();
                self.actions(at, &mut headers.clone(), actions, &mut inner);
                done.is_gone |= inner.is_gone;
                done.is_told |= inner.is_told;
            }
            Action::Ct(ct) => match track::track(ct, headers, self.known) {
                Some(Seen::Passed(tracked)) => {
                    let mut seen = tracked.after.clone();
                    self.effect(at, Effect::Tracked(tracked));
                    if let Some(table) = ct.table {
                        self.go(at, &mut seen, table, done);
                    }
                }
                Some(Seen::Held) => {
                    done.is_gone = true;
                    self.end(at, Outcome::Held);
                }
                None => self.unjudged(at, &action.to_string(), done),
            },
            Action::Exit => done.is_over = true,
            // They say nothing of where the packet goes.
            Action::DecNwTtl
            | Action::DecTtlIds(_)
            | Action::Note(_)
            | Action::SetQueue(_)
            | Action::PopQueue
            | Action::Learn(_)
            | Action::FinTimeout { .. } => {}
            other => self.unjudged(at, &other.to_string(), done),
        }
    }

    fn go(&mut self, at: At<'a>, headers: &mut Headers, table: TableId, done: &mut Done) {
        self.effect(at, Effect::Goes(table));
        done.is_gone = true;
        let depth = at.depth + u32::from(table <= at.table);
        done.is_over |= self.enter(At { table, depth, ..at }, headers);
    }

    fn output(&mut self, at: At<'a>, headers: &Headers, port: PortNo, done: &mut Done) {
        match port {
            PortNo::CONTROLLER => self.tell(at, headers, PacketInReason::Action, 0, done),
            PortNo::ALL => {
                let others: Vec<_> = at.switch.ports().filter(|own| *own != headers.in_port).collect();
                others.into_iter().for_each(|port| self.out(at, headers, port, done));
            }
            PortNo::IN_PORT => self.out(at, headers, headers.in_port, done),
            PortNo::NORMAL | PortNo::FLOOD | PortNo::TABLE => {
                self.unjudged(at, &format!("output to {port}"), done);
            }
            _ if port == headers.in_port => self.drop(at, Cause::IngressPort, done),
            _ => self.out(at, headers, port, done),
        }
    }

    /// Out of a real port, or through a patch port into another bridge, where a copy goes on.
    fn out(&mut self, at: At<'a>, headers: &Headers, port: PortNo, done: &mut Done) {
        if !at.switch.has_port(port) {
            return self.drop(at, Cause::NoPort(port), done);
        }
        done.is_gone = true;
        let network = self.network;
        let peer = at.switch.peer(port).and_then(|(bridge, port)| Some((bridge, network.switch(bridge)?, *port)));
        let Some((bridge, switch, in_port)) = peer else {
            let frame = sent::frame(self.frame, &self.was, headers);
            return self.end(at, Outcome::Sent { port, frame });
        };
        self.effect(at, Effect::Crosses { port, bridge: bridge.clone() });
        let mut copy = Headers { in_port, registers: [0; 16], metadata: 0, ct_state: 0, ct_zone: 0, ..headers.clone() };
        self.enter(At { bridge, switch, table: TableId(0), depth: at.depth + 1, stage: 0 }, &mut copy);
    }

    fn tell(&mut self, at: At<'_>, headers: &Headers, reason: PacketInReason, meter: u32, done: &mut Done) {
        done.is_told = true;
        let frame = sent::frame(self.frame, &self.was, headers);
        self.end(at, Outcome::Controller { reason, meter, frame });
    }

    fn drop(&mut self, at: At<'_>, cause: Cause, done: &mut Done) {
        done.is_gone = true;
        self.end(at, Outcome::Dropped(cause));
    }

    fn unjudged(&mut self, at: At<'_>, what: &str, done: &mut Done) {
        (done.is_gone, done.is_over) = (true, true);
        self.end(at, Outcome::Unjudged(what.to_owned()));
    }

    fn end(&mut self, at: At<'_>, outcome: Outcome) {
        self.trace.ends.push(End { stage: at.stage, bridge: at.bridge.clone(), outcome });
    }

    fn effect(&mut self, at: At<'_>, effect: Effect) {
        if let Some(stage) = self.trace.stages.get_mut(at.stage) {
            stage.effects.push(effect);
        }
    }

    /// Tells of a field that was written.
    fn note(&mut self, at: At<'_>, place: Place, field: &MatchField, is_other: bool) {
        match place {
            Place::Register(_) | Place::Metadata | Place::InPort | Place::CtState | Place::CtZone | Place::Zero => {}
            _ if is_other => {
                let text = Match::new().with(field.clone()).to_string();
                let (field, value) = text.split_once('=').unwrap_or((&text, ""));
                self.effect(at, Effect::Changed { field: field.to_owned(), value: value.to_owned() });
            }
            _ => {}
        }
    }

    fn note_part(&mut self, at: At<'_>, place: Place, dst: crate::openflow::Subfield, headers: &Headers) {
        let bytes = place.read(headers).to_be_bytes();
        if let Some(field) = dst.field.whole().holding(&bytes) {
            self.note(at, place, &field, true);
        }
    }
}
