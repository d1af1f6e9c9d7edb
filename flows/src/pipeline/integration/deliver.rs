//! The last step: by MAC to the instance's port, with its VLAN tag where the port is a trunk. It may be the port that the
//! packet came in on, of another instance behind the trunk or of an instance that reaches its own floating IP; what an
//! instance sends to itself without a floating IP ends here.

use super::Guest;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{forget_in_port, output, push_vlan};
use crate::pipeline::registers::INTERFACE;
use crate::pipeline::tables::integration::DELIVER;

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let here = guest.flow(DELIVER, INSTANCE, Feature::Deliver).on(MatchField::EthDst(guest.interface.mac.into()));
    let tag = guest.interface.vlan.map(push_vlan);
    let out = tag.into_iter().flatten().chain([forget_in_port(), output(guest.port)]);
    flows.push(here.apply(out));

    let mac = guest.interface.mac;
    let itself = Flow::new(DELIVER, ITSELF, Owner::dropping(DropReason::OwnAddress));
    let itself = itself.on(INTERFACE.is(guest.interface.id.0));
    flows.push(itself.on(MatchField::EthSrc(mac.into())).on(MatchField::EthDst(mac.into())));
}

const ITSELF: u16 = 110;
const INSTANCE: u16 = 100;
