//! What the switch itself takes in: messages that were encoded before, in one bundle, over one socket.

use buoy_flows::openflow::{
    BundleAdd, BundleControl, BundleControlKind, BundleFlags, BundleId, FlowMod, FlowModCommand, FlowStats, Message,
    Xid,
};
use bytes::BytesMut;

use crate::{Lab, Switch};

/// The messages of a bundle.
#[derive(Debug)]
pub(super) struct Prepared {
    bytes: BytesMut,
    barrier: Xid,
    id: BundleId,
}

impl Prepared {
    /// Encodes what adds these flows.
    #[track_caller]
    pub(super) fn new(flows: Vec<FlowStats>) -> Self {
        let id = BundleId(FIRST.0);
        let mut bytes = BytesMut::new();
        let mut put = |xid: u32, message: &Message| {
            message.encode(Xid(FIRST.0 + xid), &mut bytes).expect("what a switch has can be written");
        };
        put(0, &Message::BundleControl(BundleControl::new(id, BundleControlKind::OpenRequest, FLAGS)));
        let mut xid = 0;
        for flow in flows {
            xid += 1;
            let FlowStats { table, priority, cookie, matching, instructions, .. } = flow;
            let command = FlowModCommand::Add;
            let add = FlowMod { table, priority, cookie, matching, instructions, command, ..FlowMod::default() };
            let message = Box::new(Message::FlowMod(add));
            put(xid, &Message::BundleAdd(BundleAdd { id, flags: FLAGS, message }));
        }
        xid += 1;
        put(xid, &Message::BarrierRequest);
        Self { bytes, barrier: Xid(FIRST.0 + xid), id }
    }

    /// Sends them and waits until the switch has committed them. Panics where it refuses one.
    #[track_caller]
    pub(super) fn send(&self, switch: &mut Switch) {
        switch.send_bytes(&self.bytes);
        loop {
            match switch.receive() {
                (xid, Message::BarrierReply) if xid == self.barrier => break,
                (xid, Message::Error(error)) => panic!("message {} was refused: {error}", xid.0),
                _ => {}
            }
        }
        let commit = BundleControl::new(self.id, BundleControlKind::CommitRequest, FLAGS);
        let done = switch.ask(Message::BundleControl(commit));
        assert!(matches!(&done, Message::BundleControl(own) if own.kind == BundleControlKind::CommitReply), "{done:?}");
    }
}

/// A bare client of a bridge that has the meters which flows refer to.
#[track_caller]
pub(super) fn client(lab: &Lab, bridge: &str) -> Switch {
    let mut switch = Switch::connect(lab, bridge);
    switch.give_meters();
    switch
}

/// Away from the numbers that the client gives its own messages.
const FIRST: Xid = Xid(0x4000_0000);
const FLAGS: BundleFlags = BundleFlags(BundleFlags::ATOMIC.0 | BundleFlags::ORDERED.0);
