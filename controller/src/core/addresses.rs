//! What a request changes about one floating IP.

use std::net::Ipv4Addr;

use buoy_topology::ops::{AllocateSpec, AssociateSpec, FipSpec, OpError};
use buoy_topology::{Change, FloatingIp, Instance, Interface, MacPolicy, Name, PortName, Record, Relabel, Write};

use super::Core;
use super::plan::{Planned, Subject, default_project, planned, scope};
use crate::api::{ApiError, ErrorKind, FipAllocate, FipAssociate, FipSet, Setting};

impl Core {
    pub(super) fn allocate(&self, params: &FipAllocate) -> Result<Planned, ApiError> {
        let spec = AllocateSpec {
            pool: params.pool.clone(),
            address: params.address.map(Into::into),
            project: params.project.clone().unwrap_or_else(default_project),
        };
        let (address, change) = self.site.allocate(&spec, &|fip| self.leaving(fip))?;
        let labels = Relabel { set: params.label.clone(), unset: Vec::new() };
        let labelled = change.writes().iter().map(|write| match write {
            Write::Put(Record::FloatingIp(fip)) => {
                let labels = fip.labels.with(&labels).map_err(OpError::from)?;
                Ok(Write::Put(Record::FloatingIp(FloatingIp { labels, ..fip.clone() })))
            }
            other => Ok(other.clone()),
        });
        let change = labelled.collect::<Result<Change, OpError>>()?;
        Ok(planned(change, Subject::FloatingIp(address), scope([], [])))
    }

    pub(super) fn associate(&self, params: &FipAssociate, caller: Option<&Name>) -> Result<Planned, ApiError> {
        let address = params.address.0;
        let (name, fixed_ip) = match (&params.instance, &params.port) {
            (Some(instance), None) => (instance.clone(), params.fixed_ip.map(Into::into)),
            (None, Some(port)) if params.fixed_ip.is_none() => {
                let (instance, interface) = self.behind(port, caller)?;
                (instance.name.clone(), Some(interface.ip))
            }
            _ => return Err(invalid("name an instance, or the --port of its interface alone".to_owned())),
        };
        let spec = AssociateSpec { address, instance: name.clone(), fixed_ip, no_move: params.no_move };
        let change = self.site.associate(&spec, &|fip| self.leaving(fip))?;
        let is_new = !change.is_empty();
        let mut planned = self.loosen(address, change);
        let instance = self.site.instance(&name);
        planned.scope.bridges.extend(instance.map(|instance| instance.bridge.clone()));
        let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
        planned.scope.bridges.extend(provider.map(|provider| provider.bridge.clone()));
        planned.announce = provider.filter(|provider| provider.garp && is_new).map(|_| address).into_iter().collect();
        let chosen = instance.filter(|_| is_new && fixed_ip.is_none());
        planned.notices.extend(chosen.and_then(|instance| choice_notice(instance)));
        Ok(planned)
    }

    pub(super) fn set_floating_ip(&self, params: &FipSet) -> Result<Planned, ApiError> {
        let address = params.address.0;
        let before = self.site.floating_ip(address);
        let spec = FipSpec {
            mac: params.mac.map(|mac| Setting::over(Some(mac), None)),
            note: params.note.clone().map(|note| Setting::over(Some(note), None)),
            labels: Relabel { set: params.label.clone(), unset: params.unlabel.clone() },
        };
        let change = self.site.set_floating_ip(address, &spec)?;
        let direct = self.site.direct_at(address);
        let is_bound = before.is_some_and(|fip| fip.association.is_some());
        let gets_mac = spec.mac.is_some_and(|mac| before.and_then(|fip| fip.mac) != mac);
        let scope = match direct {
            Some(direct) => self.direct_scope(direct),
            None if is_bound => self.scope_of(address),
            None => scope([], []),
        };
        let mut planned = planned(change, Subject::FloatingIp(address), scope);
        let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
        let speaks_with_it = provider.is_some_and(|own| own.mac_policy == MacPolicy::Vmac);
        let is_told = gets_mac && speaks_with_it && (is_bound || direct.is_some());
        planned.announce = provider.filter(|own| own.garp && is_told).map(|_| address).into_iter().collect();
        if let Some(provider) = provider.filter(|_| gets_mac && !speaks_with_it) {
            let policy = provider.mac_policy.word();
            planned
                .notices
                .push(format!("provider {} sees another MAC, for its MAC policy is {policy}", provider.name));
        }
        Ok(planned)
    }

    /// The one interface behind a port, of those that the caller sees.
    fn behind(&self, port: &PortName, caller: Option<&Name>) -> Result<(&Instance, &Interface), ApiError> {
        let all = self.site.interfaces_on_port(port);
        let own = all.iter().filter(|(instance, _)| Self::sees(caller, Some(&instance.project)));
        match *own.collect::<Vec<_>>() {
            [(instance, interface)] => Ok((instance, interface)),
            [] => {
                let message =
                    format!("no instance has an interface on port {port}: `buoyctl instance list` shows them");
                Err(ApiError::new(ErrorKind::NotFound, message))
            }
            [(one, _), (other, _), ..] => Err(invalid(format!(
                "port {port} leads to several interfaces, of {} and {} among others: name the instance and --fixed-ip",
                one.name, other.name
            ))),
        }
    }

    /// A change of one floating IP has to be in force where it was served and where it is going to be.
    pub(super) fn loosen(&self, address: Ipv4Addr, change: Change) -> Planned {
        let mut own = self.scope_of(address);
        if !change.is_empty() {
            let provider = self.site.pool_at(address).and_then(|pool| self.site.provider(&pool.provider));
            let was_bound = !own.bridges.is_empty();
            own.bridges.extend(provider.filter(|_| was_bound).map(|provider| provider.bridge.clone()));
        }
        planned(change, Subject::FloatingIp(address), own)
    }
}

/// Which fixed IP was taken where there are others.
fn choice_notice(instance: &Instance) -> Option<String> {
    let (first, others) = instance.interfaces.split_first()?;
    let others: Vec<_> = others.iter().map(|own| own.ip.to_string()).collect();
    let (name, taken) = (&instance.name, first.ip);
    let names = others.join(", ");
    let notice = format!("{name} has several fixed IPs: {taken} was taken, --fixed-ip names another ({names})");
    (!others.is_empty()).then_some(notice)
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorKind::Invalid, message)
}
