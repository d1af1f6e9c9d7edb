//! The guard: the only stage that outputs to an uplink. It passes frames whose Ethernet source, and in ARP whose sender
//! too, is registered for the provider.

use buoy_topology::{FloatingIp, MacAddr, MacPolicy};

use super::View;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, ipv4, output};
use crate::pipeline::tables::external::GUARD;

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    pass(view, view.uplink.mac, view.owner(Feature::Guard), flows);
    if let MacPolicy::Router(mac) = view.provider.mac_policy
        && mac != view.uplink.mac
    {
        pass(view, mac, view.owner(Feature::Guard), flows);
    }
    let unregistered = Owner::dropping(DropReason::UnregisteredArpSender);
    flows.push(Flow::new(GUARD, ARP_END, unregistered).on(view.ours()).on(arp()));
}

/// An address with a MAC of its own may leave with that MAC, and that MAC with that address only.
pub(super) fn association(view: &View<'_>, fip: &FloatingIp, mac: MacAddr, flows: &mut Vec<Flow>) {
    if view.provider.mac_policy != MacPolicy::Vmac {
        return;
    }
    let owner = Owner { feature: Feature::Guard, entity: fip.id.0 };
    let from = |priority| Flow::new(GUARD, priority, owner).on(view.ours()).on(MatchField::EthSrc(mac.into()));
    let answer = from(ADDRESS_ARP).on(arp()).on(MatchField::ArpSha(mac.into()));
    let answer = answer.on(MatchField::ArpSpa(fip.address.into()));
    flows.push(answer.apply([output(view.uplink.number)]));
    let packet = from(ADDRESS).on(ipv4()).on(MatchField::Ipv4Src(fip.address.into()));
    flows.push(packet.apply([output(view.uplink.number)]));
}

fn pass(view: &View<'_>, mac: MacAddr, owner: Owner, flows: &mut Vec<Flow>) {
    let from = |priority| Flow::new(GUARD, priority, owner).on(view.ours()).on(MatchField::EthSrc(mac.into()));
    let out = output(view.uplink.number);
    flows.push(from(MAC_ARP).on(arp()).on(MatchField::ArpSha(mac.into())).apply([out.clone()]));
    flows.push(from(MAC).apply([out]));
}

const ADDRESS_ARP: u16 = 220;
const MAC_ARP: u16 = 210;
const ARP_END: u16 = 200;
const ADDRESS: u16 = 110;
const MAC: u16 = 100;
