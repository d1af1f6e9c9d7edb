//! ARP on the provider's side. Floating IPs are answered for in the switch, whoever asks. What gateway and on-link
//! neighbours say is copied to the controller, unless it is a question that teaches nothing new.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, Pool};

use super::{Station, View, owned_by};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, arp_answer, arp_request, forget_in_port, set_eth_dst, set_eth_src};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{ORIGIN, Origin};
use crate::pipeline::tables::external::{ARP, ARP_ANSWER, ARP_TARGET, GUARD};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let flow =
        |table: TableId, priority| Flow::new(table, priority, view.owner(Feature::Arp)).on(view.ours()).on(arp());
    let learn = |priority, origin: Origin, meter: Meter| {
        flow(ARP, priority).on(ORIGIN.is(origin)).apply([meter.to_controller(view.world.bridge)])
    };
    if let Some(gateway) = view.provider.gateway {
        flows.push(learn(LEARN_GATEWAY, Origin::Provider, Meter::Gateway).on(sender(gateway)).goto(ARP_TARGET));
    }
    for block in &view.provider.onlink {
        flows.push(
            learn(LEARN_ONLINK, Origin::Provider, Meter::Neighbour)
                .on(MatchField::ArpSpa((*block).into()))
                .goto(ARP_TARGET),
        );
    }
    for address in &view.provider.host_ips {
        flows.push(flow(ARP, KNOWN).on(ORIGIN.is(Origin::Host)).on(sender(*address)).goto(ARP_TARGET));
    }
    flows.push(learn(LEARN_HOST, Origin::Host, Meter::Neighbour).goto(ARP_TARGET));
    flows.push(flow(ARP, OTHERS).goto(ARP_TARGET));

    let answered = |origin: Origin| flow(ARP_ANSWER, ANSWER).on(ORIGIN.is(origin));
    flows.push(answered(Origin::Provider).apply([forget_in_port()]).goto(GUARD));
    flows.push(answered(Origin::Host).apply(view.return_output()));

    to_host(view, flows, &flow);
    from_host(view, flows, &flow);
}

fn to_host(view: &View<'_>, flows: &mut Vec<Flow>, flow: &dyn Fn(TableId, u16) -> Flow) {
    let inward = |priority| flow(ARP_TARGET, priority).on(ORIGIN.is(Origin::Provider));
    if view.translates_host() {
        let mac = view.local.mac;
        let renamed = [set_eth_dst(mac), Action::SetField(MatchField::ArpTha(mac.into()))];
        let renamed = renamed.into_iter().chain(view.host_output());
        flows.push(inward(HOST_TRANSLATED).on(MatchField::EthDst(view.uplink.mac.into())).apply(renamed));
    }
    flows.push(inward(HOST).apply(view.host_output()));
}

fn from_host(view: &View<'_>, flows: &mut Vec<Flow>, flow: &dyn Fn(TableId, u16) -> Flow) {
    let mac = view.local.mac;
    let outward = flow(ARP_TARGET, HOST).on(ORIGIN.is(Origin::Host));
    let outward = outward.on(MatchField::EthSrc(mac.into())).on(MatchField::ArpSha(mac.into()));
    let mac = view.uplink.mac;
    flows.push(if view.translates_host() {
        outward.apply([set_eth_src(mac), Action::SetField(MatchField::ArpSha(mac.into()))]).goto(GUARD)
    } else {
        outward.goto(GUARD)
    });
    let forged = Flow::new(ARP_TARGET, FORGED, Owner::dropping(DropReason::ForgedHostMac));
    flows.push(forged.on(view.ours()).on(arp()).on(ORIGIN.is(Origin::Host)));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    let within = |priority, owner| Flow::new(ARP_TARGET, priority, owner).on(view.ours()).on(arp());
    for block in view.world.site.blocks(pool) {
        let claimed = within(CLAIMED, owned_by(pool, Feature::Arp)).on(ORIGIN.is(Origin::Provider));
        flows.push(claimed.on(MatchField::ArpSpa(block.into())).apply([Meter::Claim.to_controller(view.world.bridge)]));
    }
    for block in view.world.site.closed_blocks(pool) {
        let nobody = within(NOBODY, Owner::dropping(DropReason::UnassociatedArp));
        flows.push(nobody.on(arp_request()).on(MatchField::ArpTpa(block.into())));
    }
}

/// An address that is here, with the MAC that it has towards the provider.
pub(super) fn address(view: &View<'_>, owner: Owner, address: Ipv4Addr, mac: MacAddr, flows: &mut Vec<Flow>) {
    let asked = Flow::new(ARP_TARGET, FLOATING, owner).on(view.ours()).on(arp()).on(arp_request());
    flows.push(asked.on(target(address)).apply(arp_answer(address, mac)).goto(ARP_ANSWER));
}

pub(super) fn neighbour(view: &View<'_>, station: Station, flows: &mut Vec<Flow>) {
    let flow = |table, priority| Flow::new(table, priority, view.owner(Feature::Arp)).on(view.ours()).on(arp());
    let known = |origin: Origin, address, mac: MacAddr| {
        let question = flow(ARP, KNOWN).on(ORIGIN.is(origin)).on(arp_request());
        question.on(sender(address)).on(MatchField::ArpSha(mac.into())).goto(ARP_TARGET)
    };
    // A direct port that asks is answered here: the provider hears nothing of it.
    let answered = |address, mac| {
        let asked = flow(ARP_TARGET, STATION).on(ORIGIN.is(Origin::Direct)).on(arp_request());
        asked.on(target(address)).apply(arp_answer(address, mac)).goto(ARP_ANSWER)
    };
    match station {
        // No flow here has the gateway's MAC but this answer: a new one is to change as little as can be.
        Station::Gateway { address, mac: Some(mac) } => {
            flows.extend(view.has_directs().then(|| answered(address, mac)));
        }
        Station::OnLink { address, mac } => {
            flows.extend([known(Origin::Provider, address, mac), answered(address, mac)]);
        }
        Station::Host { address } if !view.is_host(address) => {
            flows.push(known(Origin::Host, address, view.local.mac));
        }
        Station::Gateway { mac: None, .. } | Station::Host { .. } | Station::Unknown => {}
    }
}

fn sender(address: Ipv4Addr) -> MatchField {
    MatchField::ArpSpa(address.into())
}

fn target(address: Ipv4Addr) -> MatchField {
    MatchField::ArpTpa(address.into())
}

// ARP
const KNOWN: u16 = 210;
const LEARN_GATEWAY: u16 = 200;
const LEARN_ONLINK: u16 = 190;
const LEARN_HOST: u16 = 180;
const OTHERS: u16 = 1;
// ARP_TARGET
const CLAIMED: u16 = 310;
const FLOATING: u16 = 300;
const STATION: u16 = 210;
const NOBODY: u16 = 200;
const HOST_TRANSLATED: u16 = 110;
const HOST: u16 = 100;
const FORGED: u16 = 50;
// ARP_ANSWER
const ANSWER: u16 = 100;
