//! ARP of instances. The network's gateway is answered for in the switch; a question about an instance goes to that
//! instance alone; nothing leaves the network.

use buoy_topology::Network;

use super::{Guest, within};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::fields::{arp, arp_answer, arp_reply, arp_request, set_eth_dst};
use crate::pipeline::tables::integration::{ARP, DELIVER};

pub(super) fn network(network: &Network, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Arp, entity: network.id.0 };
    let flow = |priority| Flow::new(ARP, priority, owner).on(within(network)).on(arp());
    let asked = flow(GATEWAY).on(arp_request()).on(MatchField::ArpTpa(network.gateway.into()));
    let answer = arp_answer(network.gateway, network.gateway_mac);
    flows.push(asked.apply(answer).goto(DELIVER));
    flows.push(flow(REPLY).on(arp_reply()).goto(DELIVER));
}

pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let asked = guest.flow(ARP, INSTANCE, Feature::Arp).on(arp()).on(arp_request());
    let asked = asked.on(MatchField::ArpTpa(guest.interface.ip.into()));
    flows.push(asked.apply([set_eth_dst(guest.interface.mac)]).goto(DELIVER));
}

const GATEWAY: u16 = 100;
const INSTANCE: u16 = 90;
const REPLY: u16 = 80;
