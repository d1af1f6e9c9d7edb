//! The handshake: from the hellos to a switch that is ready.

use buoy_flows::openflow::{
    Action, BufferId, ErrorMsg, Features, FlowMonitorFlags, FlowMonitorRequest, Hello, Match, Message,
    MultipartRequest, MultipartRequestBody, PacketOut, PortStatus, TableId, VERSION_1_3, Xid,
};
use buoy_flows::pipeline::registers;
use buoy_topology::{Dialect, PortNo};
use bytes::Bytes;

use super::{CloseReason, Event, MOST_PORTS, Ready, Session, State};

impl Session {
    /// Whoever begins with anything but a hello, or goes on in another version, does not speak OpenFlow with us.
    pub(super) fn check_version(&self, message: &Message) -> Result<(), CloseReason> {
        match (&self.state, message) {
            (_, Message::Other(other)) if other.version != VERSION_1_3 => {
                let text = format!("a message of version {:#04x} and type {}", other.version, other.kind);
                Err(CloseReason::BadMessage(text))
            }
            (State::Hello, Message::Hello(_) | Message::Error(_) | Message::EchoRequest(_) | Message::EchoReply(_)) => {
                Ok(())
            }
            (State::Hello, other) => Err(CloseReason::BadMessage(format!("{} before any hello", other.name()))),
            _ => Ok(()),
        }
    }

    pub(super) fn on_hello(&mut self, hello: &Hello) -> Result<(), CloseReason> {
        if !matches!(self.state, State::Hello) {
            return Ok(());
        }
        let Some(dialect) = hello.dialect() else {
            let offered = hello.version;
            self.send(Message::Error(ErrorMsg::incompatible(
                "this controller speaks OpenFlow 1.3 (0x04) and 1.0 (0x01)",
            )));
            return Err(CloseReason::Version { offered });
        };
        self.dialect = dialect;
        self.state = State::Features;
        self.send(Message::FeaturesRequest);
        Ok(())
    }

    pub(super) fn on_features(&mut self, features: Features) {
        if matches!(self.state, State::Features) {
            self.state = State::Ports(features, Vec::new());
            self.send(Message::MultipartRequest(MultipartRequest::new(MultipartRequestBody::PortDesc)));
        }
    }

    pub(super) fn on_port_status(&mut self, status: PortStatus) -> Result<(), CloseReason> {
        match self.state {
            State::Ready => self.events.push_back(Event::Port(status)),
            State::Ports(..) | State::Abilities(..) if self.early.len() < MOST_PORTS => self.early.push(status),
            State::Ports(..) | State::Abilities(..) => return Err(CloseReason::TooManyPorts),
            State::Hello | State::Features => {}
        }
        Ok(())
    }

    /// Asks what the switch can do. It answers in order, so that what it refuses of this is known with the last answer.
    pub(super) fn ask_abilities(&mut self) -> Asked {
        let measure = self.send(Message::PacketOut(measuring()));
        let ask = MultipartRequest::new(MultipartRequestBody::MeterFeatures);
        let meters = self.send(Message::MultipartRequest(ask));
        Asked { measure, measures: true, meters }
    }

    pub(super) fn become_ready(&mut self, meters: bool) {
        let State::Abilities(features, ports, asked) = &mut self.state else { return };
        let (features, ports, measures) = (*features, std::mem::take(ports), asked.measures);
        self.state = State::Ready;
        // Before any dump, so that no change falls between the two.
        self.monitor = self.send(monitor_request());
        self.events.push_back(Event::Ready(Ready { features, ports, dialect: Dialect::OpenFlow13, meters, measures }));
        self.events.extend(std::mem::take(&mut self.early).into_iter().map(Event::Port));
    }
}

/// What was asked on the way to Ready.
#[derive(Debug)]
pub(super) struct Asked {
    /// The packet that is measured.
    pub(super) measure: Xid,
    /// Whether that was not refused.
    pub(super) measures: bool,
    /// The question about meters.
    pub(super) meters: Xid,
}

/// A packet that is measured and goes nowhere: a switch that cannot measure refuses it.
fn measuring() -> PacketOut {
    let actions = vec![Action::CheckPktLarger { len: 1_500, dst: registers::LONGER.first_bit() }];
    PacketOut { buffer_id: BufferId::NONE, in_port: PortNo::CONTROLLER, actions, frame: Bytes::from_static(&[0; 60]) }
}

/// To be told of every flow that others add, change or delete.
fn monitor_request() -> Message {
    let flags = FlowMonitorFlags::ADD | FlowMonitorFlags::DELETE | FlowMonitorFlags::MODIFY | FlowMonitorFlags::ACTIONS;
    let request =
        FlowMonitorRequest { id: 1, flags, out_port: PortNo::ANY, table: TableId::ALL, matching: Match::new() };
    Message::MultipartRequest(MultipartRequest::new(MultipartRequestBody::FlowMonitor(vec![request])))
}
