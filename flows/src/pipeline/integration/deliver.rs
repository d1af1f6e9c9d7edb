//! The last step: by MAC to the instance's port, with its VLAN tag where the port is a trunk.

use super::Guest;
use crate::flow::Flow;
use crate::flow::owner::Feature;
use crate::openflow::{Action, MatchField};
use crate::pipeline::fields::output;
use crate::pipeline::tables::integration::DELIVER;

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let here = guest.flow(DELIVER, INSTANCE, Feature::Deliver).on(MatchField::EthDst(guest.interface.mac.into()));
    let tag = guest.interface.vlan.map(|vlan| {
        let vid = MatchField::VlanVid((PRESENT | vlan.number()).into());
        [Action::PushVlan(0x8100), Action::SetField(vid)]
    });
    flows.push(here.apply(tag.into_iter().flatten().chain([output(guest.port)])));
}

/// OFPVID_PRESENT: there is a tag.
const PRESENT: u16 = 0x1000;

const INSTANCE: u16 = 100;
