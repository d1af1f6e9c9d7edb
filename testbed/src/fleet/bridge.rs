//! A fake switch: what it answers to each message. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use buoy_flows::openflow::{
    BundleControl, BundleControlKind, BundleId, ControllerRole, ErrorMsg, Features, FlowMod, Message, MeterCommand,
    MeterFeatures, MeterMod, MultipartReply, MultipartReplyBody, MultipartRequestBody, Port, PortState, Role, Xid,
};
use buoy_topology::{MacAddr, PortNo};
use bytes::{BufMut as _, Bytes, BytesMut};

use super::canary::Canary;
use super::layout::BridgeSpec;
use super::table::Table;
use crate::fake::fake_port;

/// A switch, connected or not.
#[derive(Debug)]
pub struct Bridge {
    spec: BridgeSpec,
    table: Table,
    meters: BTreeSet<u32>,
    /// Bundles that are open on the connection.
    bundles: BTreeMap<BundleId, Vec<FlowMod>>,
    canary: Option<Canary>,
}

/// What a message was, for who keeps count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// A question for all flows.
    Dump,
    /// The commit of a bundle with so many flow mods.
    Commit(usize),
    /// Flow mods outside of a bundle.
    Bare,
    /// Anything else.
    Other,
}

impl Bridge {
    /// A switch that has no flows.
    pub fn new(spec: BridgeSpec) -> Self {
        Self { spec, table: Table::default(), meters: BTreeSet::new(), bundles: BTreeMap::new(), canary: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its flows.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// It connects anew: bundles end with their connection.
    pub fn connected(&mut self) {
        self.bundles.clear();
    }

    /// It lost its power.
    pub fn lose_all(&mut self) {
        self.table.clear();
        self.meters.clear();
        self.bundles.clear();
        self.canary = None;
    }

    /// What it answers, all under the xid of the question.
    pub fn answer(&mut self, xid: Xid, message: Message) -> Result<(Was, Vec<Message>)> {
        let mut was = Was::Other;
        let answers = match message {
            Message::EchoRequest(payload) => vec![Message::EchoReply(payload)],
            Message::BarrierRequest => vec![Message::BarrierReply],
            Message::FeaturesRequest => vec![Message::FeaturesReply(self.features())],
            Message::RoleRequest(Role { role, generation_id }) => {
                let role = if role == ControllerRole::NoChange { ControllerRole::Equal } else { role };
                vec![Message::RoleReply(Role { role, generation_id })]
            }
            Message::MultipartRequest(request) => {
                if matches!(request.body, MultipartRequestBody::Flow(_)) {
                    was = Was::Dump;
                }
                self.tell(xid, &request.body)?
            }
            Message::MeterMod(meter) => self.meter(xid, &meter),
            Message::FlowMod(flow_mod) => {
                if !Canary::heed(&mut self.canary, &flow_mod) {
                    was = Was::Bare;
                }
                if Table::can(&flow_mod) {
                    self.table.apply(&flow_mod)?;
                    Vec::new()
                } else {
                    vec![refusal(FLOW_MOD_FAILED, BAD_COMMAND, xid)]
                }
            }
            Message::BundleAdd(add) => match (self.bundles.get_mut(&add.id), *add.message) {
                (Some(bundle), Message::FlowMod(flow_mod)) if Table::can(&flow_mod) => {
                    bundle.push(flow_mod);
                    Vec::new()
                }
                (Some(_), Message::FlowMod(_)) => vec![refusal(FLOW_MOD_FAILED, BAD_COMMAND, xid)],
                (Some(_), _) => vec![bundle_refusal(MSG_UNSUP, xid)],
                (None, _) => vec![bundle_refusal(BAD_ID, xid)],
            },
            Message::BundleControl(control) => {
                let (counted, answer) = self.control(xid, control)?;
                was = counted;
                vec![answer]
            }
            // Packets go nowhere, but for questions of a fence.
            Message::PacketOut(packet) => {
                let answer = self.canary.as_mut().and_then(|canary| canary.answer(&packet));
                answer.map(Message::PacketIn).into_iter().collect()
            }
            // The rest wants no answer.
            _ => Vec::new(),
        };
        Ok((was, answers))
    }

    fn control(&mut self, xid: Xid, control: BundleControl) -> Result<(Was, Message)> {
        let id = control.id;
        let mut was = Was::Other;
        let kind = match control.kind {
            BundleControlKind::OpenRequest => {
                if self.bundles.insert(id, Vec::new()).is_some() {
                    return Ok((was, bundle_refusal(BUNDLE_EXIST, xid)));
                }
                BundleControlKind::OpenReply
            }
            BundleControlKind::CommitRequest => {
                let Some(bundle) = self.bundles.remove(&id) else { return Ok((was, bundle_refusal(BAD_ID, xid))) };
                was = Was::Commit(bundle.len());
                bundle.iter().try_for_each(|flow_mod| self.table.apply(flow_mod))?;
                BundleControlKind::CommitReply
            }
            BundleControlKind::DiscardRequest => {
                self.bundles.remove(&id);
                BundleControlKind::DiscardReply
            }
            _ => return Ok((was, bundle_refusal(MSG_UNSUP, xid))),
        };
        Ok((was, Message::BundleControl(BundleControl { kind, ..control })))
    }

    fn tell(&self, xid: Xid, question: &MultipartRequestBody) -> Result<Vec<Message>> {
        let whole = |body| vec![Message::MultipartReply(MultipartReply { more: false, body })];
        Ok(match question {
            MultipartRequestBody::PortDesc => in_parts(self.ports().chunks(PORTS), MultipartReplyBody::PortDesc),
            MultipartRequestBody::MeterFeatures => whole(MultipartReplyBody::MeterFeatures(MeterFeatures {
                max_meter: 1 << 16,
                ..MeterFeatures::default()
            })),
            // Nobody else changes its flows: there is never anything to tell.
            MultipartRequestBody::FlowMonitor(_) => whole(MultipartReplyBody::FlowMonitor(Vec::new())),
            MultipartRequestBody::Flow(request) if Table::can_tell(request) => {
                let parts = self.table.dump(request)?;
                in_parts(parts.iter().map(Vec::as_slice), MultipartReplyBody::Flow)
            }
            _ => vec![refusal(BAD_REQUEST, BAD_MULTIPART, xid)],
        })
    }

    fn meter(&mut self, xid: Xid, meter: &MeterMod) -> Vec<Message> {
        let code = match meter.command {
            MeterCommand::Add => (!self.meters.insert(meter.id)).then_some(METER_EXISTS),
            MeterCommand::Modify => (!self.meters.contains(&meter.id)).then_some(UNKNOWN_METER),
            MeterCommand::Delete => {
                self.meters.remove(&meter.id);
                None
            }
        };
        code.map(|code| refusal(METER_MOD_FAILED, code, xid)).into_iter().collect()
    }

    fn features(&self) -> Features {
        Features {
            datapath_id: self.spec.datapath_id,
            n_buffers: 0,
            n_tables: 254,
            auxiliary_id: 0,
            capabilities: 0x4f,
            reserved: 0,
        }
    }

    fn ports(&self) -> Vec<Port> {
        let local = (PortNo::LOCAL, self.spec.name.clone());
        let all = std::iter::once(&local).chain(&self.spec.ports).zip(0..);
        all.map(|((number, name), place)| port(*number, name, nth(self.spec.mac, place))).collect()
    }
}

fn in_parts<'a, T: Clone + 'a>(
    parts: impl ExactSizeIterator<Item = &'a [T]>,
    body: impl Fn(Vec<T>) -> MultipartReplyBody,
) -> Vec<Message> {
    let last = parts.len().saturating_sub(1);
    let numbered = parts.enumerate();
    numbered
        .map(|(place, part)| Message::MultipartReply(MultipartReply { more: place < last, body: body(part.to_vec()) }))
        .collect()
}

fn port(number: PortNo, name: &str, hw_addr: MacAddr) -> Port {
    Port { number, name: name.to_owned(), state: PortState::LIVE, ..fake_port(hw_addr) }
}

/// The MAC that comes so many after another.
fn nth(mac: MacAddr, place: u64) -> MacAddr {
    let [a, b, c, d, e, f] = mac.octets();
    let [_, _, a, b, c, d, e, f] = (u64::from_be_bytes([0, 0, a, b, c, d, e, f]) + place).to_be_bytes();
    MacAddr::new([a, b, c, d, e, f])
}

fn refusal(kind: u16, code: u16, xid: Xid) -> Message {
    Message::Error(ErrorMsg { kind, code, data: header(xid) })
}

/// An error about a bundle: the ONF's, in OpenFlow 1.3.
fn bundle_refusal(code: u16, xid: Xid) -> Message {
    let data = [&ONF.to_be_bytes()[..], &header(xid)].concat();
    Message::Error(ErrorMsg { kind: 0xffff, code, data: data.into() })
}

/// The header of the message that was wrong, as far as it matters.
fn header(xid: Xid) -> Bytes {
    let mut out = BytesMut::with_capacity(8);
    out.put_u32(0x0400_0008);
    out.put_u32(xid.0);
    out.freeze()
}

/// Ports in one message: each takes 64 bytes.
const PORTS: usize = 500;
const ONF: u32 = 0x4f4e_4600;
// Types of errors, and their codes (OpenFlow 1.3.5, section 7.4.4; bundles: ONF extension 230).
const BAD_REQUEST: u16 = 1;
const BAD_MULTIPART: u16 = 2;
const FLOW_MOD_FAILED: u16 = 5;
const BAD_COMMAND: u16 = 6;
const METER_MOD_FAILED: u16 = 12;
const METER_EXISTS: u16 = 1;
const UNKNOWN_METER: u16 = 3;
const BAD_ID: u16 = 2_302;
const BUNDLE_EXIST: u16 = 2_303;
const MSG_UNSUP: u16 = 2_310;

#[cfg(test)]
mod tests {
    use buoy_flows::openflow::{BundleAdd, BundleFlags, FlowModCommand};

    use super::super::layout::{Kind, Layout};
    use super::*;

    fn bridge() -> Bridge {
        Bridge::new(Layout::new(2, 1, 0).unwrap().bridge(0, Kind::External))
    }

    fn said(bridge: &mut Bridge, message: Message) -> Vec<Message> {
        bridge.answer(Xid(7), message).unwrap().1
    }

    fn control(kind: BundleControlKind) -> Message {
        Message::BundleControl(BundleControl::new(BundleId(1), kind, BundleFlags::ATOMIC))
    }

    fn add(flow_mod: FlowMod) -> Message {
        Message::BundleAdd(BundleAdd {
            id: BundleId(1),
            flags: BundleFlags::ATOMIC,
            message: Box::new(Message::FlowMod(flow_mod)),
        })
    }

    fn name(messages: &[Message]) -> Option<&'static str> {
        match messages {
            [Message::Error(error)] => error.name(),
            _ => None,
        }
    }

    #[test]
    fn a_bundle_is_applied_in_its_order_and_only_when_it_is_committed() {
        let mut bridge = bridge();
        said(&mut bridge, control(BundleControlKind::OpenRequest));
        let flow = |command, priority| FlowMod { command, priority, ..FlowMod::default() };
        for own in [
            flow(FlowModCommand::Add, 1),
            flow(FlowModCommand::DeleteStrict, 1),
            flow(FlowModCommand::Add, 2),
            flow(FlowModCommand::DeleteStrict, 3),
            flow(FlowModCommand::Add, 3),
        ] {
            assert_eq!(said(&mut bridge, add(own)), []);
        }
        assert!(bridge.table().is_empty());
        let (was, _) = bridge.answer(Xid(7), control(BundleControlKind::CommitRequest)).unwrap();
        assert_eq!((was, bridge.table().len()), (Was::Commit(5), 2));
        assert_eq!(name(&said(&mut bridge, control(BundleControlKind::CommitRequest))), Some("OFPBFC_BAD_ID"));
    }

    #[test]
    fn what_it_does_not_know_it_refuses() {
        let mut bridge = bridge();
        assert_eq!(name(&said(&mut bridge, add(FlowMod::default()))), Some("OFPBFC_BAD_ID"));
        let all = FlowMod { command: FlowModCommand::Delete, ..FlowMod::default() };
        assert_eq!(name(&said(&mut bridge, Message::FlowMod(all.clone()))), Some("OFPFMFC_BAD_COMMAND"));
        said(&mut bridge, control(BundleControlKind::OpenRequest));
        assert_eq!(name(&said(&mut bridge, add(all))), Some("OFPFMFC_BAD_COMMAND"));
        assert_eq!(name(&said(&mut bridge, control(BundleControlKind::OpenRequest))), Some("OFPBFC_BUNDLE_EXIST"));
    }
}
