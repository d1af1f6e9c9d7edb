//! What packets teach, and the ARP that the controller itself sends.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use buoy_flows::openflow::{Action, MatchField, PacketIn};
use buoy_flows::pipeline::external::View;
use buoy_flows::pipeline::tables::external as tables;
use buoy_flows::pipeline::{Entity, Role, World, registers};
use buoy_topology::{Bridge, Dialect, EntityId, MacAddr, NeighbourKey, PortNo, Provider};
use bytes::Bytes;
use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, NetSlice, PacketBuilder, SlicedPacket};
use tracing::{info, warn};

use super::Core;
use crate::switch::ConnectionId;

/// What is remembered of packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// Packets that wait for their next hop, by provider.
    held: HashMap<EntityId, VecDeque<(Instant, Bytes)>>,
}

/// An ARP packet that a switch passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) mac: MacAddr,
    pub(super) address: Ipv4Addr,
}

impl Core {
    pub(super) fn on_packet(&mut self, id: ConnectionId, packet: PacketIn, now: Instant) {
        let Some(bridge) = self.switches.get(&id).and_then(|switch| switch.bridge.as_ref()) else { return };
        if bridge.dialect == Dialect::OpenFlow10 {
            self.on_legacy_packet(id, &packet, now);
            return;
        }
        if self.switches.get(&id).is_some_and(|switch| switch.role == Role::Integration) {
            self.on_icmp(id, packet);
            return;
        }
        let fields = packet.matching.fields();
        let number = fields.iter().find_map(|field| registers::PROVIDER.held_in(field));
        let provider = number.and_then(|number| self.site.provider_by_id(EntityId(number)));
        let Some(provider) = provider.filter(|own| own.bridge == bridge.name).cloned() else { return };
        let in_port = fields.iter().find_map(|field| match field {
            MatchField::InPort(port) => Some(*port),
            _ => None,
        });
        let local = bridge.local().map(|port| port.mac);
        match packet.table {
            tables::ARP => {
                let Some(heard) = Heard::of(&packet.frame) else { return };
                if in_port == Some(PortNo::LOCAL) {
                    self.on_host_arp(&provider, heard, local);
                } else {
                    self.on_station(&provider, heard, local, now);
                }
            }
            tables::ARP_TARGET => {
                if let Some(heard) = Heard::of(&packet.frame) {
                    self.on_foreign_claim(&provider, heard.address, heard.mac, now);
                }
            }
            tables::NEXT_HOP => {
                if let Some(address) = destination(&packet.frame) {
                    self.look_for(&provider, address, now);
                }
            }
            tables::GATEWAY => self.hold(&provider, packet.frame, now),
            tables::GUARD => self.on_refused_frame(id, &provider, in_port, &packet.frame, now),
            _ => {}
        }
    }

    /// A packet is for a station that is not known.
    pub(super) fn look_for(&mut self, provider: &Provider, address: Ipv4Addr, now: Instant) {
        let known = self.learnt.of(provider.id).count();
        if provider.is_onlink(address) && known < MOST_NEIGHBOURS {
            let key = NeighbourKey { provider: provider.id, address };
            if self.resolver.watch(key, false, None, now) {
                self.ask_neighbours(now);
            }
        }
    }

    /// The gateway or an on-link neighbour spoke.
    pub(super) fn on_station(&mut self, provider: &Provider, heard: Heard, local: Option<MacAddr>, now: Instant) {
        let Heard { mac, address } = heard;
        let is_gateway = provider.gateway == Some(address);
        let key = NeighbourKey { provider: provider.id, address };
        let is_known = is_gateway || self.resolver.watches(key) || self.learnt.mac(key).is_some();
        if !is_known && self.learnt.of(provider.id).count() >= MOST_NEIGHBOURS {
            return;
        }
        let is_direct = self.site.direct_at(address).is_some();
        let is_ours = is_direct || self.site.pool_at(address).is_some_and(|pool| !self.site.is_kept(pool, address));
        if !mac.is_unicast() || Some(mac) == local || is_ours || !(is_gateway || provider.is_onlink(address)) {
            return;
        }
        self.resolver.watch(key, is_gateway, self.learnt.mac(key), now);
        self.resolver.heard(key, mac, now);
        if self.learnt.mac(key) != Some(mac) {
            info!(provider = %provider.name, %address, %mac, is_gateway, "learnt a MAC");
            self.learn(key, Some(mac));
        }
        self.release_held(provider, now);
    }

    /// The host spoke: what it uses itself, no pool hands out.
    pub(super) fn on_host_arp(&mut self, provider: &Provider, heard: Heard, local: Option<MacAddr>) {
        let Heard { mac, address } = heard;
        if Some(mac) != local || address.is_unspecified() || provider.host_ips.contains(&address) {
            return;
        }
        if self.site.floating_ip(address).is_some_and(|fip| fip.association.is_some()) {
            warn!(%address, provider = %provider.name, "the host uses an address that is an associated floating IP");
            return;
        }
        if let Some(direct) = self.site.direct_at(address) {
            warn!(%address, direct = %direct.name, "the host uses an address of a direct port");
            return;
        }
        if let Some(pool) = self.site.pool_at(address).filter(|pool| !self.site.is_kept(pool, address)) {
            warn!(%address, pool = %pool.name, "the host uses an address of a pool: it is left out of the pool");
        }
        let key = NeighbourKey { provider: provider.id, address };
        let is_new = self.site_mut().keep(address);
        self.learn(key, Some(mac));
        if is_new {
            self.neighbour_changed(key);
        }
    }

    /// What the host was seen to use before a restart no pool hands out either. Its MAC is that of the bridge, so this has
    /// to wait until the bridge is there. Returns the pools that are left fewer addresses by it, on other bridges too.
    pub(super) fn keep_host_addresses(&mut self, bridge: &Bridge) -> BTreeSet<Entity> {
        let Some(local) = bridge.local() else { return BTreeSet::new() };
        let providers = self.site.providers_on(&bridge.name);
        let learnt = providers.flat_map(|provider| self.learnt.of(provider.id));
        let own: Vec<_> = learnt.filter(|(_, mac)| *mac == local.mac).map(|(address, _)| address).collect();
        let new: Vec<_> = own.into_iter().filter(|address| self.site_mut().keep(*address)).collect();
        let pool_of = |address| self.site.pool_at(address).or_else(|| self.site.withdrawn_from(address));
        let pools = new.into_iter().filter_map(pool_of);
        pools.map(|pool| Entity::Pool(pool.name.clone())).collect()
    }

    /// Keeps a packet until its next hop is known, for a moment and with few others.
    pub(super) fn hold(&mut self, provider: &Provider, frame: Bytes, now: Instant) {
        let held = self.packets.held.entry(provider.id).or_default();
        if held.len() >= MOST_HELD {
            held.pop_front();
        }
        held.push_back((now, frame));
        // The answer may have been here before the packet was.
        self.release_held(provider, now);
        if self.watch_gateway(provider, now) {
            self.ask_neighbours(now);
        }
    }

    /// Sends the packets on whose next hop is known by now.
    fn release_held(&mut self, provider: &Provider, now: Instant) {
        let Some(mut held) = self.packets.held.remove(&provider.id) else { return };
        held.retain(|(since, _)| now.duration_since(*since) <= HELD_FOR);
        let gateway = provider.gateway_mac.or_else(|| self.learnt_mac(provider, provider.gateway?));
        let mut waiting = VecDeque::new();
        for (since, frame) in held {
            let known = destination(&frame).and_then(|address| self.learnt_mac(provider, address));
            match known.or(gateway) {
                Some(mac) => {
                    let addressed = Action::SetField(MatchField::EthDst(mac.into()));
                    self.send_through_guard(provider.id, Some(addressed), &frame);
                }
                None => waiting.push_back((since, frame)),
            }
        }
        if !waiting.is_empty() {
            self.packets.held.insert(provider.id, waiting);
        }
    }

    fn learnt_mac(&self, provider: &Provider, address: Ipv4Addr) -> Option<MacAddr> {
        self.learnt.mac(NeighbourKey { provider: provider.id, address })
    }

    /// Watches over a provider's gateway, where its MAC is not declared; tells whether that is new.
    fn watch_gateway(&mut self, provider: &Provider, now: Instant) -> bool {
        let Some(address) = provider.gateway.filter(|_| provider.gateway_mac.is_none()) else { return false };
        let known = self.learnt_mac(provider, address);
        self.resolver.watch(NeighbourKey { provider: provider.id, address }, true, known, now)
    }

    /// Watches over the gateways and the neighbours of all providers.
    pub(super) fn watch_neighbours(&mut self) {
        let now = Instant::now();
        let site = Arc::clone(&self.site);
        for provider in site.providers() {
            self.watch_gateway(provider, now);
            for (address, mac) in self.learnt.of(provider.id).filter(|(address, _)| provider.is_onlink(*address)) {
                if !provider.keeps(address) && !self.is_host_mac(provider, mac) {
                    self.resolver.watch(NeighbourKey { provider: provider.id, address }, false, Some(mac), now);
                }
            }
        }
        self.resolver.retain(|key| {
            site.provider_by_id(key.provider).is_some_and(|provider| {
                (provider.gateway == Some(key.address) && provider.gateway_mac.is_none())
                    || provider.is_onlink(key.address)
            })
        });
    }

    fn is_host_mac(&self, provider: &Provider, mac: MacAddr) -> bool {
        let is_its = |bridge: &Bridge| bridge.local().is_some_and(|port| port.mac == mac);
        self.switches.named(&provider.bridge).any(|(_, bridge)| is_its(bridge))
    }

    /// Sends the questions that are due, once there is a bridge that they can leave by.
    pub(super) fn ask_neighbours(&mut self, now: Instant) {
        if self.is_safe_mode() {
            return;
        }
        // The guard has to be there, or nothing leaves.
        let can_reach = |provider| {
            let Some(provider) = self.site.provider_by_id(provider) else { return false };
            let entity = Entity::Provider(provider.name.clone());
            self.switches.named(&provider.bridge).any(|(switch, _)| !switch.table.is_pending(&entity))
        };
        let due = self.resolver.poll(now, can_reach);
        for question in due.questions {
            self.send_question(question.key, question.to);
        }
        for key in due.lost {
            info!(address = %key.address, "an on-link neighbour does not answer any more");
            self.learn(key, None);
        }
    }

    fn send_question(&mut self, key: NeighbourKey, to: Option<MacAddr>) {
        let Some((provider, view)) = self.external(key.provider) else { return };
        let mac = view.uplink_mac();
        let frame =
            arp(ArpOperation::REQUEST, mac, to.unwrap_or(MacAddr::BROADCAST), self.own_address(provider), key.address);
        self.send_through_guard(key.provider, None, &frame);
    }

    /// The host's address that ARP is asked from; none is 0.0.0.0, as in a probe (RFC 5227, section 2.1.1).
    fn own_address(&self, provider: &Provider) -> Ipv4Addr {
        self.host_address(provider).unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// An address that the host has on the provider's bridge, declared or learnt.
    pub(super) fn host_address(&self, provider: &Provider) -> Option<Ipv4Addr> {
        let learnt = || self.learnt.of(provider.id).find(|(_, mac)| self.is_host_mac(provider, *mac));
        let declared = provider.host_ips.first().copied();
        declared.or_else(|| learnt().map(|(address, _)| address))
    }

    pub(super) fn external(&self, provider: EntityId) -> Option<(&Provider, View<'_>)> {
        let provider = self.site.provider_by_id(provider)?;
        let bridge = self.switches.bridge(&provider.bridge)?;
        let world = World { site: &self.site, learnt: &self.learnt, bridge, role: Role::External };
        Some((provider, View::of(world, provider)?))
    }
}

impl Heard {
    /// The sender of an ARP packet, whose Ethernet header must agree with its body.
    fn of(frame: &[u8]) -> Option<Self> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(NetSlice::Arp(arp)) = &packet.net else { return None };
        let mac: [u8; 6] = arp.sender_hw_addr().try_into().ok()?;
        let address: [u8; 4] = arp.sender_protocol_addr().try_into().ok()?;
        let source: [u8; 6] = frame.get(6..12)?.try_into().ok()?;
        (source == mac).then_some(Self { mac: MacAddr::new(mac), address: address.into() })
    }
}

pub(super) fn source(frame: &[u8]) -> Option<Ipv4Addr> {
    match SlicedPacket::from_ethernet(frame).ok()?.net? {
        NetSlice::Ipv4(ip) => Some(ip.header().source_addr()),
        _ => None,
    }
}

pub(super) fn destination(frame: &[u8]) -> Option<Ipv4Addr> {
    match SlicedPacket::from_ethernet(frame).ok()?.net? {
        NetSlice::Ipv4(ip) => Some(ip.header().destination_addr()),
        _ => None,
    }
}

pub(super) fn arp(operation: ArpOperation, from: MacAddr, to: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Bytes {
    let unknown = [0; 6];
    let (sha, spa, tpa) = (from.octets(), sender.octets(), target.octets());
    let body = ArpPacket::new(ArpHardwareId::ETHERNET, EtherType::IPV4, operation, &sha, &spa, &unknown, &tpa);
    let body = body.expect("addresses have the lengths of their kinds");
    let builder = PacketBuilder::ethernet2(from.octets(), to.octets()).arp(body);
    let mut frame = Vec::with_capacity(builder.size());
    builder.write(&mut frame).expect("a vector takes all bytes");
    frame.into()
}

/// Packets of one provider that wait.
const MOST_HELD: usize = 32;
/// How long they wait: longer, and whoever sent them has sent them again.
const HELD_FOR: Duration = Duration::from_secs(3);
/// On-link neighbours of one provider that are looked for.
const MOST_NEIGHBOURS: usize = 4096;
