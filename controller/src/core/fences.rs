//! Fences: what was taken away, or leads somewhere else, is in force when the datapath has followed it, and not before.
//!
//! A host has one datapath, however many bridges, and so one fence at a time, by a provider's bridge with an address of the
//! host. A cut that is acknowledged while a fence is under way waits for the next one, with all that come meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use buoy_flows::openflow::ControllerRole;
use buoy_flows::pipeline::{Entity, Role};
use buoy_topology::{Dialect, HostName};
use tracing::warn;

use super::Core;
use super::switches::{InFlight, Switch};
use crate::switch::{Command, ConnectionId};

/// The fences of all hosts.
#[derive(Debug, Default)]
pub(super) struct Fences {
    hosts: BTreeMap<HostName, Fence>,
}

/// The fences of one host.
#[derive(Debug, Default)]
struct Fence {
    /// The number of the next one.
    next: u64,
    /// Who runs one now.
    runs: Option<ConnectionId>,
    /// Until when none is tried: the last one found nothing out.
    rests_until: Option<Instant>,
}

/// The entities of a switch whose cuts the datapath may not have followed yet, each with the fence that it waits for.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    waiting: HashMap<Arc<Entity>, u64>,
    /// Cuts of flows that belonged to nobody.
    strays: Option<u64>,
}

impl Fences {
    /// The switches that run one.
    pub(super) fn running(&self) -> BTreeSet<ConnectionId> {
        self.hosts.values().filter_map(|fence| fence.runs).collect()
    }
}

impl Cuts {
    /// Whether one of an entity is waited for.
    pub(super) fn has(&self, entity: &Entity) -> bool {
        self.waiting.contains_key(entity)
    }

    /// Whether one is waited for of which it is not known whose it was.
    pub(super) fn has_strays(&self) -> bool {
        self.strays.is_some()
    }

    /// Whether any is waited for.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.strays.is_none()
    }

    fn add(&mut self, entities: HashSet<Option<Arc<Entity>>>, fence: u64) {
        for entity in entities {
            match entity {
                Some(entity) => drop(self.waiting.insert(entity, fence)),
                None => self.strays = Some(fence),
            }
        }
    }

    fn end_before(&mut self, next: u64) {
        self.waiting.retain(|_, fence| *fence >= next);
        self.strays = self.strays.filter(|fence| *fence >= next);
    }

    fn wait_for(&self, fence: u64) -> bool {
        self.strays == Some(fence) || self.waiting.values().any(|own| *own == fence)
    }
}

impl Core {
    /// A switch has acknowledged cuts: they are in force after the next fence of its host, where it can have one.
    pub(super) fn cut(&mut self, id: ConnectionId, entities: HashSet<Option<Arc<Entity>>>, now: Instant) {
        let Some(host) = self.switches.get(&id).map(|switch| switch.connection.host.clone()) else { return };
        if entities.is_empty() || self.fencer(&host, now).is_none() {
            return;
        }
        let next = self.fences.hosts.entry(host.clone()).or_default().next;
        if let Some(switch) = self.switches.get_mut(&id) {
            switch.cuts.add(entities, next);
        }
        self.begin_fence(&host, now);
    }

    /// A switch has told what it has. What it did while nobody heard of it may be what somebody waits for.
    pub(super) fn fence_after_dump(&mut self, id: ConnectionId, was_synced: bool, now: Instant) {
        if !was_synced && !self.waiters.is_empty() {
            self.cut(id, HashSet::from([None]), now);
        }
        if let Some(host) = self.switches.get(&id).map(|switch| switch.connection.host.clone()) {
            self.begin_fence(&host, now);
        }
    }

    /// Begins a fence, where somebody waits for one and none is under way.
    pub(super) fn begin_fence(&mut self, host: &HostName, now: Instant) {
        let Some(fence) = self.fences.hosts.get(host).filter(|fence| fence.runs.is_none()) else { return };
        let next = fence.next;
        let is_waited_for = |id| self.switches.get(&id).is_some_and(|switch| switch.cuts.wait_for(next));
        if !self.switches.of_host(host).any(is_waited_for) {
            return;
        }
        let Some((id, address)) = self.fencer(host, now) else { return self.give_up(host) };
        let Some(switch) = self.switches.get(&id) else { return };
        // A dump would find the canary, and take it for a flow that is too many: the fence waits until it is over.
        if matches!(switch.job, Some(InFlight::Dump)) {
            return;
        }
        let is_taken = switch.connection.commands.try_send(Command::Fence(address)).is_ok();
        if !is_taken {
            return self.give_up(host);
        }
        if let Some(fence) = self.fences.hosts.get_mut(host) {
            fence.runs = Some(id);
            fence.next += 1;
        }
    }

    /// A fence is over.
    pub(super) fn on_fenced(&mut self, id: ConnectionId, followed: bool, now: Instant) {
        let Some(switch) = self.switches.get_mut(&id) else { return };
        if !followed && switch.fence != Some(false) {
            warn!(
                bridge = switch.name(),
                "the host does not answer for its datapath: changes count as in force when the switch says so"
            );
        }
        switch.fence = Some(followed);
        let host = switch.connection.host.clone();
        if let Some(fence) = self.fences.hosts.get_mut(&host) {
            fence.rests_until = (!followed).then_some(now + REST);
        }
        self.fence_ended(id, &host, now);
        self.push_host(&host);
    }

    /// Whoever ran a fence is away: nothing more can be expected of it.
    pub(super) fn fencer_left(&mut self, id: ConnectionId, host: &HostName, now: Instant) {
        self.fence_ended(id, host, now);
        if self.switches.of_host(host).next().is_none() {
            self.fences.hosts.remove(host);
        }
    }

    fn fence_ended(&mut self, id: ConnectionId, host: &HostName, now: Instant) {
        let Some(fence) = self.fences.hosts.get_mut(host).filter(|fence| fence.runs == Some(id)) else { return };
        fence.runs = None;
        self.end_cuts(host);
        self.begin_fence(host, now);
    }

    /// Nobody can run a fence: the switch's word has to do.
    fn give_up(&mut self, host: &HostName) {
        if let Some(fence) = self.fences.hosts.get_mut(host) {
            fence.next += 1;
        }
        self.end_cuts(host);
    }

    /// What waited for fences that began is in force.
    fn end_cuts(&mut self, host: &HostName) {
        let Some(next) = self.fences.hosts.get(host).map(|fence| fence.next) else { return };
        for id in self.switches.of_host(host).collect::<Vec<_>>() {
            let Some(switch) = self.switches.get_mut(&id) else { continue };
            switch.cuts.end_before(next);
            if let Some(bridge) = &switch.bridge {
                self.awaited.heard_of(&bridge.name);
            }
        }
    }

    /// The switch of a host that can run a fence, and the address of the host that it asks about.
    fn fencer(&self, host: &HostName, now: Instant) -> Option<(ConnectionId, Ipv4Addr)> {
        let fence = self.fences.hosts.get(host);
        if fence.and_then(|fence| fence.rests_until).is_some_and(|until| now < until) {
            return None;
        }
        let mut here = self.switches.of_host(host).filter_map(|id| Some((id, self.switches.get(&id)?)));
        here.find_map(|(id, switch)| Some((id, self.fence_address(switch)?)))
    }

    fn fence_address(&self, switch: &Switch) -> Option<Ipv4Addr> {
        let bridge = switch.bridge.as_ref().filter(|own| own.dialect == Dialect::OpenFlow13)?;
        let may_change = switch.controller_role != ControllerRole::Secondary;
        if !may_change || switch.role != Role::External || !switch.table.is_synced() {
            return None;
        }
        let base_is_there = !switch.table.is_pending(&Entity::Base);
        let mut here = self.site.providers_on(&bridge.name);
        here.find_map(|provider| self.host_address(provider)).filter(|_| base_is_there)
    }
}

/// How long a host is left in peace whose datapath could not be watched.
const REST: Duration = Duration::from_secs(60);
