//! Direct ports are not served in one table: 1.0 cannot write MACs into ARP. What is for their addresses ends here, so
//! that it is never the host's.

use buoy_topology::{Direct, PortNo};

use super::flow;
use crate::flow::Flow;
use crate::flow::owner::Owner;
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::View;
use crate::pipeline::fields::{arp, ipv4, untagged};
use crate::pipeline::legacy::priorities::external::{HAIRPIN, INSTANCES, NOBODY};

pub(super) fn addresses(view: &View<'_>, direct: &Direct, flows: &mut Vec<Flow>) {
    let end = |port, priority| flow(port, priority, Owner::dropping(DropReason::NoDirectPort)).on(untagged());
    for address in &direct.ips {
        let to = || MatchField::Ipv4Dst((*address).into());
        for port in [view.uplink.number, PortNo::LOCAL] {
            flows.push(end(port, NOBODY).on(arp()).on(MatchField::ArpTpa((*address).into())));
            flows.push(end(port, INSTANCES).on(ipv4()).on(to()));
        }
        flows.extend(view.patch.map(|patch| end(patch.number, HAIRPIN).on(ipv4()).on(to())));
    }
}
