//! ARP on the provider's side. Questions about floating IPs go to the controller, which answers; what gateway, on-link
//! neighbours and host say goes where it should, and a copy to the controller, unless it teaches nothing new.
//!
//! The output to the controller is the last action of each list: `rust_ofp` would move it there.

use std::net::Ipv4Addr;

use buoy_topology::{FloatingIp, Pool, PortNo};

use super::flow;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, Masked, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::{Station, View, owned_by};
use crate::pipeline::fields::{arp, arp_request, output, set_eth_dst, untagged};
use crate::pipeline::legacy::priorities::external::{
    CLAIMED, FLOATING, KNOWN, LEARN_GATEWAY, LEARN_HOST, LEARN_ONLINK, NOBODY, TRANSLATED,
};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let from_uplink = |priority| spoken(view.uplink.number, priority, view.owner(Feature::Arp));
    if let Some(gateway) = view.provider.gateway {
        to_host(view, from_uplink(LEARN_GATEWAY).on(sender(gateway)), Some(Action::controller()), flows);
    }
    for block in &view.provider.onlink {
        let neighbour = from_uplink(LEARN_ONLINK).on(MatchField::ArpSpa((*block).into()));
        to_host(view, neighbour, Some(Action::controller()), flows);
    }
    from_host(view, flows);
}

/// 1.0 cannot write the sender's MAC into ARP: where it must not be LOCAL's, the controller does that.
fn from_host(view: &View<'_>, flows: &mut Vec<Flow>) {
    let own_mac = MatchField::EthSrc(view.local.mac.into());
    let speaks = |priority| spoken(PortNo::LOCAL, priority, view.owner(Feature::Arp)).on(own_mac.clone());
    if view.translates_host() {
        flows.push(speaks(LEARN_HOST).apply([Action::controller()]));
        return;
    }
    for address in &view.provider.host_ips {
        flows.push(speaks(KNOWN).on(sender(*address)).apply([output(view.uplink.number)]));
    }
    flows.push(speaks(LEARN_HOST).apply([output(view.uplink.number), Action::controller()]));
}

pub(super) fn pool(view: &View<'_>, pool: &Pool, flows: &mut Vec<Flow>) {
    for block in view.world.site.blocks(pool) {
        let owner = owned_by(pool, Feature::Arp);
        let claims = spoken(view.uplink.number, CLAIMED, owner).on(MatchField::ArpSpa(block.into()));
        flows.push(claims.apply([Action::controller()]));
    }
    for block in view.world.site.closed_blocks(pool) {
        let owner = owned_by(pool, Feature::Arp);
        let asked = |port, owner| spoken(port, NOBODY, owner).on(arp_request()).on(MatchField::ArpTpa(block.into()));
        flows.push(asked(view.uplink.number, Owner::dropping(DropReason::UnassociatedArp)));
        // The host asks seldom: the controller knows which of these addresses are associated.
        flows.push(asked(PortNo::LOCAL, owner).apply([Action::controller()]));
    }
}

pub(super) fn association(view: &View<'_>, fip: &FloatingIp, flows: &mut Vec<Flow>) {
    let owner = Owner { feature: Feature::Arp, entity: fip.id.0 };
    let asked = spoken(view.uplink.number, FLOATING, owner).on(arp_request());
    flows.push(asked.on(MatchField::ArpTpa(fip.address.into())).apply([Action::controller()]));
}

pub(super) fn neighbour(view: &View<'_>, station: Station, flows: &mut Vec<Flow>) {
    match station {
        Station::Gateway { address, mac: Some(mac) } | Station::OnLink { address, mac } => {
            let question = spoken(view.uplink.number, KNOWN, view.owner(Feature::Arp)).on(arp_request());
            to_host(view, question.on(MatchField::EthSrc(mac.into())).on(sender(address)), None, flows);
        }
        Station::Host { address } if !view.is_host(address) && !view.translates_host() => {
            let own_mac = MatchField::EthSrc(view.local.mac.into());
            let known = spoken(PortNo::LOCAL, KNOWN, view.owner(Feature::Arp)).on(own_mac);
            flows.push(known.on(sender(address)).apply([output(view.uplink.number)]));
        }
        Station::Gateway { mac: None, .. } | Station::Host { .. } | Station::Unknown => {}
    }
}

/// Hands what the flow takes to the host, and perhaps to the controller after that.
fn to_host(view: &View<'_>, flow: Flow, copy: Option<Action>, flows: &mut Vec<Flow>) {
    if view.translates_host() {
        let mut translated = flow.clone().on(MatchField::EthDst(view.uplink.mac.into()));
        translated.priority += TRANSLATED;
        let renamed = [set_eth_dst(view.local.mac), output(PortNo::LOCAL)];
        flows.push(translated.apply(renamed.into_iter().chain(copy.clone())));
    }
    flows.push(flow.apply([output(PortNo::LOCAL)].into_iter().chain(copy)));
}

fn spoken(port: PortNo, priority: u16, owner: Owner) -> Flow {
    flow(port, priority, owner).on(arp()).on(untagged())
}

fn sender(address: Ipv4Addr) -> MatchField {
    MatchField::ArpSpa(Masked::from(address))
}
