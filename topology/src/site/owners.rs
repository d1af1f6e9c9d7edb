//! Who has what, how much they may have, and what is free for whom.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::{FloatingIp, Instance, Interface, Name, Network, Pool, PortName, Project, Quota, Site, Time};

impl Site {
    /// The time that requests are judged by.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Notes what time it is. It never goes back.
    pub fn set_now(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// Every project that is declared or has something, by name.
    pub fn project_names(&self) -> BTreeSet<Name> {
        let declared = self.projects.keys().chain(self.free.holders());
        let owners = self.instances.values().map(|instance| &instance.project);
        let networks = self.networks.values().filter_map(|network| network.project.as_ref());
        declared.chain(owners).chain(networks).cloned().collect()
    }

    /// What is stored about a project.
    pub fn project(&self, name: &Name) -> Option<&Arc<Project>> {
        self.projects.get(name)
    }

    /// The projects of which something is stored, in the order of their names.
    pub fn projects(&self) -> impl Iterator<Item = &Arc<Project>> {
        self.projects.values()
    }

    /// What projects that have no quota of their own may have.
    pub fn default_quota(&self) -> Quota {
        self.default_quota.unwrap_or_default()
    }

    /// How many floating IPs a project may have.
    pub fn fip_quota(&self, project: &Name) -> Quota {
        self.project(project).and_then(|own| own.fip_quota).unwrap_or_else(|| self.default_quota())
    }

    /// How many floating IPs a project has.
    pub fn fips_held(&self, project: &Name) -> u64 {
        self.free.held(project)
    }

    /// The instances of a project, by name.
    pub fn instances_of(&self, project: &Name) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.values().filter(move |instance| instance.project == *project)
    }

    /// The networks that belong to a project, by name.
    pub fn networks_of(&self, project: &Name) -> impl Iterator<Item = &Arc<Network>> {
        self.networks.values().filter(move |network| network.project.as_ref() == Some(project))
    }

    /// Until when no other project gets an address, where that is not over.
    pub fn cooling_until(&self, pool: &Pool, fip: &FloatingIp) -> Option<Time> {
        let released = fip.released.as_ref().filter(|_| fip.project.is_none())?;
        let until = pool.cool_down.after(released.at);
        (until > self.now).then_some(until)
    }

    /// How many free addresses of a pool cool down.
    pub fn cooling_of(&self, pool: &Pool) -> u64 {
        let newest_first = self.free.used(&pool.name, None).rev();
        let cools =
            |address: &Ipv4Addr| self.floating_ip(*address).is_some_and(|fip| self.cooling_until(pool, fip).is_some());
        newest_first.take_while(cools).count() as u64
    }

    /// The addresses of a pool that a project may get, in the order in which they are handed out: those that nobody ever
    /// had, those that were released long ago, and at last those that this project itself has just released.
    pub(crate) fn candidates(&self, pool: &Pool, project: &Name) -> impl Iterator<Item = Ipv4Addr> {
        let name = &pool.name;
        let is_cold =
            |address: &Ipv4Addr| self.floating_ip(*address).is_none_or(|fip| self.cooling_until(pool, fip).is_none());
        let cold = self.free.used(name, None).take_while(is_cold);
        let own = self.free.used(name, Some(project)).skip_while(is_cold);
        self.free.fresh(name).chain(cold).chain(own)
    }

    /// The interfaces behind a port, on whatever bridge it is.
    pub fn interfaces_on_port(&self, port: &PortName) -> Vec<(&Arc<Instance>, &Interface)> {
        let instances: BTreeSet<_> =
            self.index.bridges().flat_map(|bridge| self.instances_on_port(bridge, port)).collect();
        let instances = instances.into_iter().filter_map(|name| self.instance(name));
        let own = instances.flat_map(|instance| instance.interfaces.iter().map(move |own| (instance, own)));
        own.filter(|(_, interface)| interface.port == *port).collect()
    }
}
