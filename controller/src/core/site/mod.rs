//! The whole site at once: [`entries`] is how it is written, [`mistakes`] what can be wrong with it; here it is applied.

mod entries;
mod mistakes;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use buoy_flows::pipeline::{Entity, Touched};
use buoy_topology::ops::declare::{AddressSpec, Declared, GuestSpec, QuotaSpec, SiteSpec, StockSpec, Thing};
use buoy_topology::ops::{InterfaceSpec, NetworkSpec, PoolSpec, RangesSpec};
use buoy_topology::{Key, MacPolicy, Percent, PortName, Site};
use serde_json::{Map, Value};

use super::Core;
use super::direct::direct_spec;
use super::plan::{Planned, Subject, default_project, planned, provider_spec};
use super::projects::quota_of;
use super::standing::Scope;
use crate::api::views::{SiteChange, SiteView, ThingView};
use crate::api::{ApiError, InstanceEntry, InterfaceEntry, NetworkEntry, PoolEntry, Setting, SiteApply, Switch};
use crate::rpc::Exported;
use entries::entry;

impl Core {
    /// What makes the site as it is declared.
    pub(super) fn apply_site(&self, params: &SiteApply) -> Result<Planned, ApiError> {
        let spec = self.site_spec(params).map_err(mistakes::refusal)?;
        let declared = self.site.declare(&spec, &|fip| self.leaving(fip));
        let declared = declared.map_err(|all| mistakes::refusal(all.into_iter().map(Into::into).collect()))?;
        let view = self.site_view(&declared, params);
        let notices = self.site_notices(&declared);
        if params.dry_run {
            let planned = planned(Default::default(), Subject::Site(Arc::new(view)), Scope::default());
            return Ok(Planned { notices, ..planned });
        }
        let scope = self.site_scope(&spec, &declared);
        let mut announced = self.newly_shared(&declared.change);
        announced.extend(addresses(&declared).filter(|own| self.is_announced(*own, &declared.after)));
        let mut planned = planned(declared.change, Subject::Site(Arc::new(view)), scope);
        (planned.announce, planned.notices) = (announced, notices);
        Ok(planned)
    }

    /// The site as it can be declared.
    pub(super) fn site_export(&self) -> Exported {
        let text = |key| Some((Thing::of(&key)?.word(), entry(&self.site, &key)?.to_string()));
        Exported { generation: self.site.generation(), entries: entries::all(&self.site).filter_map(text).collect() }
    }

    fn site_spec(&self, params: &SiteApply) -> Result<SiteSpec, Vec<crate::api::Mistake>> {
        let mut wrong = Vec::new();
        let mut quotas = Vec::with_capacity(params.project.len());
        for (entry, own) in params.project.iter().enumerate() {
            match quota_of(own) {
                Ok((project, quota)) => quotas.push(QuotaSpec { project, fip_quota: quota.flatten() }),
                Err(error) => wrong.push(mistakes::at(Thing::Project, entry, error)),
            }
        }
        let mut providers = Vec::with_capacity(params.provider.len());
        for (entry, own) in params.provider.iter().enumerate() {
            match provider_spec(own) {
                Ok(spec) => providers.push((own.name.clone(), spec)),
                Err(error) => wrong.push(mistakes::at(Thing::Provider, entry, error)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(SiteSpec {
            quotas,
            providers,
            shared: params.provider.iter().filter_map(|own| Some((own.name.clone(), own.snat?.0?))).collect(),
            pools: params.pool.iter().map(|own| (own.name.clone(), stock_spec(own))).collect(),
            networks: params.network.iter().map(|own| (own.name.clone(), network_spec(own))).collect(),
            instances: params.instance.iter().map(|own| (own.name.clone(), self.guest_spec(own))).collect(),
            directs: params.direct.iter().map(|own| (own.name.clone(), direct_spec(own))).collect(),
            floating_ips: params.fip.iter().map(address_spec).collect(),
            prune: params.prune,
        })
    }

    fn guest_spec(&self, own: &InstanceEntry) -> GuestSpec {
        let interface = |own: &InterfaceEntry| InterfaceSpec {
            network: own.network.clone(),
            port: own.port.clone(),
            vlan: own.vlan,
            mac: own.mac,
            ip: own.ip.0,
        };
        GuestSpec {
            project: own.project.clone().unwrap_or_else(default_project),
            bridge: own.bridge.clone().unwrap_or_else(|| self.integration.clone()),
            interfaces: own.interface.iter().map(interface).collect(),
            labels: own.label.clone(),
            note: own.note.clone(),
        }
    }

    fn site_view(&self, declared: &Declared, params: &SiteApply) -> SiteView {
        let changes: Vec<_> =
            declared.changed.iter().filter_map(|key| self.site_change(key, &declared.after)).collect();
        let count = |action: &str| changes.iter().filter(|own| own.action == action).count();
        let thing = |key: &Key| Some(ThingView { noun: Thing::of(key)?.word().to_owned(), name: key.name() });
        SiteView {
            dry_run: params.dry_run,
            prune: params.prune,
            created: count("create"),
            changed: count("change"),
            deleted: count("delete"),
            undeclared: declared.undeclared.iter().filter_map(thing).collect(),
            changes,
        }
    }

    /// What is different about a thing, in the fields of its entry.
    fn site_change(&self, key: &Key, after: &Site) -> Option<SiteChange> {
        let (old, new) = (entry(&self.site, key), entry(after, key));
        let action = match (&old, &new) {
            (None, None) => return None,
            (None, Some(_)) => "create",
            (Some(_), None) => "delete",
            (Some(_), Some(_)) => "change",
        };
        let fields = |of: Option<Value>| match of {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let (mut old, mut new) = (fields(old), fields(new));
        let same = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).map(|(name, _)| name.clone());
        let is_same: BTreeSet<_> = same.collect();
        old.retain(|name, _| !is_same.contains(name));
        new.retain(|name, _| !is_same.contains(name));
        let (noun, name) = (Thing::of(key)?.word().to_owned(), key.name());
        Some(SiteChange { action: action.to_owned(), noun, name, before: old.into(), after: new.into() })
    }

    /// Where what is declared has to be in force, and where what it changed was.
    fn site_scope(&self, spec: &SiteSpec, declared: &Declared) -> Scope {
        let touched = match Touched::by(&declared.change, &declared.after) {
            Touched::Everything => None,
            Touched::Entities(entities) => Some(entities),
        };
        let mut scope = Scope { entities: touched, ..Scope::default() };
        let keys = spec.providers.iter().map(|own| Key::Provider(own.0.clone()));
        let keys = keys.chain(spec.pools.iter().map(|own| Key::Pool(own.0.clone())));
        let keys = keys.chain(spec.instances.iter().map(|own| Key::Instance(own.0.clone())));
        let keys = keys.chain(spec.directs.iter().map(|own| Key::Direct(own.0.clone())));
        let keys = keys.chain(spec.floating_ips.iter().map(|own| Key::FloatingIp(own.address)));
        for key in keys.chain(declared.changed.iter().cloned()) {
            for site in [&self.site, &declared.after] {
                scope.bridges.extend(bridges(site, &key));
            }
            let is_there = declared.after.stored(&key).is_some();
            if let (Some(entities), true) = (&mut scope.entities, is_there) {
                entities.extend(entity(&declared.after, &key));
            }
        }
        scope
    }

    /// What the admin should know of what is changed: addresses that pools leave out, ports that are not there.
    fn site_notices(&self, declared: &Declared) -> Vec<String> {
        let after = &declared.after;
        let mut notices = Vec::new();
        for key in &declared.changed {
            match key {
                Key::Pool(name) => {
                    let Some(pool) = after.pool(name) else { continue };
                    let Some(provider) = after.provider(&pool.provider) else { continue };
                    let kept = provider.gateway.iter().chain(&provider.host_ips);
                    let kept = kept.filter(|kept| pool.addresses.contains(**kept));
                    let notice = |kept| format!("{kept} is left out: it is the gateway or an address of the host");
                    notices.extend(kept.map(notice));
                }
                Key::Provider(name) => {
                    let lacking = after.provider(name).filter(|own| self.lacks_port(&own.bridge, &own.uplink));
                    notices.extend(lacking.map(|own| no_port(&own.bridge, &own.uplink)));
                }
                Key::Instance(name) => {
                    let Some(own) = after.instance(name) else { continue };
                    let ports = own.interfaces.iter().map(|interface| &interface.port);
                    let lacking = ports.filter(|port| self.lacks_port(&own.bridge, port));
                    notices.extend(lacking.map(|port| no_port(&own.bridge, port)));
                }
                _ => {}
            }
        }
        notices
    }

    /// Whether a gratuitous ARP is to tell of an address: it leads elsewhere, or speaks with another MAC.
    fn is_announced(&self, address: Ipv4Addr, after: &Site) -> bool {
        let Some(new) = after.binding(address).filter(|new| new.provider.garp) else { return false };
        let old = self.site.floating_ip(address);
        let moved = old.is_none_or(|old| old.association != new.fip.association);
        moved || (new.provider.mac_policy == MacPolicy::Vmac && old.is_none_or(|old| old.mac != new.fip.mac))
    }
}

fn stock_spec(own: &PoolEntry) -> StockSpec {
    let ranges = RangesSpec { ranges: own.range.clone(), all_addresses: own.all_addresses, mac: None };
    let pool = PoolSpec {
        provider: own.provider.clone(),
        ranges,
        default: own.default,
        cool_down: own.cool_down.unwrap_or_default(),
        warn_at: Setting::over(own.warn_at, Percent::usual()),
    };
    StockSpec { pool, reserved: own.reserved.clone() }
}

fn network_spec(own: &NetworkEntry) -> NetworkSpec {
    NetworkSpec {
        cidr: own.cidr.0,
        gateway: own.gateway.0,
        gateway_mac: own.gateway_mac,
        project: own.project.clone(),
        auto_assign: own.auto_assign.clone(),
        snat: own.snat != Some(Switch::Off),
    }
}

fn address_spec(own: &crate::api::FipEntry) -> AddressSpec {
    AddressSpec {
        address: own.address.0,
        project: own.project.clone(),
        instance: own.instance.clone(),
        fixed_ip: own.fixed_ip.map(Into::into),
        mac: own.mac,
        note: own.note.clone(),
        labels: own.label.clone(),
    }
}

fn addresses(declared: &Declared) -> impl Iterator<Item = Ipv4Addr> {
    declared.changed.iter().filter_map(|key| if let Key::FloatingIp(address) = key { Some(*address) } else { None })
}

fn no_port(bridge: &PortName, port: &PortName) -> String {
    format!("bridge {bridge} has no port {port} yet: it is served when it comes")
}

/// The bridges that carry a thing.
fn bridges(site: &Site, key: &Key) -> Vec<PortName> {
    let provider = |name| site.provider(name).map(|provider| provider.bridge.clone());
    match key {
        Key::Provider(name) => provider(name).into_iter().collect(),
        Key::Pool(name) => site.pool(name).and_then(|pool| provider(&pool.provider)).into_iter().collect(),
        Key::Instance(name) => site.instance(name).map(|own| own.bridge.clone()).into_iter().collect(),
        Key::Direct(name) => site.direct(name).and_then(|own| provider(&own.provider)).into_iter().collect(),
        Key::FloatingIp(address) => {
            let binding = site.binding(*address).into_iter();
            binding.flat_map(|own| [own.provider.bridge.clone(), own.instance.bridge.clone()]).collect()
        }
        _ => Vec::new(),
    }
}

/// What a thing is compiled as.
fn entity(site: &Site, key: &Key) -> Option<Entity> {
    Some(match key {
        Key::Provider(name) => Entity::Provider(name.clone()),
        Key::Pool(name) => Entity::Pool(name.clone()),
        Key::Instance(name) => Entity::Instance(name.clone()),
        Key::Direct(name) => Entity::Direct(name.clone()),
        Key::FloatingIp(address) => Entity::Association(site.binding(*address)?.fip.address),
        _ => return None,
    })
}
