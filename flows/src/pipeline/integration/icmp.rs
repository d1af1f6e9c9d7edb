//! What no flow can do, and the controller does: the packet that an ICMP error quotes is translated like the error itself
//! (RFC 5508, section 4), and a packet whose time to live is over is answered. Nothing of it is per floating IP.

use buoy_topology::{Bridge, PortNo};

use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::icmp::quoted;
use crate::openflow::{MatchField, TableId};
use crate::pipeline::fields::{in_port, ipv4, untagged};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{ORIGIN, Origin, QUOTE};
use crate::pipeline::tables::integration::{ADMIT, DESTINATION_NAT, ROUTE, SOURCE_NAT};

pub(super) fn base(bridge: &Bridge, flows: &mut Vec<Flow>) {
    for icmp_type in quoted::TYPES {
        let error = |table| {
            let error = Flow::new(table, TO_TRANSLATE, OWNER).on(ipv4()).on(MatchField::IpProto(1));
            let error = error.on(MatchField::Icmpv4Type(icmp_type)).on(QUOTE.is(0_u32));
            error.apply([Meter::Quote.to_controller(bridge)])
        };
        flows.push(error(SOURCE_NAT));
        // From an instance it has been translated as a whole before.
        flows.push(error(DESTINATION_NAT).on(ORIGIN.is(Origin::Provider)));
    }
    flows.extend(expired(ROUTE, TO_EXPIRE, bridge));
}

/// What comes from a provider's bridge too late.
pub(super) fn patch(patch: PortNo, bridge: &Bridge) -> impl Iterator<Item = Flow> {
    expired(ADMIT, EXPIRED, bridge).map(move |flow| flow.on(in_port(patch)).on(untagged()))
}

fn expired(table: TableId, priority: u16, bridge: &Bridge) -> impl Iterator<Item = Flow> {
    [0, 1].into_iter().map(move |ttl| {
        let flow = Flow::new(table, priority, OWNER).on(ipv4()).on(MatchField::NwTtl(ttl));
        flow.apply([Meter::Expired.to_controller(bridge)])
    })
}

const OWNER: Owner = Owner { feature: Feature::Icmp, entity: 0 };
// SOURCE_NAT, DESTINATION_NAT: before what rewrites a floating IP.
const TO_TRANSLATE: u16 = 200;
// ROUTE: after the gateway itself, before everything that is farther away.
const TO_EXPIRE: u16 = 95;
// ADMIT: before what counts down.
const EXPIRED: u16 = 110;
