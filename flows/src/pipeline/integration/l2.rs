//! Inside the network: to another instance directly, to the gateway's MAC for routing.

use buoy_topology::{MacAddr, Network};

use super::within;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Masked, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::tables::integration::{DELIVER, L2, ROUTE};

pub(super) fn base(flows: &mut Vec<Flow>) {
    let group_bit = MacAddr::new([0x01, 0, 0, 0, 0, 0]);
    let multicast = Flow::new(L2, GROUP, Owner::dropping(DropReason::Multicast));
    flows.push(multicast.on(MatchField::EthDst(Masked::new(group_bit, group_bit))));
    flows.push(Flow::new(L2, NEIGHBOUR, Owner { feature: Feature::Switching, entity: 0 }).goto(DELIVER));
}

pub(super) fn network(network: &Network, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Switching, entity: network.id.0 };
    let routed = Flow::new(L2, GATEWAY, owner).on(within(network)).on(MatchField::EthDst(network.gateway_mac.into()));
    flows.push(routed.goto(ROUTE));
}

const GATEWAY: u16 = 100;
const GROUP: u16 = 50;
const NEIGHBOUR: u16 = 10;
