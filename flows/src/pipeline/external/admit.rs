//! Who may send at all, and to which provider a packet belongs: by uplink and VLAN, or for the host by VLAN and address.
//! What comes from br-int belongs to the provider of its source address, which *outbound* finds out.

use buoy_topology::PortNo;

use super::View;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, in_port, ipv4, on_vlan, untagged, unwritable_arp};
use crate::pipeline::registers::{ORIGIN, Origin, PROVIDER};
use crate::pipeline::tables::external::{ADMIT, ARP, INBOUND, OUTBOUND};

/// What could leave with another ARP sender than flows wrote.
pub(super) fn unwritable() -> Flow {
    unwritable_arp(Flow::new(ADMIT, UNWRITABLE, Owner::dropping(DropReason::Unwritable)))
}

pub(super) fn patch(patch: PortNo) -> Flow {
    let from_instances = Flow::new(ADMIT, ANYTHING, Owner { feature: Feature::Admit, entity: 0 });
    let from_instances = from_instances.on(in_port(patch)).on(ipv4()).on(untagged());
    from_instances.apply([ORIGIN.set(Origin::Instance)]).goto(OUTBOUND)
}

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    for (port, origin) in [(view.uplink.number, Origin::Provider), (PortNo::LOCAL, Origin::Host)] {
        let flow = |priority| Flow::new(ADMIT, priority, view.owner(Feature::Admit)).on(in_port(port));
        let marks = [PROVIDER.set(view.provider.id.0), ORIGIN.set(origin)];
        if let Some(vlan) = view.provider.vlan {
            let untag = || [Action::PopVlan].into_iter().chain(marks.clone());
            flows.push(flow(TAGGED_ARP).on(arp()).on(on_vlan(vlan)).apply(untag()).goto(ARP));
            flows.push(flow(TAGGED).on(on_vlan(vlan)).apply(untag()).goto(INBOUND));
        } else if origin == Origin::Provider || view.is_default() {
            flows.push(flow(UNTAGGED_ARP).on(arp()).on(untagged()).apply(marks.clone()).goto(ARP));
            flows.push(flow(ANYTHING).apply(marks).goto(INBOUND));
        } else {
            for address in &view.provider.host_ips {
                let by_sender = flow(HOST_ADDRESS).on(arp()).on(untagged()).on(MatchField::ArpSpa((*address).into()));
                flows.push(by_sender.apply(marks.clone()).goto(ARP));
                let by_source = flow(HOST_ADDRESS).on(ipv4()).on(untagged()).on(MatchField::Ipv4Src((*address).into()));
                flows.push(by_source.apply(marks.clone()).goto(INBOUND));
            }
        }
    }
}

const UNWRITABLE: u16 = 200;
const TAGGED_ARP: u16 = 140;
const TAGGED: u16 = 130;
const HOST_ADDRESS: u16 = 120;
const UNTAGGED_ARP: u16 = 110;
const ANYTHING: u16 = 100;
