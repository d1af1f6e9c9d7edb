//! Where a change has to be in force, where it is not yet, and why nothing more can be expected.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use buoy_flows::pipeline::{Entity, Role};
use buoy_topology::site::Binding;
use buoy_topology::{FloatingIp, Generation, PortName};

use super::Core;
use super::switches::Switch;

/// Where a change has to be in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The entities; none stand for everything.
    pub(super) entities: Option<BTreeSet<Entity>>,
    /// Bridges that must have it, connected or not.
    pub(super) bridges: BTreeSet<PortName>,
}

impl Core {
    /// The bridges where a scope is not in force yet.
    pub(super) fn pending(&self, scope: &Scope) -> Vec<PortName> {
        let is_away = |name: &&PortName| self.switches.bridge(name).is_none();
        let mut pending: BTreeSet<_> = scope.bridges.iter().filter(is_away).cloned().collect();
        for switch in self.switches.values() {
            let Some(bridge) = &switch.bridge else { continue };
            if is_pending(switch, scope, scope.bridges.contains(&bridge.name)) {
                pending.insert(bridge.name.clone());
            }
        }
        pending.into_iter().collect()
    }

    /// Whether a scope is in force everywhere: that [`Core::pending`] names no bridge. Those that must have it are asked
    /// first, so that where it is not in force yet few are asked.
    pub(super) fn is_in_force(&self, scope: &Scope) -> bool {
        let has = |name: &PortName| {
            let mut named = self.switches.named(name).peekable();
            named.peek().is_some() && named.all(|(switch, _)| !is_pending(switch, scope, true))
        };
        let lacks = |switch: &Switch| {
            let name = switch.bridge.as_ref().map(|bridge| &bridge.name);
            name.is_some_and(|name| is_pending(switch, scope, scope.bridges.contains(name)))
        };
        scope.bridges.iter().all(has) && !self.switches.values().any(lacks)
    }

    /// What a switch refused of a scope.
    pub(super) fn refusal(&self, scope: &Scope) -> Option<&str> {
        self.switches.values().find_map(|switch| match &scope.entities {
            Some(entities) => entities.iter().find_map(|entity| switch.table.refusal(entity)),
            None => switch.table.any_refusal().filter(|_| switch.role != Role::Unconfigured),
        })
    }

    /// Where a floating IP has to be in force, or must have been taken away.
    pub(super) fn scope_of(&self, address: Ipv4Addr) -> Scope {
        let mut scope = Scope { entities: Some(BTreeSet::from([Entity::Association(address)])), ..Scope::default() };
        scope.bridges.extend(self.site.floating_ip(address).into_iter().flat_map(|fip| self.still_served_by(fip)));
        if let Some(Binding { provider, instance, .. }) = self.site.binding(address) {
            scope.bridges.extend([provider.bridge.clone(), instance.bridge.clone()]);
            scope.entities.get_or_insert_default().insert(Entity::Instance(instance.name.clone()));
        }
        scope
    }

    /// Why a floating IP that nothing is pending for is not in force all the same: a switch refused what it depends on, a
    /// port is missing, or the bridge's dialect cannot serve the provider.
    pub(super) fn trouble(&self, address: Ipv4Addr) -> Option<String> {
        let mut scope = self.scope_of(address);
        let binding = self.site.binding(address);
        if let (Some(binding), Some(pool)) = (binding, self.site.pool_at(address)) {
            let depends = [Entity::Pool(pool.name.clone()), Entity::Provider(binding.provider.name.clone())];
            scope.entities.get_or_insert_default().extend(depends);
        }
        let refused = self.refusal(&scope).map(str::to_owned);
        let missing = refused.or_else(|| binding.and_then(|binding| self.missing_port(binding)));
        missing.or_else(|| self.unserved(binding?.provider))
    }

    /// Whether a bridge is there, and a port of it is not.
    pub(super) fn lacks_port(&self, bridge: &PortName, port: &PortName) -> bool {
        self.switches.named(bridge).any(|(_, own)| own.port(port).is_none())
    }

    fn missing_port(&self, binding: Binding<'_>) -> Option<String> {
        let Binding { provider, instance, interface, .. } = binding;
        let needs = [
            (&provider.bridge, &provider.uplink),
            (&provider.bridge, &provider.patch),
            (&instance.bridge, &provider.patch_peer()),
            (&instance.bridge, &interface.port),
        ];
        needs.into_iter().find_map(|(name, port)| {
            let bridge = self.switches.bridge(name)?;
            bridge.port(port).is_none().then(|| format!("bridge {name} has no port {port}: it is served when it comes"))
        })
    }

    /// Which bridges may still serve an address that is bound to nothing any more.
    pub(super) fn leaving(&self, fip: &FloatingIp) -> Vec<PortName> {
        if fip.changed > self.site.generation() {
            // It was taken away by a request of the commit that is made now: no switch has heard of that yet.
            return fip.left.iter().cloned().collect();
        }
        self.pending(&self.scope_of(fip.address))
    }

    /// The bridges that served an address before it was last changed, and that have not acknowledged that they stopped.
    fn still_served_by(&self, fip: &FloatingIp) -> impl Iterator<Item = PortName> {
        fip.left.iter().filter(move |bridge| self.has_not_seen(bridge, fip.changed)).cloned()
    }

    /// Whether a bridge has not acknowledged all of a generation.
    pub(super) fn has_not_seen(&self, bridge: &PortName, generation: Generation) -> bool {
        self.clean_at.get(bridge).copied().unwrap_or_default() < generation
    }
}

/// What a switch has not told yet counts where it must have the change; elsewhere only what it is known to lack. What
/// names no bridge every bridge that has a role must have, if there is anything to have.
fn is_pending(switch: &Switch, scope: &Scope, is_named: bool) -> bool {
    let is_for_all = match &scope.entities {
        Some(entities) => scope.bridges.is_empty() && !entities.is_empty(),
        None => true,
    };
    let counts = is_named || (is_for_all && switch.role != Role::Unconfigured);
    match &scope.entities {
        _ if !switch.table.is_synced() => counts,
        // What was removed may be among what a switch brought along.
        Some(entities) => {
            let lacks = entities.iter().any(|entity| switch.table.is_pending(entity) || switch.cuts.has(entity));
            lacks || (is_named && (switch.table.has_strays() || switch.cuts.has_strays()))
        }
        None => counts && !switch.has_everything(),
    }
}
