//! One step of a switch towards what it should have.

use std::fmt;

use bytes::BytesMut;

use super::{FlowBody, FlowKey};
use crate::openflow::{BundleFlags, BundleId, EncodeError, FlowMod, FlowModCommand, Instruction, Xid};

/// A flow that is to be there with this body, or that is to go. What is sent is made from the bytes as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which flow.
    pub key: FlowKey,
    /// What it is to do; none where it is to go.
    pub body: Option<FlowBody>,
}

impl Step {
    /// The flow mod that does it.
    pub fn to_flow_mod(&self) -> FlowMod {
        let (table, priority, matching) = self.key.parts().expect("a key is made from a match");
        let Some(body) = &self.body else {
            return FlowMod { table, priority, matching, command: FlowModCommand::DeleteStrict, ..FlowMod::default() };
        };
        let (cookie, bytes) = body.split();
        let instructions = Instruction::decode_list(bytes).expect("a body is made from instructions");
        FlowMod { cookie, table, priority, matching, instructions, ..FlowMod::default() }
    }

    /// Appends that flow mod as a message of an open bundle. It costs no more than to copy the bytes.
    pub fn put_in_bundle(
        &self,
        bundle: BundleId,
        flags: BundleFlags,
        xid: Xid,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let (table, priority) = self.key.place();
        let (command, (cookie, instructions)) = match &self.body {
            Some(body) => (FlowModCommand::Add, body.split()),
            None => (FlowModCommand::DeleteStrict, Default::default()),
        };
        let head = FlowMod { cookie, table, command, priority, ..FlowMod::default() };
        head.put_in_bundle((self.key.oxm(), instructions), (bundle, flags, xid), out)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_flow_mod().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::owner::Feature;
    use crate::flow::{Flow, Owner};
    use crate::openflow::{Action, BundleAdd, MatchField, Message, TableId};

    /// The bytes are those of the flow mod, encoded field by field.
    #[track_caller]
    fn check(step: &Step, command: FlowModCommand) {
        let flow_mod = step.to_flow_mod();
        assert_eq!(flow_mod.command, command);
        let (id, flags, xid) = (BundleId(7), BundleFlags::ATOMIC | BundleFlags::ORDERED, Xid(9));
        let (mut bytes, mut same) = (BytesMut::new(), BytesMut::new());
        step.put_in_bundle(id, flags, xid, &mut bytes).unwrap();
        let add = BundleAdd { id, flags, message: Box::new(Message::FlowMod(flow_mod)) };
        Message::BundleAdd(add).encode(xid, &mut same).unwrap();
        assert_eq!(bytes, same, "{step}");
    }

    #[test]
    fn what_is_sent_is_the_flow_mod() {
        let ip =
            Flow::new(TableId(40), 100, Owner { feature: Feature::Nat, entity: 3 }).on(MatchField::EthType(0x0800));
        for flow in [
            Flow::new(TableId(0), 0, Owner { feature: Feature::Drop, entity: 0 }),
            ip.clone().on(MatchField::IpProto(17)).goto(TableId(50)),
            ip.apply([Action::DecNwTtl, Action::SetField(MatchField::IpProto(6))]).goto(TableId(60)),
        ] {
            let (key, body) = flow.pack();
            check(&Step { key: key.clone(), body: Some(body) }, FlowModCommand::Add);
            check(&Step { key, body: None }, FlowModCommand::DeleteStrict);
        }
    }
}
