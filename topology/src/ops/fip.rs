//! Floating IPs: allocate, associate, disassociate, release.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::OpError;
use super::provider::check_mac;
use crate::{
    Association, Change, FloatingIp, Instance, Labels, MacAddr, MacPolicy, Name, Note, Pool, PortName, Record, Relabel,
    Released, Site,
};

/// Which address is wanted, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateSpec {
    /// The pool; the default one where none is named.
    pub pool: Option<Name>,
    /// This address and no other.
    pub address: Option<Ipv4Addr>,
    /// The project that gets it.
    pub project: Name,
}

/// What an address is to be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociateSpec {
    /// The floating IP.
    pub address: Ipv4Addr,
    /// The instance.
    pub instance: Name,
    /// Which of its fixed IPs; where none is named, the one that it is bound to already, or the first.
    pub fixed_ip: Option<Ipv4Addr>,
    /// Refuse where the address is associated elsewhere.
    pub no_move: bool,
}

/// What is to be known of an address; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FipSpec {
    /// The MAC that the provider bound it to, or none.
    pub mac: Option<Option<MacAddr>>,
    /// The note, or none.
    pub note: Option<Option<Note>>,
    /// Labels to put on and to take off.
    pub labels: Relabel,
}

/// Tells which bridges still have to take away what they hold for an address; none when it is free to be used again.
pub type Leaving<'a> = &'a dyn Fn(&FloatingIp) -> Vec<PortName>;

impl Site {
    /// A free address becomes a project's: one that nobody ever had, or else the one that was released first. Returns the
    /// address too.
    pub fn allocate(&self, spec: &AllocateSpec, leaving: Leaving<'_>) -> Result<(Ipv4Addr, Change), OpError> {
        let address = match spec.address {
            Some(address) => self.free_address(address, spec, leaving)?,
            None => self.next_free(self.pool_for(spec.pool.as_ref())?, &spec.project, leaving, |_| true)?,
        };
        self.check_quota(&spec.project)?;
        let mut change = Change::default();
        let mut fip = self.record(address, &mut change);
        fip.project = Some(spec.project.clone());
        fip.released = None;
        change.put(Record::FloatingIp(fip));
        Ok((address, change))
    }

    /// The next address of a pool that a project can get, of those that are accepted.
    fn next_free(
        &self,
        pool: &Pool,
        project: &Name,
        leaving: Leaving<'_>,
        accepts: impl Fn(Ipv4Addr) -> bool,
    ) -> Result<Ipv4Addr, OpError> {
        let is_free = |own: &Ipv4Addr| accepts(*own) && self.check_free(pool, *own, project, leaving).is_ok();
        let exhausted = || OpError::Exhausted { pool: pool.name.clone(), size: pool.addresses.size() };
        self.candidates(pool, project).find(is_free).ok_or_else(exhausted)
    }

    /// Gives a new instance's fixed IP an address of a pool, in the change that makes the instance.
    pub(super) fn auto_assign(
        &self,
        pool: Option<&Name>,
        instance: &Instance,
        leaving: Leaving<'_>,
        change: &mut Change,
    ) -> Result<Ipv4Addr, OpError> {
        let pool = self.pool_for(pool)?;
        let has_mac = |own| !self.needs_mac(pool) || self.floating_ip(own).is_some_and(|fip| fip.mac.is_some());
        let address = self.next_free(pool, &instance.project, leaving, has_mac)?;
        self.check_quota(&instance.project)?;
        let mut fip = self.record(address, change);
        fip.project = Some(instance.project.clone());
        fip.released = None;
        let fixed_ip = fixed_ip(instance, None)?;
        self.bind(&mut fip, Association { instance: instance.name.clone(), fixed_ip });
        change.put(Record::FloatingIp(fip));
        Ok(address)
    }

    fn bind(&self, fip: &mut FloatingIp, association: Association) {
        fip.left = self.serving(fip.address);
        fip.association = Some(association);
        fip.associations = fip.associations.saturating_add(1);
        fip.changed = self.generation().next();
    }

    /// An address is bound to a fixed IP, taken from where it was bound before, and allocated where it was not.
    pub fn associate(&self, spec: &AssociateSpec, leaving: Leaving<'_>) -> Result<Change, OpError> {
        let address = spec.address;
        let pool = self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        let instance = self.known_instance(&spec.instance)?;
        let mut change = Change::default();
        let mut fip = self.record(address, &mut change);
        let held = fip.association.as_ref().filter(|held| held.instance == instance.name).map(|held| held.fixed_ip);
        let fixed_ip = fixed_ip(instance, spec.fixed_ip.or(held))?;
        let wanted = Association { instance: instance.name.clone(), fixed_ip };
        if let Some(held) = &fip.association {
            if *held == wanted {
                return Ok(Change::default());
            }
            if spec.no_move {
                let (instance, fixed_ip) = (held.instance.clone(), held.fixed_ip);
                return Err(OpError::WouldMove { address, instance, fixed_ip });
            }
        }
        match &fip.project {
            Some(project) if *project != instance.project => {
                let (instance, other) = (instance.name.clone(), instance.project.clone());
                return Err(OpError::OtherProject { address, project: project.clone(), instance, other });
            }
            Some(_) => {}
            None => {
                self.check_free(pool, address, &instance.project, leaving)?;
                self.check_quota(&instance.project)?;
            }
        }
        if let Some(other) = self.floating_ip_of(&instance.name, fixed_ip) {
            let (own, name) = (instance.interfaces.iter().map(|interface| interface.ip), &instance.name);
            let free = own.filter(|ip| self.floating_ip_of(name, *ip).is_none()).collect();
            return Err(OpError::FixedIpBound { instance: name.clone(), fixed_ip, address: other.address, free });
        }
        if fip.mac.is_none() && self.needs_mac(pool) {
            return Err(OpError::NoMac { address, provider: pool.provider.clone() });
        }
        fip.project = Some(instance.project.clone());
        fip.released = None;
        self.bind(&mut fip, wanted);
        change.put(Record::FloatingIp(fip));
        Ok(change)
    }

    /// An address is bound to nothing any more, and stays with its project.
    pub fn disassociate(&self, address: Ipv4Addr) -> Result<Change, OpError> {
        self.loosen(address, |fip| fip.association = None)
    }

    /// An address is nobody's any more; an association ends with it.
    pub fn release(&self, address: Ipv4Addr) -> Result<Change, OpError> {
        self.check_unshared(address)?;
        self.loosen(address, |fip| {
            fip.association = None;
            fip.labels = Labels::default();
            if let Some(by) = fip.project.take() {
                fip.released = Some(Released { by, at: self.now(), generation: self.generation().next() });
            }
        })
    }

    /// An address with another MAC, note or labels. Under the policy `vmac` an address that is associated, or a direct
    /// port's, keeps a MAC.
    pub fn set_floating_ip(&self, address: Ipv4Addr, spec: &FipSpec) -> Result<Change, OpError> {
        let pool = self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        spec.mac.flatten().map_or(Ok(()), check_mac)?;
        let mut change = Change::default();
        let old = self.record(address, &mut change);
        let mut new = self.described(&old, spec);
        new.labels = old.labels.with(&spec.labels)?;
        if new.project.is_none() && !new.labels.is_empty() {
            return Err(OpError::LabelOfNobody { address });
        }
        if let (None, Some(held)) = (new.mac, &new.association)
            && self.needs_mac(pool)
        {
            let (instance, provider) = (held.instance.clone(), pool.provider.clone());
            return Err(OpError::MacInUse { address, instance, provider });
        }
        if let (None, Some(direct)) = (new.mac, self.direct_at(address))
            && self.needs_mac(pool)
        {
            let (direct, provider) = (direct.name.clone(), pool.provider.clone());
            return Err(OpError::DirectMacInUse { address, direct, provider });
        }
        if new.mac.is_none() && self.needs_mac(pool) && self.snat_at(address).is_some() {
            return Err(OpError::Shared { address, provider: pool.provider.clone() });
        }
        if new == old {
            return Ok(Change::default());
        }
        change.put(Record::FloatingIp(new));
        Ok(change)
    }

    /// The address with what is to be known of it. Switches are concerned where the MAC of an associated one changes.
    pub(super) fn described(&self, fip: &FloatingIp, spec: &FipSpec) -> FloatingIp {
        let mac = spec.mac.unwrap_or(fip.mac);
        let note = spec.note.clone().unwrap_or_else(|| fip.note.clone());
        let concerns_switches = mac != fip.mac && fip.association.is_some();
        let mut new = FloatingIp { mac, note, ..fip.clone() };
        if concerns_switches {
            new.changed = self.generation().next();
            new.left.clear();
        }
        new
    }

    fn needs_mac(&self, pool: &Pool) -> bool {
        self.provider(&pool.provider).is_some_and(|provider| provider.mac_policy == MacPolicy::Vmac)
    }

    fn loosen(&self, address: Ipv4Addr, loosen: impl FnOnce(&mut FloatingIp)) -> Result<Change, OpError> {
        self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        let mut change = Change::default();
        if let Some(old) = self.floating_ip(address) {
            let mut new = old.clone();
            loosen(&mut new);
            if new.association != old.association {
                new.changed = self.generation().next();
                new.left = self.serving(address);
            }
            if new != *old {
                change.put(Record::FloatingIp(new));
            }
        }
        Ok(change)
    }

    /// The pool that is meant where none need be named: the default one, or the only one.
    pub(super) fn pool_for(&self, name: Option<&Name>) -> Result<&Arc<Pool>, OpError> {
        if let Some(name) = name {
            return self.known_pool(name);
        }
        let only = || {
            let mut pools = self.pools();
            pools.next().filter(|_| pools.next().is_none())
        };
        let default = self.pools().find(|pool| pool.default).or_else(only);
        default.ok_or_else(|| match self.pools().map(|pool| pool.name.clone()).collect::<Vec<_>>() {
            pools if pools.is_empty() => OpError::NoPool,
            pools => OpError::NoDefaultPool { pools },
        })
    }

    fn free_address(&self, address: Ipv4Addr, spec: &AllocateSpec, leaving: Leaving<'_>) -> Result<Ipv4Addr, OpError> {
        let holder = self.pool_at(address);
        if let Some(name) = &spec.pool {
            self.known_pool(name)?;
            if holder.is_none_or(|holder| holder.name != *name) {
                return Err(OpError::OutsidePool { address, pool: name.clone() });
            }
        }
        let holder = holder.ok_or(OpError::OutsidePools { address })?;
        self.check_free(holder, address, &spec.project, leaving).map(|()| address)
    }

    fn check_free(&self, pool: &Pool, address: Ipv4Addr, project: &Name, leaving: Leaving<'_>) -> Result<(), OpError> {
        if let Some(direct) = self.direct_at(address) {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        self.check_unshared(address)?;
        if self.is_kept(pool, address) {
            return Err(OpError::Kept { address, provider: pool.provider.clone() });
        }
        if pool.reserved.contains(address) {
            return Err(OpError::Reserved { address });
        }
        match self.floating_ip(address) {
            Some(fip) => self.check_left(pool, fip, Some(project), leaving),
            None => Ok(()),
        }
    }

    /// Whether nobody has an address any more: no project, no switch, and no packets that are still on their way to the
    /// one that had it last, where that is another one.
    pub(super) fn check_left(
        &self,
        pool: &Pool,
        fip: &FloatingIp,
        project: Option<&Name>,
        leaving: Leaving<'_>,
    ) -> Result<(), OpError> {
        let address = fip.address;
        if let Some(project) = &fip.project {
            return Err(OpError::Allocated { address, project: project.clone() });
        }
        check_gone(fip, leaving)?;
        self.check_cold(pool, fip, project)
    }

    /// Whether an address may go to somebody else than had it last, by the cool-down of a pool.
    pub(super) fn check_cold(&self, pool: &Pool, fip: &FloatingIp, project: Option<&Name>) -> Result<(), OpError> {
        if let Some(until) = self.cooling_until(pool, fip)
            && let Some(released) = fip.released.as_ref().filter(|own| Some(&own.by) != project)
        {
            let (address, project, pool) = (fip.address, released.by.clone(), pool.name.clone());
            let seconds = until.0.saturating_sub(self.now().0);
            return Err(OpError::Cooling { address, project, seconds, pool });
        }
        Ok(())
    }

    /// The bridges that serve an address now.
    pub(super) fn serving(&self, address: Ipv4Addr) -> BTreeSet<PortName> {
        let binding = self.binding(address);
        binding.into_iter().flat_map(|own| [own.provider.bridge.clone(), own.instance.bridge.clone()]).collect()
    }

    /// What is stored about an address, or a new record of it.
    pub(super) fn record(&self, address: Ipv4Addr, change: &mut Change) -> FloatingIp {
        self.floating_ip(address).cloned().unwrap_or_else(|| FloatingIp::new(self.number(change), address))
    }
}

/// Whether no switch has an address any more.
pub(super) fn check_gone(fip: &FloatingIp, leaving: Leaving<'_>) -> Result<(), OpError> {
    match leaving(fip) {
        pending if pending.is_empty() => Ok(()),
        pending => Err(OpError::Leaving { address: fip.address, pending }),
    }
}

fn fixed_ip(instance: &Instance, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr, OpError> {
    let has = || instance.interfaces.iter().map(|interface| interface.ip);
    match wanted {
        None => has().next().ok_or_else(|| OpError::invalid(format!("instance {} has no interface", instance.name))),
        Some(fixed_ip) if has().any(|own| own == fixed_ip) => Ok(fixed_ip),
        Some(fixed_ip) => {
            Err(OpError::NoSuchFixedIp { instance: instance.name.clone(), fixed_ip, has: has().collect() })
        }
    }
}
