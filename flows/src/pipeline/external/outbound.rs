//! From instances: the source address tells the provider, and with it the source MAC that all its addresses share. Where
//! each has its own, the guard writes it. Anything that is not from a pool's address ends here.

use buoy_topology::{MacAddr, Pool};

use super::{View, owned_by};
use crate::flow::Flow;
use crate::flow::owner::Feature;
use crate::pipeline::fields::{from, ipv4, set_eth_src};
use crate::pipeline::registers::PROVIDER;
use crate::pipeline::tables::external::{NEXT_HOP, OUTBOUND};

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    let mac = view.shared_mac().unwrap_or(UNNAMED);
    for block in view.world.site.blocks(pool) {
        let flow = Flow::new(OUTBOUND, POOL, owned_by(pool, Feature::Outbound)).on(ipv4());
        flows.push(flow.on(from(block)).apply([PROVIDER.set(view.provider.id.0), set_eth_src(mac)]).goto(NEXT_HOP));
    }
}

/// What a packet carries until the guard gives it the MAC of its address: no provider gave it to anybody, and the guard lets
/// it out for nobody.
const UNNAMED: MacAddr = MacAddr::new([0x02, 0xb0, 0x07, 0, 0, 0]);

const POOL: u16 = 100;
