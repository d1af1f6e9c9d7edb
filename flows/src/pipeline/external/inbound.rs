//! From the provider, and from the host: to instances what goes to a pool's addresses, the rest to the other of the two.
//! The host reaches the addresses of all providers of the bridge here. Which addresses are associated is br-int's to know: it drops and counts those that are not.

use buoy_topology::Pool;

use super::{View, owned_by};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{ipv4, output, set_eth_dst, set_eth_src, to, untagged};
use crate::pipeline::registers::{ORIGIN, Origin};
use crate::pipeline::tables::external::{GUARD, INBOUND};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let flow = |priority, origin: Origin| {
        Flow::new(INBOUND, priority, view.owner(Feature::Inbound)).on(view.ours()).on(ORIGIN.is(origin))
    };
    let to_uplink = MatchField::EthDst(view.uplink.mac.into());
    if view.translates_host() {
        let renamed = std::iter::once(set_eth_dst(view.local.mac)).chain(view.host_output());
        flows.push(flow(HOST_TRANSLATED, Origin::Provider).on(to_uplink).apply(renamed));
    }
    flows.push(flow(HOST, Origin::Provider).apply(view.host_output()));

    let from_host = flow(HOST, Origin::Host).on(MatchField::EthSrc(view.local.mac.into()));
    flows.push(if view.translates_host() {
        from_host.apply([set_eth_src(view.uplink.mac)]).goto(GUARD)
    } else {
        from_host.goto(GUARD)
    });
    let forged = Flow::new(INBOUND, FORGED, Owner::dropping(DropReason::ForgedHostMac));
    flows.push(forged.on(view.ours()).on(ORIGIN.is(Origin::Host)));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    for block in view.world.site.closed_blocks(pool) {
        let flow = |owner| Flow::new(INBOUND, INSTANCES, owner).on(view.ours()).on(ipv4()).on(untagged()).on(to(block));
        flows.push(match view.patch {
            Some(patch) => flow(owned_by(pool, Feature::Inbound)).apply([output(patch.number)]),
            None => flow(Owner::dropping(DropReason::NoPatchPort)),
        });
        // The host sends by its own provider what is for another one's address: it is here all the same.
        let Some(patch) = view.patch else { continue };
        for other in View::all(view.world).filter(|other| other.provider.id != view.provider.id) {
            let from_host = Flow::new(INBOUND, INSTANCES, owned_by(pool, Feature::Inbound)).on(other.ours());
            let from_host = from_host.on(ORIGIN.is(Origin::Host)).on(ipv4()).on(untagged()).on(to(block));
            flows.push(from_host.apply([output(patch.number)]));
        }
    }
}

const INSTANCES: u16 = 200;
const HOST_TRANSLATED: u16 = 110;
const HOST: u16 = 100;
const FORGED: u16 = 50;
