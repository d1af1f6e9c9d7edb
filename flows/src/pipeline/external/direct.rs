//! Direct ports: stations that have provider addresses themselves. Only MACs are translated: the provider sees the MAC
//! that it expects for an address, the station its own, in Ethernet headers and in ARP bodies.
//!
//! Read it in a packet's order: what the station sends ([`Station::admit`]), ARP ([`Station::arp`]), what is for it
//! ([`Station::deliver`]), what is for others ([`Station::outwards`]).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use buoy_topology::{Direct, EntityId, MacAddr, PortNo};

use super::{View, guard};
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::{Action, MatchField, TableId};
use crate::pipeline::drops::DropReason;
use crate::pipeline::fields::{
    arp as is_arp, arp_answer, arp_reply, arp_request, in_port, ipv4, output, set_eth_dst, set_eth_src, untagged,
};
use crate::pipeline::meters::Meter;
use crate::pipeline::registers::{DIRECT, ORIGIN, Origin, PROVIDER};
use crate::pipeline::tables::external::{ADMIT, ARP_ANSWER, ARP_TARGET, GUARD, INBOUND, NEXT_HOP};

/// A direct port of the view's provider. Without its port on the bridge what is for it is dropped; it is never the host's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Station<'a> {
    view: &'a View<'a>,
    direct: &'a Direct,
    port: Option<PortNo>,
}

impl<'a> Station<'a> {
    pub(super) fn of(view: &'a View<'a>, direct: &'a Direct) -> Self {
        let port = view.world.bridge.port(&direct.port).map(|port| port.number);
        Self { view, direct, port }
    }

    pub(super) fn compile(self, flows: &mut Vec<Flow>) {
        for address in &self.direct.ips {
            self.claimed(*address, flows);
            match (self.port, self.view.address_mac(*address)) {
                (Some(port), Some(mac)) => {
                    self.admit(port, *address, mac, flows);
                    self.arp(port, *address, mac, flows);
                    self.deliver(port, *address, flows);
                    let owner = self.owner(Feature::Guard);
                    guard::address(self.view, owner, *address, mac, flows);
                }
                _ => self.nobody(*address, flows),
            }
        }
        if let Some(port) = self.port {
            self.refuse(port, flows);
            self.outwards(flows);
        }
    }

    /// What the station sends as itself gets the MAC that the provider expects.
    fn admit(self, port: PortNo, address: Ipv4Addr, mac: MacAddr, flows: &mut Vec<Flow>) {
        let own = |priority, owner| self.sent_by(port, priority, owner).on(untagged()).on(self.own_mac());
        let packet = own(OWN_PACKET, self.owner(Feature::Admit)).on(ipv4()).on(MatchField::Ipv4Src(address.into()));
        flows.push(packet.apply([set_eth_src(mac)].into_iter().chain(self.marks())).goto(INBOUND));
        let says = own(OWN_ARP, self.owner(Feature::Admit)).on(is_arp()).on(MatchField::ArpSha(self.direct.mac.into()));
        let renamed = [set_eth_src(mac), Action::SetField(MatchField::ArpSha(mac.into()))];
        let says = says.on(MatchField::ArpSpa(address.into()));
        flows.push(says.apply(renamed.into_iter().chain(self.marks())).goto(ARP_TARGET));
        // Whether somebody else has its address (RFC 5227): the provider is not asked about what it has given out.
        let probe = own(OWN_ARP, Owner::dropping(DropReason::OwnAddress));
        let probe = probe.on(is_arp()).on(MatchField::ArpSha(self.direct.mac.into()));
        let nobody = MatchField::ArpSpa(Ipv4Addr::UNSPECIFIED.into());
        flows.push(probe.on(nobody).on(MatchField::ArpTpa(address.into())));
    }

    /// Everything else from the port ends at once.
    fn refuse(self, port: PortNo, flows: &mut Vec<Flow>) {
        let end = |priority, reason| self.sent_by(port, priority, Owner::dropping(reason));
        let forged = |reason, kind| end(FORGED, reason).on(untagged()).on(self.own_mac()).on(kind);
        flows.push(forged(DropReason::ForgedAddress, ipv4()));
        flows.push(forged(DropReason::ForgedArp, is_arp()));
        flows.push(end(OTHER_KIND, DropReason::NotIpv4).on(self.own_mac()));
        flows.push(end(FORGED_MAC, DropReason::ForgedMac));
    }

    /// Questions about an address are answered in the switch, but not the station's own; answers to it are brought to it.
    fn arp(self, port: PortNo, address: Ipv4Addr, mac: MacAddr, flows: &mut Vec<Flow>) {
        let about = |priority, owner| self.flow(ARP_TARGET, priority, owner).on(is_arp());
        let target = || MatchField::ArpTpa(address.into());
        let own = about(OWN_ADDRESS, Owner::dropping(DropReason::OwnAddress));
        flows.push(own.on(self.is_sender()).on(target()));
        let asked = about(ASKED, self.owner(Feature::Arp)).on(arp_request()).on(target());
        flows.push(asked.apply(arp_answer(address, mac)).goto(ARP_ANSWER));
        let answer = about(ANSWERED, self.owner(Feature::Arp)).on(arp_reply()).on(target());
        flows.push(answer.apply([self.to_station(), vec![output(port)]].concat()));
    }

    /// Packets to an address, from provider, host, instances and other direct ports.
    fn deliver(self, port: PortNo, address: Ipv4Addr, flows: &mut Vec<Flow>) {
        let brought = [set_eth_dst(self.direct.mac), output(port)];
        let to = || MatchField::Ipv4Dst(address.into());
        let inward = self.flow(INBOUND, TO_STATION, self.owner(Feature::Inbound)).on(ipv4()).on(untagged()).on(to());
        flows.push(inward.apply(brought.clone()));
        let itself = self.flow(INBOUND, TO_ITSELF, Owner::dropping(DropReason::OwnAddress)).on(self.is_sender());
        flows.push(itself.on(ipv4()).on(to()));
        let from_instance = self.flow(NEXT_HOP, NEAR, self.owner(Feature::NextHop)).on(ipv4()).on(to());
        flows.push(from_instance.apply(brought));
    }

    /// While the station cannot be served, what is for it ends.
    fn nobody(self, address: Ipv4Addr, flows: &mut Vec<Flow>) {
        let end = |table, priority| self.flow(table, priority, Owner::dropping(DropReason::NoDirectPort));
        let to = || MatchField::Ipv4Dst(address.into());
        flows.push(end(ARP_TARGET, ASKED).on(is_arp()).on(MatchField::ArpTpa(address.into())));
        flows.push(end(INBOUND, TO_STATION).on(ipv4()).on(untagged()).on(to()));
        flows.push(end(NEXT_HOP, NEAR).on(ipv4()).on(to()));
    }

    /// Who outside says to have an address is reported, as with those of pools.
    fn claimed(self, address: Ipv4Addr, flows: &mut Vec<Flow>) {
        let claimed = self.flow(ARP_TARGET, CLAIMED, self.owner(Feature::Arp)).on(is_arp());
        let claimed = claimed.on(ORIGIN.is(Origin::Provider)).on(MatchField::ArpSpa(address.into()));
        flows.push(claimed.apply([Meter::Claim.to_controller(self.view.world.bridge)]));
    }

    /// What is neither for the host nor for an address of ours leaves by the guard, to the next hop of the station's choice.
    fn outwards(self, flows: &mut Vec<Flow>) {
        let view = self.view;
        let sent = |table, priority, feature| self.flow(table, priority, self.owner(feature)).on(self.is_sender());
        for address in self.hosts() {
            let asks = sent(ARP_TARGET, TO_HOST, Feature::Arp).on(is_arp()).on(MatchField::ArpTpa(address.into()));
            flows.push(asks.apply(view.host_output()));
            let to = sent(INBOUND, TO_HOST, Feature::Inbound).on(ipv4()).on(MatchField::Ipv4Dst(address.into()));
            flows.push(to.apply([set_eth_dst(view.local.mac)].into_iter().chain(view.host_output())));
        }
        // Whom it may find is mostly known, and answered in the switch. Of the rest it asks, slowly, for on-link stations.
        for block in view.provider.onlink.iter().filter(|_| view.world.bridge.meters) {
            let asks = sent(ARP_TARGET, FIND, Feature::Arp).on(is_arp()).on(arp_request());
            flows.push(Meter::StationArp.limit(asks.on(MatchField::ArpTpa((*block).into()))).goto(GUARD));
        }
        let ends = self.flow(ARP_TARGET, AWAY, Owner::dropping(DropReason::StationArp));
        flows.push(ends.on(self.is_sender()).on(is_arp()));
        flows.push(sent(INBOUND, AWAY, Feature::Inbound).goto(GUARD));
        let back = sent(ARP_ANSWER, ANSWER, Feature::Arp).on(is_arp());
        flows.push(back.apply([self.to_station(), vec![output(PortNo::IN_PORT)]].concat()));
    }

    /// The addresses of the host at the provider, declared and seen.
    fn hosts(self) -> BTreeSet<Ipv4Addr> {
        let View { world, provider, local, .. } = self.view;
        let seen = world.learnt.of(provider.id).filter(|(_, mac)| *mac == local.mac).map(|(address, _)| address);
        let all = seen.chain(provider.host_ips.iter().copied());
        all.filter(|address| provider.gateway != Some(*address) && !self.direct.ips.contains(address)).collect()
    }

    fn to_station(self) -> Vec<Action> {
        let mac = self.direct.mac;
        vec![set_eth_dst(mac), Action::SetField(MatchField::ArpTha(mac.into()))]
    }

    fn marks(self) -> [Action; 3] {
        let EntityId(id) = self.direct.id;
        [PROVIDER.set(self.view.provider.id.0), ORIGIN.set(Origin::Direct), DIRECT.set(id)]
    }

    fn sent_by(self, port: PortNo, priority: u16, owner: Owner) -> Flow {
        Flow::new(ADMIT, priority, owner).on(in_port(port))
    }

    fn flow(self, table: TableId, priority: u16, owner: Owner) -> Flow {
        Flow::new(table, priority, owner).on(self.view.ours())
    }

    fn own_mac(self) -> MatchField {
        MatchField::EthSrc(self.direct.mac.into())
    }

    fn is_sender(self) -> MatchField {
        DIRECT.is(self.direct.id.0)
    }

    fn owner(self, feature: Feature) -> Owner {
        Owner { feature, entity: self.direct.id.0 }
    }
}

// ADMIT
const OWN_ARP: u16 = 160;
const OWN_PACKET: u16 = 150;
const FORGED: u16 = 140;
const OTHER_KIND: u16 = 130;
const FORGED_MAC: u16 = 120;
// ARP_TARGET
const FIND: u16 = 130;
const OWN_ADDRESS: u16 = 340;
const CLAIMED: u16 = 330;
const ASKED: u16 = 305;
const ANSWERED: u16 = 290;
// ARP_ANSWER
const ANSWER: u16 = 110;
// INBOUND
const TO_ITSELF: u16 = 215;
const TO_STATION: u16 = 210;
// ARP_TARGET, INBOUND
const TO_HOST: u16 = 205;
const AWAY: u16 = 120;
// NEXT_HOP
const NEAR: u16 = 310;
