//! Who may send at all: the uplink, the host by LOCAL, and br-int by the patch port.

use buoy_topology::PortNo;

use super::View;
use crate::flow::Flow;
use crate::flow::owner::Feature;
use crate::pipeline::fields::{arp, in_port, ipv4, untagged};
use crate::pipeline::registers::{ORIGIN, Origin, PROVIDER};
use crate::pipeline::tables::external::{ADMIT, ARP, INBOUND, OUTBOUND};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let flow = |priority, port| Flow::new(ADMIT, priority, view.owner(Feature::Admit)).on(in_port(port));
    let marks = |origin: Origin| [PROVIDER.set(view.provider.id.0), ORIGIN.set(origin)];
    for (port, origin) in [(view.uplink.number, Origin::Provider), (PortNo::LOCAL, Origin::Host)] {
        flows.push(flow(SPECIAL, port).on(arp()).on(untagged()).apply(marks(origin)).goto(ARP));
        flows.push(flow(ORDINARY, port).apply(marks(origin)).goto(INBOUND));
    }
    if let Some(patch) = view.patch {
        let from_instances = flow(ORDINARY, patch.number).on(ipv4()).on(untagged());
        flows.push(from_instances.apply(marks(Origin::Instance)).goto(OUTBOUND));
    }
}

const SPECIAL: u16 = 110;
const ORDINARY: u16 = 100;
