//! Between the provider and the host: everything that is for nobody else. Where LOCAL's MAC is not the uplink's, both are
//! translated.

use buoy_topology::PortNo;

use super::flow;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;
use crate::pipeline::drops::DropReason;
use crate::pipeline::external::View;
use crate::pipeline::fields::{output, set_eth_dst, set_eth_src};
use crate::pipeline::legacy::priorities::external::{FORGED, HOST, TRANSLATED};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let owner = view.owner(Feature::Inbound);
    let (uplink, local) = (view.uplink, view.local);
    flows.push(flow(uplink.number, HOST, owner).apply([output(PortNo::LOCAL)]));
    let own_mac = MatchField::EthSrc(local.mac.into());
    let from_host = flow(PortNo::LOCAL, HOST, owner).on(own_mac);
    if view.translates_host() {
        let to_host = flow(uplink.number, HOST + TRANSLATED, owner).on(MatchField::EthDst(uplink.mac.into()));
        flows.push(to_host.apply([set_eth_dst(local.mac), output(PortNo::LOCAL)]));
        flows.push(from_host.apply([set_eth_src(uplink.mac), output(uplink.number)]));
    } else {
        flows.push(from_host.apply([output(uplink.number)]));
    }
    flows.push(flow(PortNo::LOCAL, FORGED, Owner::dropping(DropReason::ForgedHostMac)));
}
