//! A bare OpenFlow client: a controller that does nothing but what a test or a benchmark tells it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use buoy_flows::flow::{Flow, Owner};
use buoy_flows::openflow::{
    BundleAdd, BundleControl, BundleControlKind, BundleFlags, BundleId, FlowModCommand, FlowStats, FlowStatsRequest,
    Hello, Message, MeterCommand, MultipartReplyBody, MultipartRequest, MultipartRequestBody, Xid, split_frame,
};
use buoy_flows::pipeline::Meter;
use bytes::BytesMut;

use crate::Lab;

/// A connection to a bridge, on which every frame that comes in is checked.
#[derive(Debug)]
pub struct Switch {
    stream: UnixStream,
    buffer: BytesMut,
    xid: u32,
    heard: BTreeSet<&'static str>,
}

impl Switch {
    /// Connects to a bridge of a lab by its management socket, and says hello.
    #[track_caller]
    pub fn connect(lab: &Lab, bridge: &str) -> Self {
        let path = lab.path(&format!("/run/openvswitch/{bridge}.mgmt"));
        let stream = UnixStream::connect(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut switch = Self { stream, buffer: BytesMut::new(), xid: 0, heard: BTreeSet::new() };
        switch.send(Message::Hello(Hello::ours()));
        assert!(matches!(switch.receive().1, Message::Hello(hello) if hello.supports(0x04)));
        switch
    }

    /// Sends a message; returns the xid that it went out with.
    #[track_caller]
    pub fn send(&mut self, message: Message) -> Xid {
        self.xid += 1;
        let mut out = BytesMut::new();
        message.encode(Xid(self.xid), &mut out).expect("it can be written");
        self.stream.write_all(&out).expect("the switch reads");
        Xid(self.xid)
    }

    /// Sends messages that were encoded before.
    #[track_caller]
    pub fn send_bytes(&mut self, messages: &[u8]) {
        self.stream.write_all(messages).expect("the switch reads");
    }

    /// The next message. What was read is written again, and has to be what the switch sent.
    #[track_caller]
    pub fn receive(&mut self) -> (Xid, Message) {
        loop {
            if let Some(frame) = split_frame(&mut self.buffer).expect("a frame") {
                let (xid, message) = Message::decode(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
                let mut again = BytesMut::new();
                message.encode(xid, &mut again).expect("it can be written");
                assert_eq!(again, frame, "{message:?}");
                self.heard.insert(message.name());
                return (xid, message);
            }
            let mut chunk = [0; 65_536];
            let count = self.stream.read(&mut chunk).expect("the switch answers");
            assert_ne!(count, 0, "the switch hung up");
            self.buffer.extend_from_slice(chunk.get(..count).expect("no more was read"));
        }
    }

    /// Sends a message, and returns its answer.
    #[track_caller]
    pub fn ask(&mut self, message: Message) -> Message {
        let asked = self.send(message);
        loop {
            let (xid, answer) = self.receive();
            if xid == asked {
                return answer;
            }
        }
    }

    /// The names of all messages that came in.
    pub fn heard(&self) -> &BTreeSet<&'static str> {
        &self.heard
    }

    /// Gives the switch the meters that flows refer to.
    #[track_caller]
    pub fn give_meters(&mut self) {
        for meter in Meter::ALL {
            self.send(Message::MeterMod(meter.to_meter_mod(MeterCommand::Add)));
        }
        self.ask(Message::BarrierRequest);
    }

    /// Installs flows in one bundle; nothing may be refused.
    #[track_caller]
    pub fn install(&mut self, flows: &[Flow], command: FlowModCommand) {
        let (id, flags) = (BundleId(self.xid), BundleFlags::ATOMIC | BundleFlags::ORDERED);
        self.send(Message::BundleControl(BundleControl::new(id, BundleControlKind::OpenRequest, flags)));
        for flow in flows {
            let message = Box::new(Message::FlowMod(flow.to_flow_mod(command)));
            self.send(Message::BundleAdd(BundleAdd { id, flags, message }));
        }
        let barrier = self.send(Message::BarrierRequest);
        loop {
            match self.receive() {
                (xid, Message::BarrierReply) if xid == barrier => break,
                (xid, Message::Error(error)) => panic!("flow mod {} was refused: {error}", xid.0),
                _ => {}
            }
        }
        let commit = Message::BundleControl(BundleControl::new(id, BundleControlKind::CommitRequest, flags));
        let done = self.ask(commit);
        assert!(matches!(&done, Message::BundleControl(own) if own.kind == BundleControlKind::CommitReply), "{done:?}");
    }

    /// All flows of ours, as text that is equal for equal flows.
    #[track_caller]
    pub fn dump(&mut self) -> BTreeSet<String> {
        let flows = self.flows().into_iter().filter(|own| Owner::is_ours(own.cookie));
        flows.map(|own| format!("{:?}", Flow::from_stats(own).expect("a flow of ours").pack())).collect()
    }

    /// All flows.
    #[track_caller]
    pub fn flows(&mut self) -> Vec<FlowStats> {
        let body = MultipartRequestBody::Flow(FlowStatsRequest::default());
        self.send(Message::MultipartRequest(MultipartRequest::new(body)));
        let mut flows = Vec::new();
        loop {
            let (_, Message::MultipartReply(reply)) = self.receive() else { continue };
            let MultipartReplyBody::Flow(part) = reply.body else { continue };
            flows.extend(part);
            if !reply.more {
                return flows;
            }
        }
    }
}

/// Longer than a switch takes for a large bundle.
const PATIENCE: Duration = Duration::from_secs(600);
