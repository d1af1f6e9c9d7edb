//! Floating IPs: allocate, associate, disassociate, release.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::OpError;
use crate::{Association, Change, FloatingIp, Generation, Instance, MacPolicy, Name, Pool, PortName, Record, Site};

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
    /// Which of its fixed IPs; the first where none is named.
    pub fixed_ip: Option<Ipv4Addr>,
    /// Refuse where the address is associated elsewhere.
    pub no_move: bool,
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
        let fixed_ip = fixed_ip(instance, spec.fixed_ip)?;
        let wanted = Association { instance: instance.name.clone(), fixed_ip };
        let mut change = Change::default();
        let mut fip = self.record(address, &mut change);
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
            let instance = instance.name.clone();
            return Err(OpError::FixedIpBound { instance, fixed_ip, address: other.address });
        }
        let vmac = self.provider(&pool.provider).is_some_and(|provider| provider.mac_policy == MacPolicy::Vmac);
        if vmac && fip.mac.is_none() {
            return Err(OpError::NoMac { address, pool: pool.name.clone(), provider: pool.provider.clone() });
        }
        fip.project = Some(instance.project.clone());
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

    fn loosen(&self, address: Ipv4Addr, loosen: impl FnOnce(&mut FloatingIp)) -> Result<Change, OpError> {
        self.pool_at(address).ok_or(OpError::OutsidePools { address })?;
        let mut change = Change::default();
        if let Some(old) = self.floating_ip(address) {
            let mut new = old.clone();
            loosen(&mut new);
            if new.association != old.association {
                new.changed = self.generation().next();
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
        default.ok_or_else(|| OpError::NoDefaultPool { pools: self.pools().map(|pool| pool.name.clone()).collect() })
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

    /// What is stored about an address, or a new record of it.
    fn record(&self, address: Ipv4Addr, change: &mut Change) -> FloatingIp {
        self.floating_ip(address).cloned().unwrap_or_else(|| {
            let id = self.number(change);
            let changed = Generation::default();
            FloatingIp { id, address, mac: None, project: None, association: None, changed }
        })
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
