//! The host on a bridge whose providers all are on VLANs: what it sends and gets beside them passes the uplink as if there
//! were no provider, but for the guard.

use buoy_topology::PortNo;

use super::View;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{arp, in_port, output, set_eth_dst, set_eth_src};
use crate::pipeline::registers::PROVIDER;
use crate::pipeline::tables::external::{ADMIT, GUARD};

pub(super) fn provider(view: &View<'_>, flows: &mut Vec<Flow>) {
    let (local, uplink) = (view.local.mac, view.uplink.mac);
    let inward = |priority| Flow::new(ADMIT, priority, view.owner(Feature::Admit)).on(in_port(view.uplink.number));
    let outward = |priority| {
        let flow = Flow::new(ADMIT, priority, view.owner(Feature::Admit)).on(in_port(PortNo::LOCAL));
        flow.on(MatchField::EthSrc(local.into()))
    };
    flows.push(inward(ANYTHING).apply([output(PortNo::LOCAL)]));
    if view.translates_host() {
        let asks = [set_eth_dst(local), Action::SetField(MatchField::ArpTha(local.into())), output(PortNo::LOCAL)];
        let to_uplink = || MatchField::EthDst(uplink.into());
        flows.push(inward(TRANSLATED_ARP).on(to_uplink()).on(arp()).apply(asks));
        flows.push(inward(TRANSLATED).on(to_uplink()).apply([set_eth_dst(local), output(PortNo::LOCAL)]));
        let asks = [set_eth_src(uplink), Action::SetField(MatchField::ArpSha(uplink.into()))];
        flows.push(outward(TRANSLATED_ARP).on(arp()).on(MatchField::ArpSha(local.into())).apply(asks).goto(GUARD));
        flows.push(outward(ANYTHING).apply([set_eth_src(uplink)]).goto(GUARD));
    } else {
        flows.push(outward(ANYTHING).goto(GUARD));
    }
    let forged = Flow::new(ADMIT, FORGED, Owner::dropping(DropReason::ForgedHostMac));
    flows.push(forged.on(in_port(PortNo::LOCAL)));

    let leaves = |priority, owner| Flow::new(GUARD, priority, owner).on(PROVIDER.is(NOBODY));
    let own = |priority| leaves(priority, view.owner(Feature::Guard)).on(MatchField::EthSrc(uplink.into()));
    let out = [output(view.uplink.number)];
    flows.push(own(MAC_ARP).on(arp()).on(MatchField::ArpSha(uplink.into())).apply(out.clone()));
    flows.push(leaves(ARP_END, Owner::dropping(DropReason::UnregisteredArpSender)).on(arp()));
    flows.push(own(MAC).apply(out));
}

/// No provider: no entity has this number.
const NOBODY: u32 = 0;

// ADMIT
const TRANSLATED_ARP: u16 = 110;
const TRANSLATED: u16 = 105;
const ANYTHING: u16 = 100;
const FORGED: u16 = 50;
// GUARD
const MAC_ARP: u16 = 210;
const ARP_END: u16 = 200;
const MAC: u16 = 100;
