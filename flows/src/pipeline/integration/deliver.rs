//! The last step: by MAC to the instance's port, with its VLAN tag where the port is a trunk.

use super::Guest;
use crate::flow::Flow;
use crate::flow::owner::Feature;
use crate::openflow::MatchField;
use crate::pipeline::fields::{output, push_vlan};
use crate::pipeline::tables::integration::DELIVER;

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let here = guest.flow(DELIVER, INSTANCE, Feature::Deliver).on(MatchField::EthDst(guest.interface.mac.into()));
    let tag = guest.interface.vlan.map(push_vlan);
    flows.push(here.apply(tag.into_iter().flatten().chain([output(guest.port)])));
}

const INSTANCE: u16 = 100;
