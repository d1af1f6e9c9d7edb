//! The bare OpenFlow client of [`crate::switch`], speaking OpenFlow 1.0.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use buoy_flows::flow::{Flow, Owner};
use buoy_flows::legacy::{FlowMod, Message, Request};
use buoy_flows::openflow::{FlowModCommand, Xid, split_frame};
use bytes::{Bytes, BytesMut};

use crate::Lab;

/// A connection to a bridge in OpenFlow 1.0.
#[derive(Debug)]
pub struct LegacySwitch {
    stream: UnixStream,
    buffer: BytesMut,
    xid: u32,
}

impl LegacySwitch {
    /// Connects to a bridge of a lab by its management socket, and says hello.
    #[track_caller]
    pub fn connect(lab: &Lab, bridge: &str) -> Self {
        let path = lab.path(&format!("/run/openvswitch/{bridge}.mgmt"));
        let stream = UnixStream::connect(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        let mut switch = Self { stream, buffer: BytesMut::new(), xid: 0 };
        switch.send(&Request::Hello);
        assert!(matches!(switch.receive().1, Message::Hello(hello) if hello.supports(0x01)));
        // A management socket tells nothing unasked until it is told how much of a packet to send.
        switch.stream.write_all(&[1, SET_CONFIG, 0, 12, 0, 0, 0, 0, 0, 0, 0xff, 0xff]).expect("the switch reads");
        switch
    }

    /// Sends a message; returns the xid that it went out with.
    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Xid {
        self.xid += 1;
        let mut out = BytesMut::new();
        request.encode(Xid(self.xid), &mut out).expect("it can be written");
        self.stream.write_all(&out).expect("the switch reads");
        Xid(self.xid)
    }

    /// The next message.
    #[track_caller]
    pub fn receive(&mut self) -> (Xid, Message) {
        let frame = next_frame(&mut self.stream, &mut self.buffer).expect("the switch answers");
        Message::decode(&frame).unwrap_or_else(|error| panic!("{error}: {frame:02x?}"))
    }

    /// Sends a message, and returns its answer.
    #[track_caller]
    pub fn ask(&mut self, request: &Request) -> Message {
        let asked = self.send(request);
        loop {
            let (xid, answer) = self.receive();
            if xid == asked {
                return answer;
            }
        }
    }

    /// Sends flow mods and a barrier; nothing may be refused.
    #[track_caller]
    pub fn install(&mut self, flows: &[Flow], command: FlowModCommand) {
        for flow in flows {
            let flow_mod = FlowMod::try_from(&flow.to_flow_mod(command)).expect("1.0 has words for it");
            self.send(&Request::FlowMod(flow_mod));
        }
        let barrier = self.send(&Request::BarrierRequest);
        loop {
            match self.receive() {
                (xid, Message::BarrierReply) if xid == barrier => break,
                (xid, Message::Error(error)) => panic!("flow mod {} was refused: {error}", xid.0),
                _ => {}
            }
        }
    }

    /// All flows of ours, as text that is equal for equal flows.
    #[track_caller]
    pub fn dump(&mut self) -> BTreeSet<String> {
        self.send(&Request::FlowStatsRequest);
        let mut all = BTreeSet::new();
        loop {
            let (_, Message::FlowStats { flows, more }) = self.receive() else { continue };
            let ours = flows.into_iter().filter(|own| Owner::is_ours(own.cookie));
            all.extend(ours.map(|own| format!("{:?}", Flow::from_stats(own).expect("a flow of ours").pack())));
            if !more {
                return all;
            }
        }
    }
}

/// The flow mods that `ovs-ofctl add-flows` writes in OpenFlow 1.0 for flows in its own language.
#[track_caller]
pub fn written_by_ovs_ofctl(lab: &Lab, flows: &[String]) -> Vec<Bytes> {
    let (file, socket) = ("/run/buoy/legacy.flows", "/run/buoy/legacy.sock");
    std::fs::write(lab.path(file), flows.join("\n")).expect("/run of the lab is writable");
    let listener = UnixListener::bind(lab.path(socket)).expect("/run of the lab is writable");
    let target = format!("unix:{socket}");
    let words = ["ovs-ofctl", "-O", "OpenFlow10", "-F", "OpenFlow10", "--no-names", "add-flows", &target, file];
    listener.set_nonblocking(true).expect("a socket can wait for nobody");
    let mut running = lab.host().spawn(words);
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) => assert!(running.is_running(), "{}", running.stderr()),
        }
        thread::sleep(Duration::from_millis(5));
    };
    stream.set_nonblocking(false).expect("a socket can wait");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.write_all(&[1, HELLO, 0, 8, 0, 0, 0, 1]).expect("ovs-ofctl reads");
    let (mut buffer, mut written) = (BytesMut::new(), Vec::new());
    while let Some(frame) = next_frame(&mut stream, &mut buffer) {
        match frame.get(1) {
            Some(&FLOW_MOD) => written.push(frame),
            Some(&BARRIER_REQUEST) => {
                let xid = frame.get(4..8).expect("a header");
                stream.write_all(&[&[1, BARRIER_REPLY, 0, 8], xid].concat()).expect("ovs-ofctl reads");
            }
            _ => {}
        }
    }
    running.wait(Duration::from_secs(10)).expect_success();
    std::fs::remove_file(lab.path(socket)).expect("it was made here");
    written
}

/// The next frame; none where the other side hung up.
fn next_frame(stream: &mut UnixStream, buffer: &mut BytesMut) -> Option<Bytes> {
    loop {
        if let Some(frame) = split_frame(buffer).expect("a frame") {
            return Some(frame);
        }
        let mut chunk = [0; 65_536];
        let count = stream.read(&mut chunk).expect("the other side goes on");
        if count == 0 {
            return None;
        }
        buffer.extend_from_slice(chunk.get(..count).expect("no more was read"));
    }
}

const HELLO: u8 = 0;
const SET_CONFIG: u8 = 9;
const FLOW_MOD: u8 = 14;
const BARRIER_REQUEST: u8 = 18;
const BARRIER_REPLY: u8 = 19;
