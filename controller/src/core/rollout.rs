//! From a committed state to bundles in switches, and back to those who wait for them.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use buoy_flows::pipeline::{self, Entity, Role, Touched, World};
use buoy_topology::{HostName, NeighbourKey, PortName};
use tracing::{debug, error};

use super::Core;
use super::outcome::Made;
use super::standing::Scope;
use super::switches::{InFlight, Switch};
use crate::rpc::Ask;
use crate::switch::{Command, ConnectionId};

/// A request whose answer waits until the change is in force.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ask: Ask,
    pub(super) made: Made,
    pub(super) scope: Scope,
    pub(super) notices: Vec<String>,
    pub(super) deadline: Instant,
}

impl Core {
    /// Compiles what was touched, for one switch.
    pub(super) fn recompile(&mut self, id: ConnectionId, touched: &Touched) {
        let (site, learnt) = (&self.site, &self.learnt);
        let Some(switch) = self.switches.get_mut(&id) else { return };
        let Some(bridge) = &switch.bridge else { return };
        let role = Role::of(site, &bridge.name, &self.integration);
        let touched = if role == switch.role { touched } else { &Touched::Everything };
        if role != switch.role {
            self.awaited.look_at_all();
        }
        switch.role = role;
        let world = World { site, learnt, bridge, role };
        match &*touched.on(world) {
            Touched::Entities(entities) => {
                for entity in entities {
                    switch.table.want(entity, &pipeline::compile(world, entity));
                }
            }
            Touched::Everything => {
                let mut stale: HashSet<_> = switch.table.entities().cloned().collect();
                // One after the other: all flows of a large site never stand in memory beside the table.
                for entity in Entity::on(world) {
                    switch.table.want(&entity, &pipeline::compile(world, &entity));
                    stale.remove(&entity);
                }
                stale.iter().for_each(|entity| switch.table.want(entity, &[]));
            }
        }
        for (flow, one, other) in switch.table.clashes() {
            error!(?flow, %one, %other, bridge = %bridge.name, "the pipeline contradicts itself");
        }
    }

    /// Compiles what was touched, for every switch, and sends what is due.
    pub(super) fn roll_out(&mut self, touched: &Touched) {
        self.compile(touched);
        self.send_out(touched);
    }

    /// Whether a bridge is to be something else than what it was compiled for.
    pub(super) fn has_new_roles(&self) -> bool {
        let role = |switch: &Switch| Some(Role::of(&self.site, &switch.bridge.as_ref()?.name, &self.integration));
        self.switches.values().any(|switch| role(switch).is_some_and(|role| role != switch.role))
    }

    /// Compiles what was touched, for every switch.
    pub(super) fn compile(&mut self, touched: &Touched) {
        let ids: Vec<_> = self.switches.keys().copied().collect();
        for id in ids {
            self.recompile(id, touched);
        }
    }

    /// Sends what is due of what was compiled.
    pub(super) fn send_out(&mut self, touched: &Touched) {
        self.look_at_touched(touched);
        if *touched == Touched::Everything {
            self.watch_neighbours();
        }
        self.push_all();
    }

    /// A station's MAC changed. Where it is the host itself, the pool that covers it changes too.
    pub(super) fn neighbour_changed(&mut self, key: NeighbourKey) {
        let mut entities = BTreeSet::from([Entity::Neighbour(key)]);
        let pool = self.site.pool_at(key.address).or_else(|| self.site.withdrawn_from(key.address));
        entities.extend(pool.map(|pool| Entity::Pool(pool.name.clone())));
        // Direct ports reach what the host has without the provider.
        let provider = self.site.provider_by_id(key.provider);
        let beside = self.site.directs().filter(|direct| provider.is_some_and(|own| own.name == direct.provider));
        entities.extend(beside.map(|direct| Entity::Direct(direct.name.clone())));
        self.roll_out(&Touched::Entities(entities));
    }

    pub(super) fn touched_by_port(&self, bridge: &PortName, port: &PortName) -> Touched {
        let mut here = self.site.providers_on(bridge);
        let is_wiring = here.any(|provider| [&provider.uplink, &provider.patch].contains(&port));
        let leads_out = self.site.providers_behind(port).next().is_some();
        if is_wiring || leads_out || bridge == port {
            return Touched::Everything;
        }
        let instances = self.site.instances_on_port(bridge, port).map(|name| Entity::Instance(name.clone()));
        let is_here = |name| self.site.provider(name).is_some_and(|provider| provider.bridge == *bridge);
        let directs = self.site.directs().filter(|direct| direct.port == *port && is_here(&direct.provider));
        Touched::Entities(instances.chain(directs.map(|direct| Entity::Direct(direct.name.clone()))).collect())
    }

    /// Sends every switch what it may have now, notes which are up to date, and answers those who waited for it.
    pub(super) fn push_all(&mut self) {
        let ids: Vec<_> = self.switches.keys().copied().collect();
        ids.iter().for_each(|id| self.push(*id));
        self.prepare(&ids);
        self.settle();
    }

    /// The same for the switches of one host: what one of them has done opens the way for the others, and for no other
    /// host's.
    pub(super) fn push_host(&mut self, host: &HostName) {
        let ids: Vec<_> = self.switches.of_host(host).collect();
        ids.iter().for_each(|id| self.push(*id));
        self.prepare(&ids);
        self.settle();
    }

    pub(super) fn push_host_of(&mut self, id: ConnectionId) {
        if let Some(host) = self.switches.get(&id).map(|switch| switch.connection.host.clone()) {
            self.push_host(&host);
        }
    }

    /// Notes what is in force now. Where many addresses wait to be announced, they are looked at with the clock, and not
    /// with each word of a switch.
    fn settle(&mut self) {
        self.answer_waiters();
        self.tell_in_force(Instant::now());
        if self.announcements.waiting() <= FEW {
            self.begin_announcements(Instant::now());
        }
    }

    pub(super) fn push(&mut self, id: ConnectionId) {
        let Some(switch) = self.switches.get(&id) else { return };
        match &switch.job {
            Some(InFlight::Prepared(_)) => return self.decide(id),
            Some(_) => return,
            None => {}
        }
        if !switch.may_change() {
            self.begin_inquiry(id);
            return;
        }
        let touches_nothing = self.is_safe_mode() && switch.table.entities().next().is_none();
        let batch = self.due(switch);
        let generation = self.site.generation();
        let Some(switch) = self.switches.get_mut(&id) else { return };
        if !batch.is_empty() && !touches_nothing {
            debug!(flow_mods = batch.len(), bridge = ?switch.bridge.as_ref().map(|bridge| &bridge.name), "bundle");
            let command = Command::Bundle(batch.flow_mods());
            if !switch.begin(InFlight::Bundle(batch), command) {
                // The next tick dumps it, and after that it is tried again.
                switch.dump_at = Instant::now();
            }
        } else if switch.has_everything() {
            switch.generation = generation;
            switch.failure = None;
            switch.failures = 0;
            if let Some(bridge) = &switch.bridge {
                self.clean_at.insert(bridge.name.clone(), generation);
                self.awaited.heard_of(&bridge.name);
            }
            self.tell_in_sync(id);
            self.begin_inquiry(id);
        } else {
            self.begin_inquiry(id);
        }
    }

    pub(super) fn answer_waiters(&mut self) {
        let (done, waiting) =
            std::mem::take(&mut self.waiters).into_iter().partition(|waiter| self.is_in_force(&waiter.scope));
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
            let refused = self.refusal(&waiter.scope).map(str::to_owned);
            let answer = self.outcome(waiter.made, pending, refused, waiter.notices);
            // Who does not wait any more needs no answer.
            let _ = waiter.ask.reply.send(answer);
        }
    }
}

/// As many addresses are looked at with each word of a switch.
const FEW: usize = 32;
