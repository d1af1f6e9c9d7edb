//! The pipeline: from what exists to the flows that each bridge should have. Pure: same world, same flows, same order.
//!
//! Read [`tables`] (the stages), [`registers`] (what one stage tells the next), [`drops`] (where packets end), then the
//! stages themselves in [`external`] (br-ex) and [`integration`] (br-int), and last [`entity`] (what a change touches).
//! Each stage is one file with a function per kind of entity that puts flows into it. [`legacy`] is the form of bridges
//! that offer only OpenFlow 1.0: one table. [`fence`] watches the datapath.

pub mod drops;
pub mod entity;
pub mod external;
pub mod fence;
mod fields;
pub mod integration;
pub mod legacy;
pub mod meters;
pub mod registers;
pub mod tables;
pub mod unconfigured;

use std::collections::HashMap;

use buoy_topology::{Bridge, Dialect, Learnt, PortName, PortNo, Site};
use thiserror::Error;

use crate::flow::{Flow, FlowKey};
pub use drops::DropReason;
pub use entity::{Entity, Touched};
pub use meters::Meter;

/// Everything that flows depend on, as one bridge sees it.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// What the admin declared.
    pub site: &'a Site,
    /// What the wire taught.
    pub learnt: &'a Learnt,
    /// The bridge that the flows are for.
    pub bridge: &'a Bridge,
    /// What kind of bridge it is.
    pub role: Role,
}

/// What a bridge is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A provider's bridge (br-ex).
    External,
    /// The instances' bridge (br-int).
    Integration,
    /// Nobody named it yet.
    Unconfigured,
}

impl Role {
    /// The role of the bridge with this name. `integration` is the name that br-int has where no instance says otherwise.
    pub fn of(site: &Site, bridge: &PortName, integration: &PortName) -> Self {
        if site.providers_on(bridge).next().is_some() {
            Self::External
        } else if bridge == integration || site.has_instances_on(bridge) {
            Self::Integration
        } else {
            Self::Unconfigured
        }
    }
}

/// The flows that one entity puts on a bridge.
pub fn compile(world: World<'_>, entity: &Entity) -> Vec<Flow> {
    let mut flows = Vec::new();
    match world.role {
        _ if world.bridge.dialect == Dialect::OpenFlow10 => legacy::compile(world, entity, &mut flows),
        Role::External => {
            if external::compile(world, entity, &mut flows).is_none() {
                let ports = external::ports_without_uplink(world);
                unconfigured::compile(world.bridge, &ports, entity, &mut flows);
            }
        }
        Role::Integration => integration::View::of(world).compile(entity, &mut flows),
        Role::Unconfigured => unconfigured::compile(world.bridge, &[PortNo::ALL], entity, &mut flows),
    }
    flows
}

/// All flows of a bridge, each with the entity that it comes from. Two flows of one identity are an error.
pub fn compile_all(world: World<'_>) -> Result<Vec<(Entity, Flow)>, Clash> {
    let mut owners: HashMap<FlowKey, Entity> = HashMap::new();
    let mut all = Vec::new();
    for entity in Entity::on(world) {
        for flow in compile(world, &entity) {
            if let Some(other) = owners.insert(flow.pack().0, entity.clone()) {
                return Err(Clash { flow: flow.to_string(), entities: Box::new((other, entity)) });
            }
            all.push((entity.clone(), flow));
        }
    }
    Ok(all)
}

/// What a bridge without `check_pkt_larger` cannot do.
pub const NO_MEASURE: &str = "it cannot measure packets (check_pkt_larger, Open vSwitch 2.12): the MTU of a provider is not looked at, and what is longer goes out as it is";

/// What a bridge without a connection tracker cannot do.
pub const NO_TRACKER: &str = "its datapath has no connection tracking: instances without a floating IP reach no floating IP, and no address is shared";

/// Two entities claim one flow identity: a mistake in the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} and {} both claim the flow {flow}", .entities.0, .entities.1)]
pub struct Clash {
    flow: String,
    entities: Box<(Entity, Entity)>,
}

#[cfg(test)]
mod tests;
