//! What was sent to the network's gateway: for the gateway itself, for the same network after all, or for the world.

use std::net::Ipv4Addr;

use buoy_topology::Network;
use ipnet::Ipv4Net;

use super::{Guest, within};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{echo_answer, echo_request, ipv4, set_eth_dst, set_eth_src, to};
use crate::pipeline::registers::{ORIGIN, Origin};
use crate::pipeline::tables::integration::{DELIVER, ROUTE, SOURCE_NAT};

pub(super) fn base(flows: &mut Vec<Flow>) {
    let away = Flow::new(ROUTE, AWAY, Owner { feature: Feature::Routing, entity: 0 }).on(ipv4());
    flows.push(away.apply([Action::DecNwTtl]).goto(SOURCE_NAT));
    // A guest may send them to the gateway's MAC: no router forwards them (RFC 1812, section 5.3.5).
    for groups in [MULTICAST, Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32)] {
        flows.push(Flow::new(ROUTE, GROUP, Owner::dropping(DropReason::Multicast)).on(ipv4()).on(to(groups)));
    }
}

pub(super) fn network(network: &Network, flows: &mut Vec<Flow>) {
    let end = |priority, reason| Flow::new(ROUTE, priority, Owner::dropping(reason)).on(within(network)).on(ipv4());
    let asked = Flow::new(ROUTE, ECHO, Owner { feature: Feature::Icmp, entity: network.id.0 }).on(within(network));
    let asked = asked.on(ORIGIN.is(Origin::Instance)).on(MatchField::Ipv4Dst(network.gateway.into()));
    let asked = echo_request().into_iter().fold(asked, Flow::on);
    flows.push(asked.apply(echo_answer(network.gateway, network.gateway_mac)).goto(DELIVER));
    flows.push(end(GATEWAY, DropReason::ToGateway).on(MatchField::Ipv4Dst(network.gateway.into())));
    flows.push(end(NOBODY, DropReason::UnknownInstance).on(to(network.cidr)));
}

/// A guest with a /32 sends to its neighbours by the gateway too.
pub(super) fn interface(guest: Guest<'_>, flows: &mut Vec<Flow>) {
    let back = guest.flow(ROUTE, INSTANCE, Feature::Routing).on(ipv4());
    let back = back.on(MatchField::Ipv4Dst(guest.interface.ip.into()));
    let actions = [Action::DecNwTtl, set_eth_src(guest.network.gateway_mac), set_eth_dst(guest.interface.mac)];
    flows.push(back.apply(actions).goto(DELIVER));
}

/// IPv4 multicast (RFC 5771).
const MULTICAST: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4);

const ECHO: u16 = 110;
const GATEWAY: u16 = 100;
const GROUP: u16 = 97;
const INSTANCE: u16 = 90;
const NOBODY: u16 = 80;
const AWAY: u16 = 10;
