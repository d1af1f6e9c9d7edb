//! The form of a bridge that offers only OpenFlow 1.0: one table, no registers, and what 1.0 can match and do.
//!
//! Where the pipeline asks one question per table, a flow here asks all of them at once: its match names the port, the
//! source and the destination, and its actions do all that is to be done, the source MAC towards a provider included.
//! What no flow takes is dropped. ARP cannot be answered in the switch: it goes to the controller, and so does what needs
//! a next hop that is not known. The controller's own packets enter by OFPP_TABLE, with OFPP_CONTROLLER as their port.
//!
//! Read [`priorities`] (which flow wins), [`external`] (br-ex), [`integration`] (br-int), then [`touched`].

mod external;
mod integration;
mod priorities;
mod touched;

use buoy_topology::PortNo;

use super::external::{View, ports_without_uplink};
use super::{Entity, Role, World, unconfigured};
use crate::flow::Flow;
use crate::openflow::TableId;

pub(super) use touched::widened;

/// The one table.
const TABLE: TableId = TableId(0);

/// Interfaces of one network on one bridge that reach each other directly: each pair costs two flows.
pub const MOST_PAIRED: usize = 64;

/// What bridges of this form cannot do, as `switch show` says it.
pub const LIMITS: [&str; 17] = [
    "changes are not atomic, and a new layout of flows may lose packets: OpenFlow 1.0 has no bundles",
    "ARP for floating IPs and for gateways of networks is answered by the daemon, and not while it is away",
    "of ARP only the Ethernet source and the sender's IP address are checked",
    "the time to live of packets is not counted down, and no traceroute sees this host",
    "ICMP errors pass with the fixed address inside: path MTU discovery does not work through a floating IP",
    "what comes to the daemon is not metered in the switch",
    "changes by others are found by audits, not at once",
    "what the guard refuses is counted and raises no alarm",
    "with MAC policy vmac on-link neighbours are reached through the gateway",
    "an instance reaches floating IPs of its own host only where both bridges speak OpenFlow 1.0",
    "what goes to no_snat subnets is rewritten like everything else, and nothing comes back to a fixed address",
    "the MTU of a provider is not looked at: what is longer goes out as it is",
    "of several providers on a bridge one is served, and none on a VLAN",
    "an instance without a floating IP reaches none: that needs connection tracking",
    "no address is shared by instances without a floating IP (SNAT): that needs OpenFlow 1.3 on both bridges",
    "direct ports are not served: what is for their addresses is dropped",
    "more than 64 interfaces of one network do not reach each other inside it",
];

/// The one provider that the form serves on a bridge: the oldest that is not on a VLAN, if its uplink is there. Without
/// one the bridge keeps the form that cannot cut the host off.
pub fn served(world: World<'_>) -> Option<View<'_>> {
    View::all(world).filter(|view| view.provider.vlan.is_none()).min_by_key(|view| view.provider.id)
}

/// Puts the flows of an entity on a bridge.
pub(super) fn compile(world: World<'_>, entity: &Entity, flows: &mut Vec<Flow>) {
    match world.role {
        Role::External => match served(world) {
            Some(view) => external::compile(&view, entity, flows),
            None => unconfigured::compile(world.bridge, &ports_without_uplink(world), entity, flows),
        },
        Role::Integration => integration::compile(world, entity, flows),
        // It is one table, and in words that 1.0 has.
        Role::Unconfigured => unconfigured::compile(world.bridge, &[PortNo::ALL], entity, flows),
    }
}
