//! To where a provider routes fixed addresses, and back: nothing is rewritten. The destination alone decides, so that
//! instances with and without a floating IP go the same way.

use buoy_topology::{Network, PortNo, Provider};

use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{from, in_port, ipv4, to, untagged};
use crate::pipeline::registers::{EXIT, NETWORK, ORIGIN, Origin, QUOTE};
use crate::pipeline::tables::integration::{ADMIT, DESTINATION_NAT, EGRESS, ROUTE, SOURCE_NAT};

pub(super) fn provider(provider: &Provider, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Routing, entity: provider.id.0 };
    for block in provider.no_snat.iter().copied() {
        let plain = Flow::new(SOURCE_NAT, PLAIN, owner).on(ipv4()).on(to(block));
        flows.push(plain.apply([EXIT.set(provider.id.0)]).goto(EGRESS));
        // The answer would come from the fixed address. An error that somebody there reports is welcome: it has been to
        // the controller.
        let mixed = Flow::new(DESTINATION_NAT, MIXED, Owner::dropping(DropReason::ToFloating)).on(ipv4());
        flows.push(mixed.on(ORIGIN.is(Origin::Provider)).on(QUOTE.is(0_u32)).on(from(block)));
    }
}

/// From the provider's bridge, which lets through only what may come to a fixed address.
pub(super) fn network(network: &Network, patch: PortNo) -> Flow {
    let owner = Owner { feature: Feature::Routing, entity: network.id.0 };
    let inward = Flow::new(ADMIT, FIXED, owner).on(in_port(patch)).on(ipv4()).on(untagged()).on(to(network.cidr));
    inward.apply([ORIGIN.set(Origin::Provider), NETWORK.set(network.id.0)]).goto(ROUTE)
}

/// SOURCE_NAT: before the errors too, whose quoted packets are as they were sent.
const PLAIN: u16 = 250;
/// DESTINATION_NAT: before the floating IPs, after the errors.
const MIXED: u16 = 150;
/// ADMIT: before what is over, which *route* sees for itself.
const FIXED: u16 = 120;
