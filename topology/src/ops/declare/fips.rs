//! Addresses of pools: who has them, where they lead, and what is known of them.

use std::collections::BTreeMap;

use super::{AddressSpec, SiteSpec, Thing, Work};
use crate::ops::{AllocateSpec, AssociateSpec, FipSpec, OpError};
use crate::{Change, FloatingIp, Key, Labels, Name};

impl Work<'_> {
    /// Takes addresses from where they shall not lead, so that all that is to be free is free.
    pub(super) fn loosen(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned {
            let Key::FloatingIp(address) = key else { continue };
            if self.after.snat_at(*address).is_some() {
                continue;
            }
            let released = self.after.release(*address);
            self.attempt(None, key.clone(), released);
        }
        let projects = spec.instances.iter().map(|(name, own)| (name, &own.project));
        let projects: BTreeMap<_, _> = projects.collect();
        for (entry, own) in spec.floating_ips.iter().enumerate() {
            let declared = own.instance.as_ref().and_then(|name| projects.get(name).copied());
            let existing = || self.before.instance(own.instance.as_ref()?).map(|instance| &instance.project);
            let project = declared.or_else(existing).or(own.project.as_ref()).cloned();
            let done = self.loosened(own, project.as_ref());
            self.attempt(Some(Thing::FloatingIp.spot(entry)), Key::FloatingIp(own.address), done);
        }
    }

    fn loosened(&self, own: &AddressSpec, project: Option<&Name>) -> Result<Change, OpError> {
        let address = own.address;
        if own.fixed_ip.is_some() && own.instance.is_none() {
            return Err(OpError::invalid(format!("{address} has a fixed_ip and no instance that it is of")));
        }
        if let (Some(instance), Some(said), Some(other)) = (&own.instance, &own.project, project)
            && said != other
        {
            let (project, instance, other) = (said.clone(), instance.clone(), other.clone());
            return Err(OpError::OtherProject { address, project, instance, other });
        }
        let Some(FloatingIp { project: Some(holder), association, .. }) = self.after.floating_ip(address) else {
            return Ok(Change::default());
        };
        match project {
            None => self.after.release(address),
            Some(project) if project != holder && association.is_some() => {
                Err(OpError::StillServed { address, project: holder.clone() })
            }
            Some(project) if project != holder => self.after.release(address),
            Some(_) if association.as_ref().is_some_and(|held| !own.is_led_to(&held.instance, held.fixed_ip)) => {
                self.after.disassociate(address)
            }
            Some(_) => Ok(Change::default()),
        }
    }

    /// Tells MACs and notes, and forgets those of addresses that are not wanted.
    pub(super) fn describe(&mut self, spec: &SiteSpec, pruned: &[Key]) {
        for key in pruned {
            if let Key::FloatingIp(address) = key
                && self.after.floating_ip(*address).is_some()
                && self.after.pool_at(*address).is_some()
            {
                let nothing = FipSpec { mac: Some(None), note: Some(None), ..FipSpec::default() };
                let forgotten = self.after.set_floating_ip(*address, &nothing);
                self.attempt(None, key.clone(), forgotten);
            }
        }
        for (entry, own) in spec.floating_ips.iter().enumerate() {
            let key = Key::FloatingIp(own.address);
            if !self.failed.contains(&key) {
                let told = FipSpec { mac: Some(own.mac), note: Some(own.note.clone()), ..FipSpec::default() };
                let done = self.after.set_floating_ip(own.address, &told);
                self.attempt(Some(Thing::FloatingIp.spot(entry)), key, done);
            }
        }
    }

    /// Gives addresses to their projects and leads them to their instances.
    pub(super) fn lead(&mut self, spec: &SiteSpec) {
        for (entry, own) in spec.floating_ips.iter().enumerate() {
            let key = Key::FloatingIp(own.address);
            if !self.failed.contains(&key) {
                let done = self.led(own);
                self.attempt(Some(Thing::FloatingIp.spot(entry)), key, done);
            }
        }
    }

    /// Puts labels on addresses, and takes off those that are not declared.
    pub(super) fn label(&mut self, spec: &SiteSpec) {
        for (entry, own) in spec.floating_ips.iter().enumerate() {
            let key = Key::FloatingIp(own.address);
            if !self.failed.contains(&key) {
                let done = self.labelled(own);
                self.attempt(Some(Thing::FloatingIp.spot(entry)), key, done);
            }
        }
    }

    fn labelled(&self, own: &AddressSpec) -> Result<Change, OpError> {
        let wanted = Labels::declared(&own.labels)?;
        let labels = self.after.floating_ip(own.address).map(|fip| fip.labels.clone()).unwrap_or_default();
        if labels == wanted {
            return Ok(Change::default());
        }
        let spec = FipSpec { labels: labels.towards(&wanted), ..FipSpec::default() };
        self.after.set_floating_ip(own.address, &spec)
    }

    fn led(&self, own: &AddressSpec) -> Result<Change, OpError> {
        let address = own.address;
        if let Some(instance) = own.instance.clone() {
            let spec = AssociateSpec { address, instance, fixed_ip: own.fixed_ip, no_move: false };
            return self.after.associate(&spec, self.leaving);
        }
        let holder = self.after.floating_ip(address).and_then(|fip| fip.project.as_ref());
        match &own.project {
            Some(project) if holder != Some(project) => {
                let spec = AllocateSpec { pool: None, address: Some(address), project: project.clone() };
                self.after.allocate(&spec, self.leaving).map(|(_, change)| change)
            }
            _ => Ok(Change::default()),
        }
    }
}

impl AddressSpec {
    /// Whether an address that leads there is led as declared.
    fn is_led_to(&self, instance: &Name, fixed_ip: std::net::Ipv4Addr) -> bool {
        self.instance.as_ref() == Some(instance) && self.fixed_ip.is_none_or(|own| own == fixed_ip)
    }
}
