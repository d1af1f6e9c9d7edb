//! Floating IPs: allocate, associate, disassociate, release.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::OpError;
use super::provider::check_mac;
use crate::{Association, Change, FloatingIp, Instance, MacAddr, MacPolicy, Name, Note, Pool, PortName, Record, Site};

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
}

/// Tells which bridges still have to take away what they hold for an address; none when it is free to be used again.
pub type Leaving<'a> = &'a dyn Fn(&FloatingIp) -> Vec<PortName>;

impl Site {
    /// A free address becomes a project's. `after` is where the search begins, so that a fresh address is preferred to
    /// one that was just released. Returns the address too.
    pub fn allocate(
        &self,
        spec: &AllocateSpec,
        after: impl Fn(&Pool) -> Ipv4Addr,
        leaving: Leaving<'_>,
    ) -> Result<(Ipv4Addr, Change), OpError> {
        let address = match spec.address {
            Some(address) => self.free_address(address, spec.pool.as_ref(), leaving)?,
            None => {
                let pool = self.pool_for(spec.pool.as_ref())?;
                let start = Ipv4Addr::from_bits(after(pool).to_bits().saturating_add(1));
                let free = |address: &Ipv4Addr| self.check_free(pool, *address, leaving).is_ok();
                pool.addresses
                    .addresses_from(start)
                    .find(free)
                    .ok_or_else(|| OpError::Exhausted { pool: pool.name.clone(), size: pool.addresses.size() })?
            }
        };
        let mut change = Change::default();
        let mut fip = self.record(address, &mut change);
        fip.project = Some(spec.project.clone());
        change.put(Record::FloatingIp(fip));
        Ok((address, change))
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
            None => self.check_free(pool, address, leaving)?,
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
        fip.left = self.serving(address);
        fip.association = Some(wanted);
        fip.changed = self.generation().next();
        change.put(Record::FloatingIp(fip));
        Ok(change)
    }

    /// An address is bound to nothing any more, and stays with its project.
    pub fn disassociate(&self, address: Ipv4Addr) -> Result<Change, OpError> {
        self.loosen(address, |fip| fip.association = None)
    }

    /// An address is nobody's any more; an association ends with it.
    pub fn release(&self, address: Ipv4Addr) -> Result<Change, OpError> {
        self.loosen(address, |fip| {
            fip.association = None;
            fip.project = None;
        })
    }

    /// An address with another MAC or note. Under the policy `vmac` an associated address keeps a MAC.
    pub fn set_floating_ip(&self, address: Ipv4Addr, spec: &FipSpec) -> Result<Change, OpError> {
        let pool = self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        spec.mac.flatten().map_or(Ok(()), check_mac)?;
        let mut change = Change::default();
        let old = self.record(address, &mut change);
        let new = self.described(&old, spec);
        if let (None, Some(held)) = (new.mac, &new.association)
            && self.needs_mac(pool)
        {
            let (instance, provider) = (held.instance.clone(), pool.provider.clone());
            return Err(OpError::MacInUse { address, instance, provider });
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
    fn pool_for(&self, name: Option<&Name>) -> Result<&Arc<Pool>, OpError> {
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

    fn free_address(&self, address: Ipv4Addr, pool: Option<&Name>, leaving: Leaving<'_>) -> Result<Ipv4Addr, OpError> {
        let holder = self.pool_at(address);
        if let Some(name) = pool {
            self.known_pool(name)?;
            if holder.is_none_or(|holder| holder.name != *name) {
                return Err(OpError::OutsidePool { address, pool: name.clone() });
            }
        }
        let holder = holder.ok_or(OpError::OutsidePools { address })?;
        self.check_free(holder, address, leaving).map(|()| address)
    }

    fn check_free(&self, pool: &Pool, address: Ipv4Addr, leaving: Leaving<'_>) -> Result<(), OpError> {
        if let Some(direct) = self.direct_at(address) {
            return Err(OpError::DirectAddressTaken { address, direct: direct.name.clone() });
        }
        if self.is_kept(pool, address) {
            return Err(OpError::Kept { address, provider: pool.provider.clone() });
        }
        let Some(fip) = self.floating_ip(address) else { return Ok(()) };
        if let Some(project) = &fip.project {
            return Err(OpError::Allocated { address, project: project.clone() });
        }
        let pending = leaving(fip);
        if pending.is_empty() { Ok(()) } else { Err(OpError::Leaving { address, pending }) }
    }

    /// The bridges that serve an address now.
    pub(super) fn serving(&self, address: Ipv4Addr) -> BTreeSet<PortName> {
        let binding = self.binding(address);
        binding.into_iter().flat_map(|own| [own.provider.bridge.clone(), own.instance.bridge.clone()]).collect()
    }

    /// What is stored about an address, or a new record of it.
    fn record(&self, address: Ipv4Addr, change: &mut Change) -> FloatingIp {
        self.floating_ip(address).cloned().unwrap_or_else(|| FloatingIp::new(self.number(change), address))
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
