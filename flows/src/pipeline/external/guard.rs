//! The guard: the only stage that outputs to an uplink. It passes frames whose Ethernet source, and in ARP whose sender
//! too, is registered for the provider; an address that has a MAC of its own gets it here. What it refuses raises an alarm.

use std::net::Ipv4Addr;

use buoy_topology::{MacAddr, MacPolicy};

use super::View;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, ipv4, set_eth_src};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{ORIGIN, Origin};
use crate::pipeline::tables::external::GUARD;

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    pass(view, view.uplink.mac, view.owner(Feature::Guard), flows);
    if let MacPolicy::Router(mac) = view.provider.mac_policy
        && mac != view.uplink.mac
    {
        pass(view, mac, view.owner(Feature::Guard), flows);
    }
    if view.provider.mac_policy == MacPolicy::Vmac {
        let nobody = Flow::new(GUARD, INSTANCE, Owner::dropping(DropReason::NotFloating)).on(view.ours());
        flows.push(nobody.on(ipv4()).on(ORIGIN.is(Origin::Instance)));
    }
    let unregistered = Owner::dropping(DropReason::UnregisteredArpSender);
    let alarm = || [Meter::Alarm.to_controller(view.world.bridge)];
    flows.push(Flow::new(GUARD, ARP_END, unregistered).on(view.ours()).on(arp()).apply(alarm()));
    let unregistered = Owner::dropping(DropReason::UnregisteredMac);
    flows.push(Flow::new(GUARD, END, unregistered).on(view.ours()).apply(alarm()));
}

/// An address with a MAC of its own leaves with that MAC, and that MAC with that address only.
pub(super) fn address(view: &View<'_>, owner: Owner, address: Ipv4Addr, mac: MacAddr, flows: &mut Vec<Flow>) {
    if view.provider.mac_policy != MacPolicy::Vmac {
        return;
    }
    let flow = |priority| Flow::new(GUARD, priority, owner).on(view.ours());
    let answer = flow(ADDRESS_ARP).on(arp()).on(MatchField::EthSrc(mac.into())).on(MatchField::ArpSha(mac.into()));
    flows.push(answer.on(MatchField::ArpSpa(address.into())).apply(view.uplink_output()));
    let packet = flow(ADDRESS).on(ipv4()).on(MatchField::Ipv4Src(address.into()));
    flows.push(packet.apply([set_eth_src(mac)].into_iter().chain(view.uplink_output())));
}

fn pass(view: &View<'_>, mac: MacAddr, owner: Owner, flows: &mut Vec<Flow>) {
    let from = |priority| Flow::new(GUARD, priority, owner).on(view.ours()).on(MatchField::EthSrc(mac.into()));
    flows.push(from(MAC_ARP).on(arp()).on(MatchField::ArpSha(mac.into())).apply(view.uplink_output()));
    flows.push(from(MAC).apply(view.uplink_output()));
}

const ADDRESS_ARP: u16 = 220;
const MAC_ARP: u16 = 210;
const ARP_END: u16 = 200;
const ADDRESS: u16 = 110;
const INSTANCE: u16 = 105;
const MAC: u16 = 100;
const END: u16 = 1;
