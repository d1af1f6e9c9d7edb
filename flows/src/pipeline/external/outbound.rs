//! From instances: the source address tells the provider and the source MAC. Anything that is not from a floating IP
//! ends here.

use buoy_topology::{FloatingIp, MacAddr, Pool};

use super::{View, owned_by};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::fields::{from, ipv4, set_eth_src};
use crate::pipeline::registers::PROVIDER;
use crate::pipeline::tables::external::{NEXT_HOP, OUTBOUND};

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    let Some(mac) = view.shared_mac() else { return };
    for block in view.world.site.blocks(pool) {
        let flow = Flow::new(OUTBOUND, POOL, owned_by(pool, Feature::Outbound)).on(ipv4());
        flows.push(flow.on(from(block)).apply([PROVIDER.set(view.provider.id.0), set_eth_src(mac)]).goto(NEXT_HOP));
    }
}

pub(super) fn association(view: &View<'_>, fip: &FloatingIp, mac: MacAddr, flows: &mut Vec<Flow>) {
    if view.shared_mac().is_some() {
        return;
    }
    let owner = Owner { feature: Feature::Outbound, entity: fip.id.0 };
    let flow = Flow::new(OUTBOUND, ADDRESS, owner).on(ipv4());
    let actions = [PROVIDER.set(view.provider.id.0), set_eth_src(mac)];
    flows.push(flow.on(MatchField::Ipv4Src(fip.address.into())).apply(actions).goto(NEXT_HOP));
}

const ADDRESS: u16 = 110;
const POOL: u16 = 100;
