//! Direct ports: what a request about one changes, and what clients read of it.

use std::collections::BTreeSet;

use buoy_flows::pipeline::Entity;
use buoy_topology::ops::{DirectSpec, Noun, OpError};
use buoy_topology::{Dialect, Direct, Name, PortName};

use super::Core;
use super::plan::{Planned, Subject, planned};
use super::standing::Scope;
use crate::api::views::DirectView;
use crate::api::{ApiError, DirectAdd};

impl Core {
    pub(super) fn add_direct(&self, params: &DirectAdd) -> Result<Planned, ApiError> {
        let change = self.site.add_direct(params.name.clone(), direct_spec(params))?;
        let bridge = self.site.provider(&params.provider).map(|provider| provider.bridge.clone());
        let announces = !change.is_empty() && self.site.provider(&params.provider).is_some_and(|own| own.garp);
        let mut planned = planned(change, Subject::Direct(params.name.clone()), direct_scope(&params.name, bridge));
        planned.announce = params.ip.iter().copied().map(Into::into).filter(|_| announces).collect();
        if let Some(bridge) = planned.scope.bridges.first()
            && self.lacks_port(bridge, &params.port)
        {
            planned
                .notices
                .push(format!("bridge {bridge} has no port {} yet: it is served when it comes", params.port));
        }
        Ok(planned)
    }

    pub(super) fn remove_direct(&self, name: &Name) -> Result<Planned, ApiError> {
        let change = self.site.remove_direct(name)?;
        // What a switch that connects anew still has of it is nobody's: it is gone when the switch is clean.
        let scope = Scope { entities: None, ..self.direct_scope(self.known_direct(name)?) };
        Ok(planned(change, Subject::Removed(name.clone()), scope))
    }

    /// Where a direct port has to be in force.
    pub(super) fn direct_scope(&self, direct: &Direct) -> Scope {
        direct_scope(&direct.name, self.site.provider(&direct.provider).map(|provider| provider.bridge.clone()))
    }

    pub(super) fn known_direct(&self, name: &Name) -> Result<&Direct, OpError> {
        let unknown = || OpError::Unknown { noun: Noun::Direct, name: name.clone() };
        self.site.direct(name).map(|direct| &**direct).ok_or_else(unknown)
    }

    pub(super) fn direct_views(&self) -> Vec<DirectView> {
        self.site.directs().map(|direct| self.direct_view(direct)).collect()
    }

    pub(super) fn direct_view(&self, direct: &Direct) -> DirectView {
        let scope = self.direct_scope(direct);
        let pending = self.pending(&scope);
        let error = self.refusal(&scope).map(str::to_owned).or_else(|| self.direct_trouble(direct));
        let provider = self.site.provider(&direct.provider);
        let bridge = provider.map(|provider| provider.bridge.clone());
        DirectView {
            name: direct.name.clone(),
            provider: direct.provider.clone(),
            ofport: bridge.as_ref().and_then(|bridge| self.port(bridge, &direct.port)).map(|port| port.number.0),
            bridge,
            port: direct.port.clone(),
            mac: direct.mac,
            ips: direct.ips.clone(),
            applied: pending.is_empty() && error.is_none(),
            pending,
            error,
        }
    }

    /// Why a direct port that nothing is pending for is not served all the same.
    pub(super) fn direct_trouble(&self, direct: &Direct) -> Option<String> {
        let provider = self.site.provider(&direct.provider)?;
        let name = &provider.bridge;
        let bridge = self.switches.bridge(name)?;
        if bridge.dialect == Dialect::OpenFlow10 {
            return Some(format!("bridge {name} speaks OpenFlow 1.0, in which direct ports are not served"));
        }
        let missing = [&provider.uplink, &direct.port].into_iter().find(|port| bridge.port(port).is_none());
        let lacks = missing.map(|port| format!("bridge {name} has no port {port}: it is served when it comes"));
        lacks.or_else(|| {
            let has_mac = |address: &&std::net::Ipv4Addr| {
                let fip = self.site.floating_ip(**address);
                provider.mac_policy != buoy_topology::MacPolicy::Vmac || fip.is_some_and(|fip| fip.mac.is_some())
            };
            let without = direct.ips.iter().find(|address| !has_mac(address))?;
            Some(format!("{without} has no MAC, and provider {} has the MAC policy vmac", provider.name))
        })
    }
}

pub(super) fn direct_spec(params: &DirectAdd) -> DirectSpec {
    DirectSpec {
        provider: params.provider.clone(),
        port: params.port.clone(),
        mac: params.mac,
        ips: params.ip.iter().copied().map(Into::into).collect(),
    }
}

fn direct_scope(name: &Name, bridge: Option<PortName>) -> Scope {
    let entities = Some(BTreeSet::from([Entity::Direct(name.clone())]));
    Scope { entities, bridges: bridge.into_iter().collect() }
}
