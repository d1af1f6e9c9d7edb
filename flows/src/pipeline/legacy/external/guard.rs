//! The controller's own packets: they enter the table, and leave only with a registered source MAC.

use buoy_topology::{FloatingIp, MacAddr, MacPolicy, PortNo};

use super::flow;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::View;
use crate::pipeline::fields::{arp, ipv4, output};
use crate::pipeline::legacy::priorities::external::{END, REGISTERED, REGISTERED_ADDRESS};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let router = match view.provider.mac_policy {
        MacPolicy::Router(mac) => Some(mac).filter(|mac| *mac != view.uplink.mac),
        MacPolicy::Host | MacPolicy::Vmac => None,
    };
    for mac in [view.uplink.mac].into_iter().chain(router) {
        let own = flow(PortNo::CONTROLLER, REGISTERED, view.owner(Feature::Guard));
        flows.push(own.on(MatchField::EthSrc(mac.into())).apply([output(view.uplink.number)]));
    }
    flows.push(flow(PortNo::CONTROLLER, END, Owner::dropping(DropReason::UnregisteredMac)));
}

/// An address with a MAC of its own may leave with that MAC, and that MAC with that address only.
pub(super) fn association(view: &View<'_>, fip: &FloatingIp, mac: MacAddr, flows: &mut Vec<Flow>) {
    if view.provider.mac_policy != MacPolicy::Vmac {
        return;
    }
    let owner = Owner { feature: Feature::Guard, entity: fip.id.0 };
    let own = || flow(PortNo::CONTROLLER, REGISTERED_ADDRESS, owner).on(MatchField::EthSrc(mac.into()));
    let out = output(view.uplink.number);
    flows.push(own().on(arp()).on(MatchField::ArpSpa(fip.address.into())).apply([out.clone()]));
    flows.push(own().on(ipv4()).on(MatchField::Ipv4Src(fip.address.into())).apply([out]));
}
