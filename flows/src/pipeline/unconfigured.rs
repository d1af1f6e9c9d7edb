//! The form of a bridge that no provider names: its uplink is not known, and yet the host must not be cut off.
//! Everything may go to the host, the host may go everywhere with its own MAC, and nothing passes between other ports.

use buoy_topology::{Bridge, PortNo};

use super::drops::DropReason;
use super::entity::Entity;
use super::fields::{in_port, last_drop, output};
use super::tables::UNCONFIGURED;
use crate::flow::Flow;
use crate::flow::owner::{Feature, Owner};
use crate::openflow::MatchField;

/// What the host sends goes out of `ports`.
pub(super) fn compile(bridge: &Bridge, ports: &[PortNo], entity: &Entity, flows: &mut Vec<Flow>) {
    if *entity != Entity::Base {
        return;
    }
    let owner = Owner { feature: Feature::Unconfigured, entity: 0 };
    if let Some(local) = bridge.local() {
        let own_mac = MatchField::EthSrc(local.mac.into());
        let from_host = Flow::new(UNCONFIGURED, FROM_HOST, owner).on(in_port(PortNo::LOCAL)).on(own_mac);
        flows.push(from_host.apply(ports.iter().copied().map(output)));
    }
    let forged = Owner::dropping(DropReason::ForgedHostMac);
    flows.push(Flow::new(UNCONFIGURED, FORGED, forged).on(in_port(PortNo::LOCAL)));
    flows.push(Flow::new(UNCONFIGURED, TO_HOST, owner).apply([output(PortNo::LOCAL)]));
    flows.push(last_drop(UNCONFIGURED, DropReason::NoMatch));
}

const FROM_HOST: u16 = 100;
const FORGED: u16 = 90;
const TO_HOST: u16 = 50;
