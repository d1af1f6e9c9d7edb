//! What br-int leaves to the controller: ICMP errors, whose quoted packet has to be translated too (RFC 5508, section 4),
//! packets whose time to live is over (RFC 1812, section 5.3.1), and those that are longer than the next link takes (RFC
//! 1191). Each packet is answered or sent on at once; nothing
//! is kept, and the switch's meters bound how many come.

use buoy_flows::icmp::{ErrorKind, Quoting, as_sent, error, forbids_fragments};
use buoy_flows::openflow::{Action, PacketIn, TableId};
use buoy_flows::pipeline::integration::snat::{is_key, key};
use buoy_flows::pipeline::registers::{self, ANSWER, EXIT, INTERFACE, NETWORK, ORIGIN, Origin, QUOTE, Register};
use buoy_flows::pipeline::tables::integration as tables;
use buoy_topology::site::Binding;
use buoy_topology::{EntityId, Network, PortName};
use bytes::Bytes;
use std::net::Ipv4Addr;

use super::Core;
use crate::switch::ConnectionId;

impl Core {
    /// A packet that br-int could not do alone.
    pub(super) fn on_icmp(&mut self, id: ConnectionId, packet: PacketIn) {
        let Some(switch) = self.switches.get(&id) else { return };
        let Some(bridge) = switch.bridge.as_ref().map(|bridge| &bridge.name) else { return };
        let PacketIn { table, matching, frame, .. } = packet;
        let held = |register: Register| matching.fields().iter().find_map(|field| register.held_in(field));
        let network = || self.site.network_by_id(EntityId(held(NETWORK)?));
        let made = match table {
            tables::SOURCE_NAT => network().map(|network| {
                let kept = [INTERFACE, ANSWER].map(|own| own.set(held(own).unwrap_or_default()));
                let marks = kept.into_iter().chain([NETWORK.set(network.id.0)]);
                let frame = self.translate_outward(bridge, network, frame.into());
                (again(Origin::Instance, tables::SOURCE_NAT, marks), frame)
            }),
            // From an instance that shares an address it comes by that one, as from outside.
            tables::DESTINATION_NAT | tables::HAIRPIN_OUT => {
                let frame = self.translate_inward(bridge, frame.into());
                Some((again(Origin::Provider, tables::DESTINATION_NAT, []), frame))
            }
            tables::SHARED_HOME => held(NETWORK).map(|network| {
                let actions = vec![NETWORK.set(network), resubmit(tables::DELIVER)];
                (actions, translate_home(frame.into()))
            }),
            tables::ROUTE if held(ORIGIN) == Some(Origin::Provider.into()) => {
                network().and_then(|network| self.expired_on_the_way_in(network, &frame))
            }
            tables::ROUTE => network().and_then(|network| {
                let answer = error(&frame, ErrorKind::TimeExceeded, network.gateway)?;
                Some((vec![NETWORK.set(network.id.0), resubmit(tables::DELIVER)], answer))
            }),
            tables::SIZE => network().and_then(|network| self.too_long(network, held(EXIT)?, &frame)),
            tables::ADMIT => self.expired_outside(bridge, &frame),
            _ => None,
        };
        if let Some((actions, frame)) = made {
            self.send_packet(id, actions, Bytes::from(frame));
        }
    }

    /// An instance complains: the packet that it quotes was sent to its floating IP, and may have come from one of ours.
    /// Where it has none, the tracker is to know whose connection it is.
    fn translate_outward(&self, bridge: &PortName, network: &Network, mut frame: Vec<u8>) -> Vec<u8> {
        let Some(mut quoting) = Quoting::of(&mut frame) else { return frame };
        let outside = quoting.quoted_destination().and_then(|fixed| self.seen_outside(network, fixed));
        if let Some(address) = outside {
            quoting.quote_destination(address);
        }
        quote_fixed(&mut quoting);
        // To another network the tracker knows the floating IP, which is translated when it has seen it.
        let complained_to = quoting.destination().and_then(|address| self.bound_on(bridge, address));
        let is_inside = complained_to.is_some_and(|binding| binding.network.id == network.id);
        if is_inside || !outside.is_some_and(is_key) {
            self.translate_quoted_source(bridge, &mut quoting);
        }
        frame
    }

    /// Somebody outside complains: the packet that is quoted came from the floating IP that the complaint is for.
    fn translate_inward(&self, bridge: &PortName, mut frame: Vec<u8>) -> Vec<u8> {
        if let Some(mut quoting) = Quoting::of(&mut frame) {
            self.translate_quoted_source(bridge, &mut quoting);
        }
        frame
    }

    fn translate_quoted_source(&self, bridge: &PortName, quoting: &mut Quoting<'_>) {
        let to_its_sender = quoting.destination().filter(|address| quoting.quoted_source() == Some(*address));
        if let Some(binding) = to_its_sender.and_then(|address| self.bound_on(bridge, address)) {
            quoting.quote_source(binding.interface.ip);
        }
    }

    /// The floating IP, or the shared address, itself is where a packet from outside ended.
    fn expired_outside(&self, bridge: &PortName, frame: &[u8]) -> Option<(Vec<Action>, Vec<u8>)> {
        let address = super::arp::destination(frame)?;
        let bound = self.bound_on(bridge, address).map(|binding| binding.provider);
        let sharing = || self.site.snat_at(address).filter(|own| self.site.snat_of(own).is_some());
        let provider = bound.or_else(|| sharing().map(|own| &**own))?;
        let answer = error(frame, ErrorKind::TimeExceeded, address)?;
        Some((vec![EXIT.set(provider.id.0), resubmit(tables::EGRESS)], answer))
    }

    /// On the way to a fixed address from where a provider routes it, the network's gateway is the last hop.
    fn expired_on_the_way_in(&self, network: &Network, frame: &[u8]) -> Option<(Vec<Action>, Vec<u8>)> {
        let provider = self.site.routed_by(super::arp::source(frame)?)?;
        let answer = error(frame, ErrorKind::TimeExceeded, network.gateway)?;
        Some((vec![EXIT.set(provider.id.0), resubmit(tables::EGRESS)], answer))
    }

    /// The provider takes less. Only who forbade fragments is told: the packet is lost either way.
    fn too_long(&self, network: &Network, exit: u32, frame: &[u8]) -> Option<(Vec<Action>, Vec<u8>)> {
        let mtu = self.site.provider_by_id(EntityId(exit))?.mtu?.bytes();
        let source = super::arp::source(frame).filter(|_| forbids_fragments(frame))?;
        if self.site.snat_at(source).is_some() {
            // The tracker knows whose connection it is, and what its packets were before.
            let answer = error(frame, ErrorKind::FragmentationNeeded(mtu), network.gateway)?;
            return Some((vec![ORIGIN.set(Origin::Provider), resubmit(tables::DESTINATION_NAT)], answer));
        }
        let fixed = self.site.binding(source).map_or(source, |binding| binding.interface.ip);
        let answer = error(&as_sent(frame, fixed)?, ErrorKind::FragmentationNeeded(mtu), network.gateway)?;
        Some((vec![NETWORK.set(network.id.0), resubmit(tables::DELIVER)], answer))
    }

    fn bound_on(&self, bridge: &PortName, address: Ipv4Addr) -> Option<Binding<'_>> {
        self.site.binding(address).filter(|binding| binding.instance.bridge == *bridge)
    }

    /// What stands outside for a fixed address: its floating IP, or the key that the switch knows its connections by.
    fn seen_outside(&self, network: &Network, fixed: Ipv4Addr) -> Option<Ipv4Addr> {
        let instance = self.site.instance_at(&network.name, fixed)?;
        let floating = self.site.floating_ip_of(&instance.name, fixed).map(|fip| fip.address);
        floating.or_else(|| instance.interface(fixed).and_then(|own| key(own.id)))
    }
}

/// Somebody complains of a packet from a shared address: where its sender's fixed address was, the switch's key for the
/// sender is, whom the complaint is for.
fn translate_home(mut frame: Vec<u8>) -> Vec<u8> {
    if let Some(mut quoting) = Quoting::of(&mut frame) {
        quote_fixed(&mut quoting);
    }
    frame
}

/// What had a key as its source, whose it was.
fn quote_fixed(quoting: &mut Quoting<'_>) {
    if let Some(fixed) = quoting.destination().filter(|_| quoting.quoted_source().is_some_and(is_key)) {
        quoting.quote_source(fixed);
    }
}

/// Lets a packet go on in the table that handed it over, which does not do so again.
fn again(origin: Origin, table: TableId, marks: impl IntoIterator<Item = Action>) -> Vec<Action> {
    let known = [ORIGIN.set(origin), QUOTE.set(registers::TRANSLATED), resubmit(table)];
    marks.into_iter().chain(known).collect()
}

fn resubmit(table: TableId) -> Action {
    Action::Resubmit { port: None, table }
}
