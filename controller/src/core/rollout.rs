//! From a committed state to bundles in switches, and back to those who wait for them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Instant;

use buoy_flows::flow::Flow;
use buoy_flows::pipeline::{self, Entity, Role, Touched, World};
use buoy_topology::{FloatingIp, NeighbourKey, PortName};
use tracing::{debug, error};

use super::Core;
use super::plan::Subject;
use super::switches::InFlight;
use crate::reconcile::order::is_due;
use crate::rpc::Ask;
use crate::switch::{Command, ConnectionId};

/// A request whose answer waits until the change is in force.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ask: Ask,
    pub(super) subject: Subject,
    pub(super) scope: Scope,
    pub(super) notices: Vec<String>,
    pub(super) deadline: Instant,
}

/// Where a change has to be in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The entities; none stand for everything.
    pub(super) entities: Option<BTreeSet<Entity>>,
    /// Bridges that must have it, connected or not.
    pub(super) bridges: BTreeSet<PortName>,
}

impl Core {
    /// Compiles what was touched, for one switch.
    pub(super) fn recompile(&mut self, id: ConnectionId, touched: &Touched) {
        let (site, learnt) = (&self.site, &self.learnt);
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let Some(bridge) = &switch.bridge else { return };
        let role = Role::of(site, &bridge.name, &self.integration);
        let touched = if role == switch.role { touched } else { &Touched::Everything };
        switch.role = role;
        let world = World { site, learnt, bridge, role };
        match touched {
            Touched::Entities(entities) => {
                for entity in entities {
                    switch.table.want(entity, &pipeline::compile(world, entity));
                }
            }
            Touched::Everything => match pipeline::compile_all(world) {
                Ok(all) => {
                    let mut flows: BTreeMap<Entity, Vec<Flow>> = BTreeMap::new();
                    for (entity, flow) in all {
                        flows.entry(entity).or_default().push(flow);
                    }
                    let stale: Vec<_> =
                        switch.table.entities().filter(|entity| !flows.contains_key(entity)).cloned().collect();
                    stale.iter().for_each(|entity| switch.table.want(entity, &[]));
                    flows.iter().for_each(|(entity, flows)| switch.table.want(entity, flows));
                }
                // The flows that are installed stay: a mistake of ours must not take a host off the net.
                Err(clash) => error!(%clash, bridge = %bridge.name, "the pipeline contradicts itself"),
            },
        }
    }

    /// Compiles what was touched, for every switch, and sends what is due.
    pub(super) fn roll_out(&mut self, touched: &Touched) {
        let ids: Vec<_> = self.switches.keys().copied().collect();
        for id in ids {
            self.recompile(id, touched);
        }
        self.watch_neighbours();
        self.push_all();
    }

    /// A station's MAC changed. Where it is the host itself, the pool that covers it changes too.
    pub(super) fn neighbour_changed(&mut self, key: NeighbourKey) {
        let mut entities = BTreeSet::from([Entity::Neighbour(key)]);
        entities.extend(self.site.pool_at(key.address).map(|pool| Entity::Pool(pool.name.clone())));
        self.roll_out(&Touched::Entities(entities));
    }

    pub(super) fn touched_by_port(&self, bridge: &PortName, port: &PortName) -> Touched {
        let is_wiring = self.site.providers().any(|provider| {
            let external = provider.bridge == *bridge && [&provider.uplink, &provider.patch].contains(&port);
            external || provider.patch_peer() == *port
        });
        if is_wiring || bridge == port {
            return Touched::Everything;
        }
        let instances = self.site.instances_on_port(bridge, port);
        Touched::Entities(instances.map(|name| Entity::Instance(name.clone())).collect())
    }

    /// Sends every switch what it may have now, notes which are up to date, and answers those who waited for it.
    pub(super) fn push_all(&mut self) {
        let ids: Vec<_> = self.switches.keys().copied().collect();
        for id in ids {
            self.push(id);
        }
        self.answer_waiters();
        self.announce();
    }

    fn push(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get(&id) else { return };
        if switch.job.is_some() || !switch.table.is_synced() {
            return;
        }
        let touches_nothing = self.is_safe_mode() && switch.table.entities().next().is_none();
        let host = &switch.connection.host;
        let others = || {
            let same = self.switches.iter().filter(|(other, own)| **other != id && own.connection.host == *host);
            same.map(|(_, other)| (other.role, &other.table))
        };
        let batch = switch.table.due(|entity, lane| is_due(switch.role, entity, lane, others()));
        let generation = self.site.generation();
        let Some(switch) = self.switches.get_mut(&id) else { return };
        if !batch.is_empty() && !touches_nothing {
            debug!(flow_mods = batch.len(), bridge = ?switch.bridge.as_ref().map(|bridge| &bridge.name), "bundle");
            let command = Command::Bundle(batch.flow_mods());
            switch.begin(InFlight::Bundle(batch), command);
        } else if switch.table.is_clean() {
            switch.generation = generation;
            if let Some(bridge) = &switch.bridge {
                self.clean_at.insert(bridge.name.clone(), generation);
            }
            self.begin_inquiry(id);
        } else {
            self.begin_inquiry(id);
        }
    }

    /// The bridges where a scope is not in force yet.
    pub(super) fn pending(&self, scope: &Scope) -> Vec<PortName> {
        let is_away = |name: &&PortName| {
            !self.switches.values().any(|own| own.bridge.as_ref().is_some_and(|bridge| bridge.name == **name))
        };
        let mut pending: BTreeSet<_> = scope.bridges.iter().filter(is_away).cloned().collect();
        for switch in self.switches.values() {
            let Some(bridge) = &switch.bridge else { continue };
            let is_pending = match &scope.entities {
                Some(entities) => entities.iter().any(|entity| switch.table.is_pending(entity)),
                None => !switch.table.is_clean(),
            };
            if is_pending {
                pending.insert(bridge.name.clone());
            }
        }
        pending.into_iter().collect()
    }

    /// Where a floating IP has to be in force, or must have been taken away.
    pub(super) fn scope_of(&self, address: Ipv4Addr) -> Scope {
        let mut bridges = BTreeSet::new();
        if let Some(binding) = self.site.binding(address) {
            bridges.insert(binding.provider.bridge.clone());
            bridges.insert(binding.instance.bridge.clone());
        } else if self.site.floating_ip(address).is_some_and(|fip| self.may_be_installed(fip)) {
            bridges.extend(self.bridges_of(address));
        }
        Scope { entities: Some(BTreeSet::from([Entity::Association(address)])), bridges }
    }

    /// Which bridges may still serve an address that is bound to nothing any more.
    pub(super) fn leaving(&self, fip: &FloatingIp) -> Vec<PortName> {
        self.pending(&self.scope_of(fip.address))
    }

    fn may_be_installed(&self, fip: &FloatingIp) -> bool {
        let seen = |bridge: &PortName| self.clean_at.get(bridge).copied().unwrap_or_default();
        self.bridges_of(fip.address).iter().any(|bridge| seen(bridge) < fip.changed)
    }

    fn bridges_of(&self, address: Ipv4Addr) -> Vec<PortName> {
        let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
        let external = provider.map(|provider| provider.bridge.clone());
        external.into_iter().chain([self.integration.clone()]).collect()
    }

    pub(super) fn answer_waiters(&mut self) {
        let (done, waiting) =
            std::mem::take(&mut self.waiters).into_iter().partition(|waiter| self.pending(&waiter.scope).is_empty());
        self.waiters = waiting;
        self.answer_all(done);
    }

    pub(super) fn expire_waiters(&mut self, now: Instant) {
        let (late, waiting) = std::mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.deadline <= now);
        self.waiters = waiting;
        self.answer_all(late);
    }

    /// Answers everybody with how things stand.
    pub(super) fn answer_waiters_now(&mut self) {
        let all = std::mem::take(&mut self.waiters);
        self.answer_all(all);
    }

    fn answer_all(&self, waiters: Vec<Waiter>) {
        for waiter in waiters {
            let pending = self.pending(&waiter.scope);
            let view = self.outcome(&waiter.subject, &pending, waiter.notices);
            // Who does not wait any more needs no answer.
            let _ = waiter.ask.reply.send(view);
        }
    }

    /// Announces addresses that have come into force, where their provider allows it.
    fn announce(&mut self) {
        let ready: Vec<_> =
            self.announcements.iter().copied().filter(|own| self.pending(&self.scope_of(*own)).is_empty()).collect();
        for address in ready {
            self.announcements.remove(&address);
            self.send_announcement(address);
        }
    }
}
