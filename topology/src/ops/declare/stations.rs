//! Instances and direct ports: what differs is taken away first, so that none keeps a port or an address from another.

use std::sync::Arc;

use super::{GuestSpec, SiteSpec, Spot, Thing, Work};
use crate::ops::{DirectSpec, InstanceSpec, InterfaceSpec, OpError};
use crate::{Change, Direct, Instance, Interface, Key, Labels, Name, Record, Relabel};

impl Work<'_> {
    /// Takes away what is not as declared.
    pub(super) fn take_stations_away(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned {
            let done = match key {
                Key::Direct(name) => self.after.remove_direct(name),
                Key::Instance(name) => self.after.remove_instance(name),
                _ => continue,
            };
            self.attempt(None, key.clone(), done);
        }
        for (name, own) in &spec.directs {
            if self.after.direct(name).is_some_and(|old| !is_direct(old, own)) {
                self.clear(Key::Direct(name.clone()));
            }
        }
        for (name, own) in &spec.instances {
            if self.after.instance(name).is_some_and(|old| !is_guest(old, own)) {
                self.clear(Key::Instance(name.clone()));
            }
        }
    }

    pub(super) fn clear(&mut self, key: Key) {
        let mut change = Change::default();
        change.remove(key);
        self.take(&change);
    }

    /// Puts up the instances that are not there. What was theirs and still is keeps its number.
    pub(super) fn put_up_instances(&mut self, spec: &SiteSpec) {
        for (entry, (name, own)) in spec.instances.iter().enumerate() {
            let key = Key::Instance(name.clone());
            if self.after.instance(name).is_some() || self.failed.contains(&key) {
                continue;
            }
            let spot = Thing::Instance.spot(entry);
            if own.interfaces.is_empty() {
                let what = format!("instance {name} has no interface: it needs one at least");
                self.fail(Some(spot), key, OpError::invalid(what));
                continue;
            }
            if let Err(error) = Labels::declared(&own.labels) {
                self.fail(Some(spot), key, error.into());
                continue;
            }
            for (number, interface) in own.interfaces.iter().enumerate() {
                let done = self.with_interface(name, own, interface);
                self.attempt(Some(Spot { interface: Some(number), ..spot }), key.clone(), done);
            }
            if let (Some(old), Some(new)) = (self.before.instance(name), self.after.instance(name)) {
                let (old, new) = (Arc::clone(old), numbered_as(old, new));
                self.take(&[crate::Write::Put(Record::Instance(Arc::new(new.clone())))].into_iter().collect());
                self.check_bound(spot, &old, &new);
            }
        }
    }

    fn with_interface(&self, name: &Name, own: &GuestSpec, interface: &InterfaceSpec) -> Result<Change, OpError> {
        if self.after.instance(name).is_some() {
            return self.after.attach_interface(name, interface.clone());
        }
        let labels = Relabel { set: own.labels.clone(), unset: Vec::new() };
        let (project, bridge, note) = (own.project.clone(), own.bridge.clone(), own.note.clone());
        let spec = InstanceSpec { project, bridge, interface: interface.clone(), labels, note };
        self.after.add_instance(name.clone(), spec)
    }

    /// What floating IPs depend on does not change under them.
    fn check_bound(&mut self, spot: Spot, old: &Instance, new: &Instance) {
        for fixed_ip in old.interfaces.iter().map(|own| own.ip) {
            let Some(address) = self.after.floating_ip_of(&old.name, fixed_ip).map(|fip| fip.address) else { continue };
            let what = if new.interface(fixed_ip).is_none() {
                format!("fixed IP {fixed_ip}")
            } else if old.bridge != new.bridge {
                "the bridge".to_owned()
            } else if old.project != new.project {
                "the project".to_owned()
            } else {
                continue;
            };
            let (instance, key) = (old.name.clone(), Key::Instance(old.name.clone()));
            self.fail(Some(spot), key, OpError::Bound { instance, what, address });
        }
    }

    /// Puts up the direct ports that are not there.
    pub(super) fn put_up_directs(&mut self, spec: &SiteSpec) {
        for (entry, (name, own)) in spec.directs.iter().enumerate() {
            let key = Key::Direct(name.clone());
            if self.after.direct(name).is_some() || self.failed.contains(&key) {
                continue;
            }
            let done = self.after.add_direct(name.clone(), own.clone());
            if self.attempt(Some(Thing::Direct.spot(entry)), key, done)
                && let (Some(old), Some(new)) = (self.before.direct(name), self.after.direct(name))
            {
                let same = Direct { id: old.id, ..(**new).clone() };
                self.take(&[crate::Write::Put(Record::Direct(Arc::new(same)))].into_iter().collect());
            }
        }
    }
}

fn is_direct(old: &Direct, own: &DirectSpec) -> bool {
    let DirectSpec { provider, port, mac, ips } = own;
    (&old.provider, &old.port, &old.mac, &old.ips) == (provider, port, mac, ips)
}

fn is_guest(old: &Instance, own: &GuestSpec) -> bool {
    let GuestSpec { project, bridge, interfaces, labels, note } = own;
    let is_same = |(old, own): (&Interface, &InterfaceSpec)| {
        let InterfaceSpec { network, port, vlan, mac, ip } = own;
        (&old.network, &old.port, &old.vlan, &old.mac, &old.ip) == (network, port, vlan, mac, ip)
    };
    (&old.project, &old.bridge, old.interfaces.len()) == (project, bridge, interfaces.len())
        && (Ok(&old.labels), &old.note) == (Labels::declared(labels).as_ref(), note)
        && old.interfaces.iter().zip(interfaces).all(is_same)
}

/// The instance with the numbers that its interfaces had.
fn numbered_as(old: &Instance, new: &Instance) -> Instance {
    let number = |own: &Interface| {
        let before = old.interface(own.ip).filter(|before| before.network == own.network);
        Interface { id: before.map_or(own.id, |before| before.id), ..own.clone() }
    };
    Instance { interfaces: new.interfaces.iter().map(number).collect(), ..new.clone() }
}
