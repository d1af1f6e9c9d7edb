//! What a request changes.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use buoy_flows::pipeline::Entity;
use buoy_topology::ops::{NetworkSpec, OpError, PolicySpec, PoolChange, PoolSpec, ProviderSpec, RangesSpec};
use buoy_topology::{Change, GarpTiming, Name, Percent, PortName, Provider, RangeSpec, Record, Write};
use ipnet::Ipv4Net;

use super::Core;
use super::standing::Scope;
use crate::api::views::{ForgottenView, ImportedView, SiteView};
use crate::api::{
    ApiError, Call, ErrorKind, Policy, PoolAdd, PoolCreate, PoolSet, ProviderCreate, ProviderSet, Request, Setting,
    Subnet,
};

/// A checked request.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) change: Change,
    pub(super) subject: Subject,
    pub(super) scope: Scope,
    pub(super) notices: Vec<String>,
    /// Addresses to announce when they are in force.
    pub(super) announce: Vec<Ipv4Addr>,
}

/// What a request is about, and so what its answer shows.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Provider(Name),
    Pool(Name),
    Network(Name),
    Instance(Name),
    Direct(Name),
    FloatingIp(Ipv4Addr),
    Project(Name),
    /// What projects without a quota of their own may have.
    DefaultQuota,
    /// A list that was imported into a pool: what that changes, and whether it is a dry run.
    Import(Name, Vec<ImportedView>, bool),
    /// The whole site, and what that changes.
    Site(Arc<SiteView>),
    /// A bridge that is not waited for any more, and the addresses that waited for it.
    Forgotten(ForgottenView),
    /// Something that is no more.
    Removed(Name),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name)
            | Self::Pool(name)
            | Self::Network(name)
            | Self::Instance(name)
            | Self::Import(name, ..)
            | Self::Direct(name)
            | Self::Project(name)
            | Self::Removed(name) => name.fmt(f),
            Self::FloatingIp(address) => address.fmt(f),
            Self::Forgotten(own) => own.bridge.fmt(f),
            Self::Site(_) => f.write_str("the site"),
            Self::DefaultQuota => f.write_str("default quota"),
        }
    }
}

impl Core {
    /// Checks a request that changes something.
    pub(super) fn plan(&self, call: &Call) -> Result<Planned, ApiError> {
        if let Some(problem) = &self.problem {
            let message = format!("the daemon is in safe mode and changes nothing: {problem}");
            return Err(ApiError::new(ErrorKind::Storage, message));
        }
        self.admit(call)?;
        Ok(match &call.request {
            Request::ProviderCreate(params) => self.create_provider(params)?,
            Request::ProviderSet(params) => self.set_provider(params)?,
            Request::ProviderDelete(by) => {
                let bridge = self.site.provider(&by.name).map(|provider| provider.bridge.clone());
                self.removal(&by.name, self.site.delete_provider(&by.name)?, None, bridge)
            }
            Request::PoolCreate(params) => self.create_pool(params)?,
            Request::PoolAdd(params) => self.add_to_pool(params)?,
            Request::PoolImport(params) => self.import_to_pool(params)?,
            Request::PoolSet(params) => self.set_pool(params)?,
            Request::PoolRemove(params) => self.remove_from_pool(&params.name, &params.ranges)?,
            Request::PoolForget(params) => {
                self.pool(&params.name, self.site.forget_withdrawn(&params.name, &params.ranges)?)
            }
            Request::PoolDelete(by) => {
                let entity = Entity::Pool(by.name.clone());
                self.removal(&by.name, self.site.delete_pool(&by.name)?, Some(entity), None)
            }
            Request::NetworkCreate(params) => {
                let spec = NetworkSpec {
                    cidr: params.cidr.0,
                    gateway: params.gateway.0,
                    gateway_mac: params.gateway_mac,
                    project: call.project.clone(),
                    auto_assign: params.auto_assign.clone(),
                    snat: params.snat != Some(crate::api::Switch::Off),
                };
                let change = self.site.create_network(params.name.clone(), spec)?;
                let scope = scope([Entity::Network(params.name.clone())], []);
                planned(change, Subject::Network(params.name.clone()), scope)
            }
            Request::NetworkSet(params) => self.set_network(params)?,
            Request::NetworkDelete(by) => {
                let entity = Entity::Network(by.name.clone());
                self.removal(&by.name, self.site.delete_network(&by.name)?, Some(entity), None)
            }
            Request::InstanceAdd(params) => self.add_instance(params)?,
            Request::InstanceAttach(params) => self.attach_interface(params)?,
            Request::InstanceDetach(params) => {
                let change = self.site.detach_interface(&params.name, params.ip.0, params.force)?;
                self.without_addresses(Subject::Instance(params.name.clone()), &params.name, change)
            }
            Request::InstanceSet(params) => self.set_instance(params)?,
            Request::InstanceRemove(params) => {
                let change = self.site.remove_instance_anyway(&params.name, params.force)?;
                self.without_addresses(Subject::Removed(params.name.clone()), &params.name, change)
            }
            Request::DirectAdd(params) => self.add_direct(params)?,
            Request::DirectRemove(by) => self.remove_direct(&by.name)?,
            Request::SiteApply(params) => self.apply_site(params)?,
            Request::FipAllocate(params) => self.allocate(params)?,
            Request::FipAssociate(params) => self.associate(params, call.project.as_ref())?,
            Request::FipSet(params) => self.set_floating_ip(params)?,
            Request::FipReserve(params) => {
                let (pool, change) = self.site.reserve(params.range, params.note.as_ref())?;
                planned(change, Subject::Pool(pool), scope([], []))
            }
            Request::FipUnreserve(params) => {
                let (pool, change) = self.site.unreserve(params.range)?;
                planned(change, Subject::Pool(pool), scope([], []))
            }
            Request::ProjectSet(params) => self.set_project(params)?,
            Request::ProjectDelete(by) => self.delete_project(&by.name)?,
            Request::SwitchForget(by) => self.forget_switch(&by.bridge)?,
            Request::FipDisassociate(by) => self.loosen(by.address.0, self.site.disassociate(by.address.0)?),
            Request::FipRelease(by) => self.loosen(by.address.0, self.site.release(by.address.0)?),
            _ => return Err(ApiError::new(ErrorKind::Invalid, "this method changes nothing")),
        })
    }

    fn create_provider(&self, params: &ProviderCreate) -> Result<Planned, ApiError> {
        let change = self.site.create_provider(params.name.clone(), provider_spec(params)?)?;
        let change = self.with_snat(change, &params.name, params.snat)?;
        Ok(self.provider(&params.name, &params.bridge, &params.uplink, change))
    }

    fn set_provider(&self, params: &ProviderSet) -> Result<Planned, ApiError> {
        let name = &params.name;
        let known = || OpError::Unknown { noun: buoy_topology::ops::Noun::Provider, name: name.clone() };
        let old: &Provider = self.site.provider(name).ok_or_else(known)?;
        let mut spec = ProviderSpec::from(old);
        let patch_is_default = old.patch == old.bridge.prefixed("phy-");
        if let Some(bridge) = &params.bridge {
            spec.bridge = bridge.clone();
            spec.patch = spec.patch.filter(|_| !patch_is_default);
        }
        spec.uplink = params.uplink.clone().unwrap_or(spec.uplink);
        spec.patch = params.patch.clone().or(spec.patch);
        spec.vlan = Setting::over(params.vlan, spec.vlan);
        spec.hook = Setting::over(params.hook.clone(), spec.hook);
        spec.gateway = Setting::over(params.gateway, spec.gateway);
        spec.gateway_mac = Setting::over(params.gateway_mac, spec.gateway_mac);
        spec.host_ips = params.host_ip.as_deref().map_or(spec.host_ips, all);
        spec.onlink = params.onlink.as_deref().map_or(spec.onlink, all);
        spec.no_snat = params.no_snat.as_deref().map_or(Ok(spec.no_snat), routed)?;
        spec.mtu = Setting::over(params.mtu, spec.mtu);
        spec.garp = params.garp.map_or(spec.garp, |garp| garp == crate::api::Switch::On);
        spec.garp_timing = garp_timing(spec.garp_timing, params.garp_count, params.garp_interval);
        if params.mac_policy.is_some() || params.router_mac.is_some() {
            let current = match spec.mac_policy {
                PolicySpec::Host => Policy::Host,
                PolicySpec::Vmac => Policy::Vmac,
                PolicySpec::Router(_) => Policy::Router,
            };
            spec.mac_policy = policy(params.mac_policy.unwrap_or(current), params.router_mac)?;
        }
        let (bridge, uplink) = (spec.bridge.clone(), spec.uplink.clone());
        let change = self.with_snat(self.site.set_provider(name, spec)?, name, params.snat)?;
        Ok(self.provider(name, &bridge, &uplink, change))
    }

    fn provider(&self, name: &Name, bridge: &PortName, uplink: &PortName, change: Change) -> Planned {
        let scope = Scope { entities: None, bridges: BTreeSet::from([bridge.clone()]) };
        let mut planned = planned(change, Subject::Provider(name.clone()), scope);
        if self.lacks_port(bridge, uplink) {
            let notice =
                format!("bridge {bridge} has no port {uplink}: until it has, nothing of the provider is served");
            planned.notices.push(notice);
        }
        planned.notices.extend(self.snat_notices(&planned.change));
        planned.announce = self.newly_shared(&planned.change);
        planned
    }

    fn create_pool(&self, params: &PoolCreate) -> Result<Planned, ApiError> {
        let ranges = RangesSpec { ranges: params.range.clone(), all_addresses: params.all_addresses, mac: None };
        let spec = PoolSpec {
            provider: params.provider.clone(),
            ranges,
            default: params.default,
            cool_down: params.cool_down.unwrap_or_default(),
            warn_at: Setting::over(params.warn_at, Percent::usual()),
        };
        let change = self.site.create_pool(params.name.clone(), spec)?;
        let mut planned = self.pool(&params.name, change);
        let spans = params.range.iter().map(|range| range.span(params.all_addresses));
        planned.notices = self.kept_notice(&params.provider, spans.collect());
        planned.scope.bridges.extend(self.site.provider(&params.provider).map(|provider| provider.bridge.clone()));
        Ok(planned)
    }

    fn set_pool(&self, params: &PoolSet) -> Result<Planned, ApiError> {
        let default = params.default.map(|default| default == crate::api::Switch::On);
        let warn_at = params.warn_at.map(|warn_at| Setting::over(Some(warn_at), None));
        let spec = PoolChange { default, cool_down: params.cool_down, warn_at };
        let change = self.site.set_pool(&params.name, &spec)?;
        Ok(planned(change, Subject::Pool(params.name.clone()), scope([], [])))
    }

    fn add_to_pool(&self, params: &PoolAdd) -> Result<Planned, ApiError> {
        let spec = RangesSpec { ranges: params.ranges.clone(), all_addresses: params.all_addresses, mac: params.mac };
        let change = self.site.add_to_pool(&params.name, &spec)?;
        // An address that is served leaves with another MAC from then on.
        let served = change.writes().iter().filter_map(|write| match write {
            Write::Put(Record::FloatingIp(fip)) if fip.association.is_some() => Some(fip.address),
            _ => None,
        });
        let served: Vec<_> = served.map(|address| self.scope_of(address)).collect();
        let mut planned = self.pool(&params.name, change);
        for scope in served {
            planned.scope.bridges.extend(scope.bridges);
            planned.scope.entities.get_or_insert_default().extend(scope.entities.into_iter().flatten());
        }
        let spans = params.ranges.iter().map(|range| range.span(params.all_addresses)).collect();
        if let Some(pool) = self.site.pool(&params.name) {
            planned.notices = self.kept_notice(&pool.provider, spans);
        }
        Ok(planned)
    }

    fn remove_from_pool(&self, name: &Name, ranges: &[RangeSpec]) -> Result<Planned, ApiError> {
        let change = self.site.remove_from_pool(name, ranges)?;
        let withdrawn = change.writes().iter().any(|write| match write {
            Write::Put(Record::Pool(pool)) => ranges.iter().any(|range| pool.withdrawn.covered(range.span(true)) > 0),
            _ => false,
        });
        let mut planned = self.pool(name, change);
        planned.notices.extend(withdrawn.then(|| {
            format!(
                "what is for these addresses is dropped while the provider may still send it here: `buoyctl pool forget \
                 {name} RANGE...` ends that"
            )
        }));
        Ok(planned)
    }

    pub(super) fn kept_notice(&self, provider: &Name, spans: buoy_topology::AddressSet) -> Vec<String> {
        let Some(provider) = self.site.provider(provider) else { return Vec::new() };
        let kept = provider.gateway.iter().chain(&provider.host_ips).filter(|kept| spans.contains(**kept));
        kept.map(|kept| format!("{kept} is left out: it is the gateway or an address of the host")).collect()
    }

    pub(super) fn pool(&self, name: &Name, change: Change) -> Planned {
        let provider = self.site.pool(name).and_then(|pool| self.site.provider(&pool.provider));
        let bridge = provider.map(|provider| provider.bridge.clone());
        planned(change, Subject::Pool(name.clone()), scope([Entity::Pool(name.clone())], bridge))
    }

    fn removal(&self, name: &Name, change: Change, entity: Option<Entity>, bridge: Option<PortName>) -> Planned {
        let entities = entity.map(|entity| BTreeSet::from([entity]));
        let scope = Scope { entities, bridges: bridge.into_iter().collect() };
        planned(change, Subject::Removed(name.clone()), scope)
    }
}

pub(super) fn planned(change: Change, subject: Subject, scope: Scope) -> Planned {
    Planned { change, subject, scope, notices: Vec::new(), announce: Vec::new() }
}

pub(super) fn scope(entities: impl IntoIterator<Item = Entity>, bridges: impl IntoIterator<Item = PortName>) -> Scope {
    Scope { entities: Some(entities.into_iter().collect()), bridges: bridges.into_iter().collect() }
}

pub(super) fn provider_spec(params: &ProviderCreate) -> Result<ProviderSpec, ApiError> {
    Ok(ProviderSpec {
        bridge: params.bridge.clone(),
        uplink: params.uplink.clone(),
        vlan: params.vlan,
        patch: params.patch.clone(),
        gateway: params.gateway.map(Into::into),
        gateway_mac: params.gateway_mac,
        host_ips: all(&params.host_ip),
        mac_policy: policy(params.mac_policy, params.router_mac)?,
        onlink: all(&params.onlink),
        no_snat: all(&params.no_snat),
        mtu: params.mtu,
        garp: params.garp == Some(crate::api::Switch::On),
        garp_timing: garp_timing(GarpTiming::default(), params.garp_count, params.garp_interval),
        hook: Setting::over(params.hook.clone(), None),
    })
}

fn policy(policy: Policy, router_mac: Option<buoy_topology::MacAddr>) -> Result<PolicySpec, ApiError> {
    match (policy, router_mac) {
        (Policy::Host, None) => Ok(PolicySpec::Host),
        (Policy::Vmac, None) => Ok(PolicySpec::Vmac),
        (Policy::Router, mac) => Ok(PolicySpec::Router(mac)),
        (_, Some(_)) => {
            let message = "--router-mac goes with --mac-policy router".to_owned();
            Err(ApiError::new(ErrorKind::Invalid, message))
        }
    }
}

fn all<T: Copy + Into<V>, V>(written: &[T]) -> Vec<V> {
    written.iter().copied().map(Into::into).collect()
}

/// The subnets of a list, which is empty where it says `none`.
fn routed(written: &[Setting<Subnet>]) -> Result<Vec<Ipv4Net>, ApiError> {
    let blocks: Vec<_> = written.iter().filter_map(|own| Setting::over(Some(*own), None)).collect();
    if blocks.is_empty() || blocks.len() == written.len() {
        return Ok(blocks);
    }
    Err(ApiError::new(ErrorKind::Invalid, "--no-snat none stands alone: it takes all subnets away"))
}

pub(super) fn default_project() -> Name {
    "default".parse().expect("a plain word is a name")
}

fn garp_timing(before: GarpTiming, count: Option<u8>, interval_ms: Option<u16>) -> GarpTiming {
    GarpTiming { count: count.unwrap_or(before.count), interval_ms: interval_ms.unwrap_or(before.interval_ms) }
}
