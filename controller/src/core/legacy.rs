//! Packets that bridges of OpenFlow 1.0 hand over. 1.0 does not say which flow sent a packet: the port that it came in on
//! and what is in it do. ARP, which the switch cannot answer there, is answered here.

use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::openflow::{Action, MatchField, PacketIn};
use buoy_flows::pipeline::external::View;
use buoy_flows::pipeline::{self, Role, World};
use buoy_topology::{Bridge, Dialect, Interface, MacAddr, PortNo, Provider, VlanId};
use bytes::Bytes;
use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, NetSlice, PacketBuilder, SlicedPacket};

use super::Core;
use super::arp::{Heard, destination, source};
use crate::switch::ConnectionId;

/// An ARP packet whose Ethernet header agrees with its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arp {
    operation: ArpOperation,
    mac: MacAddr,
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

impl Core {
    pub(super) fn on_legacy_packet(&mut self, id: ConnectionId, packet: &PacketIn, now: Instant) {
        let Some(switch) = self.switches.get(&id) else { return };
        let Some(bridge) = switch.bridge.clone() else { return };
        let Some(port) = packet.matching.fields().iter().find_map(|field| match field {
            MatchField::InPort(port) => Some(*port),
            _ => None,
        }) else {
            return;
        };
        match switch.role {
            Role::External => self.on_provider_packet(&bridge, port, &packet.frame, now),
            Role::Integration => self.on_guest_packet(id, &bridge, port, &packet.frame),
            Role::Unconfigured => {}
        }
    }

    fn on_provider_packet(&mut self, bridge: &Bridge, port: PortNo, frame: &Bytes, now: Instant) {
        let Some(provider) = self.served(bridge).map(|view| view.provider().clone()) else { return };
        let at = |name| bridge.port(name).map(|own| own.number);
        let local = bridge.local().map(|own| own.mac);
        if at(&provider.patch) == Some(port) {
            self.on_lost_packet(bridge, &provider, frame, now);
            return;
        }
        let Some(arp) = Arp::of(frame) else { return };
        let heard = Heard { mac: arp.mac, address: arp.sender };
        if at(&provider.uplink) == Some(port) {
            if self.is_of_pool(arp.sender) {
                self.on_foreign_claim(&provider, heard.address, heard.mac, now);
                return;
            }
            if let Some(answer) = self.answer_for_floating_ip(bridge, arp) {
                self.send_through_guard(provider.id, None, &answer);
            }
            self.on_station(&provider, heard, local, now);
        } else if port == PortNo::LOCAL {
            if let Some(answer) = self.answer_for_floating_ip(bridge, arp) {
                self.send_to(bridge, vec![Action::output(PortNo::LOCAL)], answer);
            } else if Some(arp.mac) == local && !self.is_of_pool(arp.target) {
                self.send_host_arp(bridge, &provider, frame);
            }
            self.on_host_arp(&provider, heard, local);
        }
    }

    /// Whether a pool hands the address out.
    fn is_of_pool(&self, address: Ipv4Addr) -> bool {
        self.site.pool_at(address).is_some_and(|pool| !self.site.is_kept(pool, address))
    }

    /// The answer to a question about an associated floating IP.
    fn answer_for_floating_ip(&self, bridge: &Bridge, arp: Arp) -> Option<Bytes> {
        let view = self.served(bridge)?;
        let binding = self.site.binding(arp.target).filter(|own| own.provider.id == view.provider().id)?;
        let mac = view.source_mac(binding.fip)?;
        arp.answer(mac)
    }

    /// Where LOCAL's MAC must not be seen outside, the host's ARP leaves by the controller: the switch cannot write the
    /// sender into it. Where it may be seen, the switch has sent the packet itself.
    fn send_host_arp(&mut self, bridge: &Bridge, provider: &Provider, frame: &Bytes) {
        let Some(mac) = self.served(bridge).map(|view| view.uplink_mac()) else { return };
        if bridge.local().is_none_or(|local| local.mac == mac) {
            return;
        }
        if let Some(renamed) = with_source(frame, mac).and_then(|renamed| with_arp_sender(&renamed, mac)) {
            self.send_through_guard(provider.id, None, &renamed);
        }
    }

    /// A packet of an instance whose next hop is not known. With a registered source MAC it has been sent to the gateway
    /// meanwhile; otherwise it waits here.
    fn on_lost_packet(&mut self, bridge: &Bridge, provider: &Provider, frame: &Bytes, now: Instant) {
        let (Some(source), Some(address)) = (source(frame), destination(frame)) else { return };
        let fip = self.site.floating_ip(source).filter(|fip| fip.association.is_some());
        let Some(mac) = fip.and_then(|fip| self.served(bridge)?.source_mac(fip)) else { return };
        let is_sent = frame.get(6..12) == Some(&mac.octets()[..]);
        self.look_for(provider, address, now);
        if let Some(registered) = with_source(frame, mac).filter(|_| !is_sent) {
            self.hold(provider, registered, now);
        }
    }

    /// An instance asks for its gateway, or for another instance of its network.
    fn on_guest_packet(&mut self, id: ConnectionId, bridge: &Bridge, port: PortNo, frame: &Bytes) {
        let Some(arp) = Arp::of(frame).filter(|arp| arp.operation == ArpOperation::REQUEST) else { return };
        let Some(interface) = self.interface_at(bridge, port, vlan(frame)) else { return };
        let is_own = arp.mac == interface.mac && (arp.sender == interface.ip || arp.sender.is_unspecified());
        let Some(mac) = self.mac_in_network(bridge, interface, arp.target).filter(|_| is_own) else { return };
        let tag = interface.vlan.map(|vlan| {
            let vid = MatchField::VlanVid((PRESENT | vlan.number()).into());
            [Action::PushVlan(TAG), Action::SetField(vid)]
        });
        let actions = tag.into_iter().flatten().chain([Action::output(port)]).collect();
        if let Some(answer) = arp.answer(mac) {
            self.send_packet(id, actions, answer);
        }
    }

    fn interface_at(&self, bridge: &Bridge, port: PortNo, vlan: Option<VlanId>) -> Option<&Interface> {
        let (name, _) = bridge.ports.iter().find(|(_, own)| own.number == port)?;
        let instance = self.site.instance(self.site.instance_on_port(&bridge.name, name, vlan)?)?;
        instance.interfaces.iter().find(|own| own.port == *name && own.vlan == vlan)
    }

    /// Who has an address, as an interface of the network is to see it.
    fn mac_in_network(&self, bridge: &Bridge, asking: &Interface, address: Ipv4Addr) -> Option<MacAddr> {
        let network = self.site.network(&asking.network)?;
        if address == network.gateway {
            return Some(network.gateway_mac);
        }
        let other = self.site.instance_at(&network.name, address).filter(|own| own.bridge == bridge.name)?;
        let interface = other.interfaces.iter().find(|own| own.network == network.name && own.ip == address)?;
        (interface.id != asking.id).then_some(interface.mac)
    }

    fn send_to(&mut self, bridge: &Bridge, actions: Vec<Action>, frame: Bytes) {
        let is_it = |own: &Bridge| own.datapath_id == bridge.datapath_id;
        let found = self.switches.values().find(|own| own.bridge.as_ref().is_some_and(is_it));
        if let Some(id) = found.map(|switch| switch.connection.id) {
            self.send_packet(id, actions, frame);
        }
    }

    /// The provider that the bridge serves, as its flows see it.
    fn served<'a>(&'a self, bridge: &'a Bridge) -> Option<View<'a>> {
        pipeline::legacy::served(World { site: &self.site, learnt: &self.learnt, bridge, role: Role::External })
    }

    /// Why floating IPs of a provider are not served, where its bridge cannot serve it.
    pub(super) fn unserved(&self, provider: &Provider) -> Option<String> {
        let mut bridges = self.switches.named(&provider.bridge).map(|(_, bridge)| bridge);
        let bridge = bridges.find(|own| own.dialect == Dialect::OpenFlow10)?;
        bridge.port(&provider.uplink)?;
        let is_other = self.served(bridge).is_none_or(|view| view.provider().id != provider.id);
        is_other.then(|| {
            let Provider { name, bridge, .. } = provider;
            format!("provider {name} is not served: in OpenFlow 1.0 {bridge} serves one provider, and none on a VLAN")
        })
    }
}

impl Arp {
    fn of(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(NetSlice::Arp(arp)) = &packet.net else { return None };
        let mac: [u8; 6] = arp.sender_hw_addr().try_into().ok()?;
        let sender: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
        let target: [u8; 4] = arp.target_protocol_addr().try_into().ok()?;
        let is_true = frame.get(6..12) == Some(&mac[..]);
        let mac = MacAddr::new(mac);
        is_true.then_some(Self { operation: arp.operation(), mac, sender: sender.into(), target: target.into() })
    }

    /// That `mac` has the address asked for; none where nothing was asked.
    fn answer(self, mac: MacAddr) -> Option<Bytes> {
        if self.operation != ArpOperation::REQUEST {
            return None;
        }
        let (own, asker) = (mac.octets(), self.mac.octets());
        let (asked, sender) = (self.target.octets(), self.sender.octets());
        let kind = (ArpHardwareId::ETHERNET, EtherType::IPV4, ArpOperation::REPLY);
        let body = ArpPacket::new(kind.0, kind.1, kind.2, &own, &asked, &asker, &sender).ok()?;
        let builder = PacketBuilder::ethernet2(own, asker).arp(body);
        let mut frame = Vec::with_capacity(builder.size());
        builder.write(&mut frame).ok()?;
        Some(frame.into())
    }
}

/// What a bridge cannot do, in its dialect or because it is too old.
pub(super) fn limits(bridge: &Bridge) -> Vec<String> {
    match bridge.dialect {
        Dialect::OpenFlow13 => {
            let all = [(bridge.measures, pipeline::NO_MEASURE), (bridge.tracks, pipeline::NO_TRACKER)];
            all.into_iter().filter(|(can, _)| !can).map(|(_, text)| text.to_owned()).collect()
        }
        Dialect::OpenFlow10 => pipeline::legacy::LIMITS.map(str::to_owned).to_vec(),
    }
}

/// The VLAN that a frame is tagged with.
fn vlan(frame: &[u8]) -> Option<VlanId> {
    let [kind_high, kind_low, high, low]: [u8; 4] = frame.get(12..16)?.try_into().ok()?;
    let tag = u16::from_be_bytes([high, low]);
    VlanId::try_from(tag & 0x0fff).ok().filter(|_| u16::from_be_bytes([kind_high, kind_low]) == TAG)
}

/// The frame with another Ethernet source.
fn with_source(frame: &[u8], mac: MacAddr) -> Option<Bytes> {
    overwritten(frame, 6, mac)
}

/// The untagged ARP packet with another sender's MAC.
fn with_arp_sender(frame: &[u8], mac: MacAddr) -> Option<Bytes> {
    overwritten(frame, 22, mac)
}

fn overwritten(frame: &[u8], at: usize, mac: MacAddr) -> Option<Bytes> {
    let mut frame = frame.to_vec();
    frame.get_mut(at..at + 6)?.copy_from_slice(&mac.octets());
    Some(frame.into())
}

/// The Ethernet type of a VLAN tag.
const TAG: u16 = 0x8100;
/// OFPVID_PRESENT: there is a tag.
const PRESENT: u16 = 0x1000;

#[cfg(test)]
mod tests;
