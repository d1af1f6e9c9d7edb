//! To where a provider routes fixed addresses, and back: nothing is rewritten. The destination alone decides, so that
//! instances with and without a floating IP go the same way.
//!
//! Who is there may also ask a floating IP. The tracker remembers that, and is asked about everything that goes there: what
//! it finds to be an answer has to come from the floating IP, as everywhere else. It translates nothing. Without a tracker
//! the answer would come from the fixed address, and so the question ends.

use buoy_topology::{Network, PortNo, Provider};
use ipnet::Ipv4Net;

use super::snat::{self, TRACKED};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, Ct, CtFlags, CtZone, Masked, MatchField, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{from, in_port, ipv4, to, untagged};
use crate::pipeline::registers::{ANSWER, Answer, EXIT, NETWORK, ORIGIN, Origin, QUOTE};
use crate::pipeline::tables::integration::{
    ADMIT, DELIVER, DESTINATION_NAT, EGRESS, HAIRPIN, HAIRPIN_OUT, ROUTE, ROUTED_BACK, SOURCE_NAT,
};

/// What there is once, where there is a tracker.
pub(super) fn base(flows: &mut Vec<Flow>) {
    let flow = |table, priority| Flow::new(table, priority, Owner { feature: Feature::Routing, entity: 0 });
    flows.push(flow(HAIRPIN_OUT, ASKED).on(ORIGIN.is(Origin::Provider)).goto(DELIVER));
    flows.push(Flow { priority: UNKNOWN, ..snat::invalid(HAIRPIN_OUT) }.on(ORIGIN.is(Origin::Provider)));
    for state in [REPLY, RELATED] {
        let answer = flow(ROUTED_BACK, ANSWERS).on(MatchField::CtState(Masked::new(TRACKED | state, TRACKED | state)));
        flows.push(answer.apply([ANSWER.set(Answer::Outside)]).goto(SOURCE_NAT));
    }
    flows.push(flow(ROUTED_BACK, OTHERS).goto(SOURCE_NAT));
}

pub(super) fn provider(provider: &Provider, tracks: bool, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Routing, entity: provider.id.0 };
    for block in provider.no_snat.iter().copied() {
        let plain = Flow::new(SOURCE_NAT, PLAIN, owner).on(ipv4()).on(to(block));
        flows.push(plain.on(ANSWER.is(0_u32)).apply([EXIT.set(provider.id.0)]).goto(EGRESS));
        if tracks {
            remembered(owner, block, flows);
        } else {
            flows.push(asking(Flow::new(DESTINATION_NAT, MIXED, Owner::dropping(DropReason::ToFloating)), block));
        }
    }
}

/// Who asks a floating IP from a block, and is answered.
fn remembered(owner: Owner, block: Ipv4Net, flows: &mut Vec<Flow>) {
    let asked = asking(Flow::new(HAIRPIN, FROM_ROUTED, owner), block);
    flows.push(asked.apply([track(CtFlags::COMMIT, HAIRPIN_OUT)]));
    let there = Flow::new(ROUTE, THERE, owner).on(ipv4()).on(ORIGIN.is(Origin::Instance)).on(to(block));
    flows.push(there.apply([Action::DecNwTtl, track(CtFlags::default(), ROUTED_BACK)]));
}

/// From a block, to a floating IP. An error that somebody there reports is not asking: it has been to the controller.
fn asking(flow: Flow, block: Ipv4Net) -> Flow {
    flow.on(ipv4()).on(ORIGIN.is(Origin::Provider)).on(QUOTE.is(0_u32)).on(from(block))
}

/// Where fixed addresses are routed no two networks have the same: one zone is enough.
fn track(flags: CtFlags, table: TableId) -> Action {
    Action::Ct(Ct { flags, zone: CtZone::Number(ZONE), table: Some(table), alg: 0, actions: Vec::new() })
}

/// From the provider's bridge, which lets through only what may come to a fixed address.
pub(super) fn network(network: &Network, patch: PortNo) -> Flow {
    let owner = Owner { feature: Feature::Routing, entity: network.id.0 };
    let inward = Flow::new(ADMIT, FIXED, owner).on(in_port(patch)).on(ipv4()).on(untagged()).on(to(network.cidr));
    inward.apply([ORIGIN.set(Origin::Provider), NETWORK.set(network.id.0)]).goto(ROUTE)
}

const ZONE: u16 = 0xd000;
/// What ct_state says (ovs-fields(7)): an answer, or an error about what was tracked.
const REPLY: u32 = 0x08;
const RELATED: u32 = 0x04;

/// SOURCE_NAT: before the errors too, whose quoted packets are as they were sent.
const PLAIN: u16 = 250;
/// ROUTE: after what is over, before the way to everywhere.
const THERE: u16 = 20;
/// ROUTED_BACK
const ANSWERS: u16 = 100;
const OTHERS: u16 = 10;
/// HAIRPIN: before what is delivered at once.
const FROM_ROUTED: u16 = 80;
/// HAIRPIN_OUT: after what was translated, and the errors.
const ASKED: u16 = 90;
/// HAIRPIN_OUT: what the tracker does not take is not remembered, and its answer would come from the fixed address.
const UNKNOWN: u16 = 95;
/// DESTINATION_NAT: before the floating IPs, after the errors.
const MIXED: u16 = 150;
/// ADMIT: before what is over, which *route* sees for itself.
const FIXED: u16 = 120;
